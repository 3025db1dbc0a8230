//! What the tests share: a runtime, the stand-in, a gateway, and calls that wait.

use std::sync::Arc;
use std::time::Duration;

use ticketcore::gateway::{
    Answer, Authorize, Capture, ChargePage, GatewayAction, GatewayKey, LookUp, PaymentGateway, Refund, Reply,
    Void,
};
use ticketcore::order::{PaymentSeen, RefundSeen};
use ticketcore::{Clock, Currency, EventId, HoldNumber, Money, OrderId, UtcMs, Word};
use ticketcore_server::stripe::{Secret, StripeGateway, StripeOptions};
use tokio::runtime::Runtime;

use crate::stub::Stub;

pub const AMOUNT: i64 = 5_000;

pub struct Shop {
    pub gateway: Arc<StripeGateway>,
    pub stub: Stub,
    pub runtime: Runtime,
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub fn options(stub: &Stub) -> StripeOptions {
    StripeOptions {
        base: stub.base.clone(),
        fingerprint_secret: Some(Secret::new("pepper")),
        answer_timeout_ms: 5_000,
        call_timeout_ms: 10_000,
        ..StripeOptions::new(Secret::new("sk_test_12345"))
    }
}

pub const fn order(number: u64) -> OrderId {
    OrderId { event: EventId(1), number: HoldNumber(number) }
}

pub const fn key(number: u64, action: GatewayAction) -> GatewayKey {
    GatewayKey::new(order(number), action, 1)
}

pub fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

pub const fn euro(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

pub fn authorization(number: u64, method: &str) -> Authorize {
    Authorize {
        key: key(number, GatewayAction::Authorize),
        amount: euro(AMOUNT),
        method: word(method),
        capture_now: false,
        return_url: Some(word("https://shop.example/back/{order}")),
    }
}

pub fn ask<T: Send + 'static>(call: impl FnOnce(Reply<T>)) -> Answer<T> {
    let (reply, answered) = Reply::pair();
    call(reply);
    answered.wait_timeout(Duration::from_secs(60))
}

impl Shop {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut StripeOptions)) -> Self {
        let runtime = runtime();
        let stub = Stub::start(&runtime);
        let mut options = options(&stub);
        change(&mut options);
        let gateway = StripeGateway::new(options, Arc::new(stub.clock.clone()), runtime.handle().clone());
        Self { gateway: Arc::new(gateway.unwrap()), stub, runtime }
    }

    /// Another process: it remembers nothing.
    pub fn again(&mut self) {
        let (options, handle) = (options(&self.stub), self.runtime.handle().clone());
        let gateway = StripeGateway::new(options, Arc::new(self.stub.clock.clone()), handle);
        self.gateway = Arc::new(gateway.unwrap());
    }

    pub fn now(&self) -> UtcMs {
        self.stub.clock.now()
    }

    pub fn authorize(&self, call: &Authorize) -> Answer<PaymentSeen> {
        ask(|reply| self.gateway.authorize(call.clone(), reply))
    }

    /// Reserves the money of an order and says what the payment is called.
    #[track_caller]
    pub fn reserved(&self, number: u64, method: &str) -> Word {
        match self.authorize(&authorization(number, method)) {
            Answer::Yes(PaymentSeen::Authorized { reference, .. }) => reference,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn captured(&self, number: u64, method: &str) -> Word {
        let reference = self.reserved(number, method);
        let seen = self.capture(number, &reference, AMOUNT);
        assert!(matches!(seen, Answer::Yes(PaymentSeen::Captured { amount_minor: AMOUNT, .. })), "{seen:?}");
        reference
    }

    pub fn capture(&self, number: u64, reference: &Word, minor: i64) -> Answer<PaymentSeen> {
        let key = key(number, GatewayAction::Capture);
        let call = Capture { key, reference: reference.clone(), amount: euro(minor) };
        ask(|reply| self.gateway.capture(call, reply))
    }

    pub fn void(&self, number: u64, reference: Option<&Word>) -> Answer<PaymentSeen> {
        let call = Void { key: key(number, GatewayAction::Void), reference: reference.cloned() };
        ask(|reply| self.gateway.void(call, reply))
    }

    /// The `count`-th refund of an order.
    pub fn refund(&self, number: u64, count: u32, reference: &Word, minor: i64) -> Answer<RefundSeen> {
        let call = Refund {
            key: GatewayKey::new(order(number), GatewayAction::Refund, count),
            payment: key(number, GatewayAction::Authorize),
            reference: reference.clone(),
            amount: euro(minor),
        };
        ask(|reply| self.gateway.refund(call, reply))
    }

    pub fn look_up(&self, number: u64, reference: Option<&Word>, since: UtcMs) -> Answer<PaymentSeen> {
        let key = key(number, GatewayAction::Authorize);
        let call = LookUp { reference: reference.cloned(), since, ..LookUp::by_key(key) };
        ask(|reply| self.gateway.look_up(call, reply))
    }

    pub fn look_up_refund(&self, number: u64, count: u32, since: UtcMs) -> Answer<RefundSeen> {
        let key = GatewayKey::new(order(number), GatewayAction::Refund, count);
        let call = LookUp { since, ..LookUp::by_key(key) };
        ask(|reply| self.gateway.look_up_refund(call, reply))
    }

    /// The same where it is known what the payment is called.
    pub fn look_up_refund_of(
        &self,
        number: u64,
        count: u32,
        payment: &Word,
        since: UtcMs,
    ) -> Answer<RefundSeen> {
        let key = GatewayKey::new(order(number), GatewayAction::Refund, count);
        let call = LookUp { payment: Some(payment.clone()), since, ..LookUp::by_key(key) };
        ask(|reply| self.gateway.look_up_refund(call, reply))
    }

    pub fn charges(&self, after: Option<Word>) -> Answer<ChargePage> {
        ask(|reply| self.gateway.charges(after, reply))
    }
}
