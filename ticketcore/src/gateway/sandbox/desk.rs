//! A sandbox on a desk, for tests: one order, one clock, answers that are there at once.

use std::sync::Arc;

use super::*;
use crate::gateway::reply::{Answer, Answered};
use crate::id::{EventId, HoldNumber, OrderId, Revision};
use crate::money::Currency;
use crate::sync::atomic::{AtomicU64, Ordering};

pub(in crate::gateway) struct TestClock(pub AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> UtcMs {
        UtcMs(self.0.load(Ordering::SeqCst))
    }
}

pub(in crate::gateway) fn order(number: u64) -> OrderId {
    OrderId { event: EventId(7), number: HoldNumber::new(Revision(number), 3) }
}

pub(in crate::gateway) fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

/// A sandbox, its clock, and calls that wait for their answer. Everything is about order 1, amounts are 100.00.
pub(in crate::gateway) struct Desk {
    pub clock: Arc<TestClock>,
    pub gateway: SandboxGateway,
}

pub(in crate::gateway) const START: u64 = 1_000_000;

impl Desk {
    pub fn new(options: SandboxOptions) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(START)));
        let gateway = SandboxGateway::new(options, Arc::<TestClock>::clone(&clock));
        Self { clock, gateway }
    }

    pub fn plain() -> Self {
        Self::new(SandboxOptions::default())
    }

    pub fn pass(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
        self.gateway.tick();
    }

    pub fn key(action: GatewayAction, number: u32) -> GatewayKey {
        GatewayKey::new(order(1), action, number)
    }

    pub fn pay(method: &str) -> Authorize {
        let key = Self::key(GatewayAction::Authorize, 1);
        Authorize {
            key,
            amount: eur(10_000),
            method: Word::cut(method),
            capture_now: false,
            return_url: None,
        }
    }

    pub fn start(&self, call: Authorize) -> Answered<PaymentSeen> {
        let (reply, answered) = Reply::pair();
        self.gateway.authorize(call, reply);
        answered
    }

    pub fn authorize(&self, call: Authorize) -> Answer<PaymentSeen> {
        now(&self.start(call))
    }

    /// Authorises and returns the reference.
    pub fn authorized(&self, method: &str) -> Word {
        match self.authorize(Self::pay(method)) {
            Answer::Yes(PaymentSeen::Authorized { reference, .. }) => reference,
            other => panic!("{method}: {other:?}"),
        }
    }

    pub fn capture(&self, tries: u32, reference: &Word, minor: i64) -> Answer<PaymentSeen> {
        let key = GatewayKey { tries, ..Self::key(GatewayAction::Capture, 1) };
        self.capture_as(key, reference, minor)
    }

    pub fn capture_as(&self, key: GatewayKey, reference: &Word, minor: i64) -> Answer<PaymentSeen> {
        let (reply, answered) = Reply::pair();
        self.gateway.capture(Capture { key, reference: reference.clone(), amount: eur(minor) }, reply);
        now(&answered)
    }

    pub fn void(&self, tries: u32, reference: Option<&Word>) -> Answer<PaymentSeen> {
        let (reply, answered) = Reply::pair();
        let key = GatewayKey { tries, ..Self::key(GatewayAction::Void, 1) };
        self.gateway.void(Void { key, reference: reference.cloned() }, reply);
        now(&answered)
    }

    pub fn refund(&self, number: u32, reference: &Word, minor: i64) -> Answer<RefundSeen> {
        self.refund_try(number, 0, reference, minor)
    }

    pub fn refund_try(&self, number: u32, tries: u32, reference: &Word, minor: i64) -> Answer<RefundSeen> {
        let (reply, answered) = Reply::pair();
        let payment = Self::key(GatewayAction::Authorize, 1);
        let key = GatewayKey { tries, ..Self::key(GatewayAction::Refund, number) };
        let call = Refund { key, payment, reference: reference.clone(), amount: eur(minor) };
        self.gateway.refund(call, reply);
        now(&answered)
    }

    pub fn look_up(&self) -> Answer<PaymentSeen> {
        let (reply, answered) = Reply::pair();
        self.gateway.look_up(LookUp::by_key(Self::key(GatewayAction::Authorize, 1)), reply);
        now(&answered)
    }

    pub fn look_up_refund(&self, number: u32) -> Answer<RefundSeen> {
        let (reply, answered) = Reply::pair();
        self.gateway.look_up_refund(LookUp::by_key(Self::key(GatewayAction::Refund, number)), reply);
        now(&answered)
    }

    /// Authorised, captured, voided, refunded, outstanding.
    pub fn totals(&self) -> [i128; 5] {
        let t = self.gateway.ledger().totals(Currency::EUR);
        [t.authorized_minor, t.captured_minor, t.voided_minor, t.refunded_minor, t.outstanding_minor]
    }
}

#[track_caller]
pub(super) fn now<T>(answered: &Answered<T>) -> Answer<T> {
    answered.try_take().expect("answered at once")
}
