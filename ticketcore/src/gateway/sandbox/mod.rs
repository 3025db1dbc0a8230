//! [`SandboxGateway`]: a payment provider in memory, to try an engine or a host with.

mod bank;
mod calls;
mod chance;
#[cfg(test)]
pub(in crate::gateway) mod desk;
mod feed;
mod known;
mod ledger;
mod method;
mod options;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
mod timer;

use std::fmt;
use std::sync::Arc;

use bank::{Bank, Job, Tell, Told};
pub use feed::{Notification, Seen};
pub use ledger::{Charge, Entered, Entry, Ledger, Totals};
pub use options::{ActionEnd, CallFault, Outage, SandboxFaults, SandboxOptions};
use timer::Timer;

use super::PaymentGateway;
use super::call::{Authorize, Capture, ChargePage, LookUp, Refund, Void};
use super::key::{GatewayAction, GatewayKey};
use super::reply::Reply;
use crate::limits::NOTIFICATIONS_MAX;
use crate::money::Money;
use crate::order::{Identity, PaymentSeen, RefundSeen, Word};
use crate::sync::Mutex;
use crate::time::{Clock, UtcMs};

/// A payment provider in memory. Its payment methods say how it behaves:
///
/// | method | what happens |
/// |---|---|
/// | `pm_ok` | goes well, or what [`SandboxFaults`] make of it |
/// | `pm_declined`, `pm_insufficient_funds`, `pm_expired_card` | declined |
/// | `pm_requires_action` | the buyer must act: [`complete_action`](Self::complete_action) |
/// | `pm_timeout_before` | the first call is lost before it has an effect |
/// | `pm_timeout_after` | the first call has its effect, and its answer is lost |
/// | `pm_slow[:ms]` | answered so much later |
/// | `pm_late[:ms]`, `pm_late_declined[:ms]` | unknown, by look-up too, until so much later it succeeds or is declined |
/// | `pm_arrives_late[:ms]` | the first call is lost, by look-up it was never heard of, and so much later it arrives |
/// | `pm_capture_declined` | authorised; each capture is refused for good |
/// | `pm_refund_fails` | the first two refunds fail and may be tried again |
/// | `pm_refund_stuck` | refunds fail for good |
/// | `pm_refund_pending[:ms]` | refunds are submitted, and through so much later |
/// | `pm_refund_bounces[:ms]` | refunds go through and so much later fail all the same, until one has; then they go well |
///
/// `#card` behind any of them is the payer's instrument: `pm_ok#7` and `pm_declined#7` have the same fingerprint.
///
/// It honours keys for [`SandboxOptions::key_retention_ms`] and then charges again, as any gateway does; it refuses to take more than is
/// reserved and to give back more than was taken. Everything is in its [`Ledger`]. Driven from one thread it does the same each time.
pub struct SandboxGateway {
    inner: Arc<Inner>,
    _timer: Option<Timer>,
}

struct Inner {
    name: String,
    key_retention_ms: u64,
    clock: Arc<dyn Clock>,
    bank: Mutex<Bank>,
}

impl SandboxGateway {
    /// An empty one.
    #[must_use]
    pub fn new(options: SandboxOptions, clock: Arc<dyn Clock>) -> Self {
        let (name, key_retention_ms) = (options.name.clone(), options.key_retention_ms);
        let timer = options.timer;
        let inner = Arc::new(Inner { name, key_retention_ms, clock, bank: Mutex::new(Bank::new(options)) });
        let timer = timer.then(|| Timer::start(&inner)).flatten();
        Self { inner, _timer: timer }
    }

    /// Does what is due by the clock: slow answers, late payments and refunds, authorisations that lapse. Every call does so first.
    pub fn tick(&self) {
        self.inner.tick();
    }

    /// When the next thing happens by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<UtcMs> {
        self.inner.bank.lock().next_due()
    }

    /// Everything that happened to money until now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.with_ledger(Ledger::clone)
    }

    /// As [`ledger`](Self::ledger), without a copy; calls wait meanwhile.
    pub fn with_ledger<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        self.inner.with(|bank, _| look(&bank.ledger))
    }

    /// The buyer does what a `pm_requires_action` asks for. `None` if nothing is asked of him.
    pub fn complete_action(&self, payment: GatewayKey, end: ActionEnd) -> Option<PaymentSeen> {
        self.inner.with(|bank, now| bank.complete_action(now, payment, end))
    }

    /// Takes the notifications that have come in since. Each is given away once; up to `NOTIFICATIONS_MAX` are kept.
    pub fn notifications(&self) -> Vec<Notification> {
        self.notifications_max(NOTIFICATIONS_MAX)
    }

    pub(super) fn notifications_max(&self, max: usize) -> Vec<Notification> {
        self.inner.with(|bank, _| bank.notifications(max))
    }

    /// The next call of `action` meets `fault`, whatever its method. Told several times, the next several do, in order.
    pub fn fault_next(&self, action: GatewayAction, fault: CallFault) {
        self.inner.with(|bank, _| bank.script(action, fault));
    }

    /// Breaks down, or with `None` comes up again.
    pub fn set_outage(&self, outage: Option<Outage>) {
        self.inner.with(|bank, _| bank.outage = outage);
    }

    /// Other faults by chance from now on.
    pub fn set_faults(&self, faults: SandboxFaults) {
        self.inner.with(|bank, _| bank.faults = faults);
    }

    /// A charge that nobody asked for through this gateway and no order knows of. Returns its reference.
    pub fn plant_charge(&self, amount: Money, captured: bool) -> Word {
        self.inner.with(|bank, now| bank.plant(now, amount, captured))
    }

    fn call<T: Send + 'static>(&self, reply: Reply<T>, run: impl FnOnce(&mut Bank, UtcMs) -> Told<T>) {
        let mut reply = Some(reply);
        let answer = self.inner.with(|bank, now| match run(bank, now) {
            Told::Now(answer) => Some(answer),
            Told::At(at, answer) => {
                if let Some(reply) = reply.take() {
                    bank.later(at, Job::Tell(Box::new(move || reply.answer(answer))));
                }
                None
            }
        });
        if let (Some(reply), Some(answer)) = (reply, answer) {
            reply.answer(answer);
        }
    }
}

impl Inner {
    fn tick(&self) {
        self.with(|_, _| ());
    }

    /// Does what is due, then `run`s, then tells who is to be told, with no lock held.
    fn with<R>(&self, run: impl FnOnce(&mut Bank, UtcMs) -> R) -> R {
        let now = self.clock.now();
        let (due, result): (Vec<Tell>, R) = {
            let mut bank = self.bank.lock();
            let due = bank.settle(now);
            let result = run(&mut bank, now);
            (due, result)
        };
        due.into_iter().for_each(|tell| tell());
        result
    }
}

impl PaymentGateway for SandboxGateway {
    fn name(&self) -> &str {
        &self.inner.name
    }
    fn key_retention_ms(&self) -> u64 {
        self.inner.key_retention_ms
    }
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        self.call(reply, |bank, now| bank.authorize(now, &call));
    }
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.call(reply, |bank, now| bank.capture(now, &call));
    }
    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.call(reply, |bank, now| bank.void(now, &call));
    }
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.call(reply, |bank, now| bank.refund(now, &call));
    }
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.call(reply, |bank, now| Told::Now(bank.look_up(now, &call)));
    }
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        self.call(reply, |bank, now| Told::Now(bank.look_up_refund(now, &call)));
    }
    fn instrument(&self, method: Word, reply: Reply<Option<Identity>>) {
        self.call(reply, |bank, _| Told::Now(bank.instrument(&method)));
    }
    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        self.call(reply, |bank, _| Told::Now(bank.page(after.as_ref())));
    }
}

impl fmt::Debug for SandboxGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxGateway").field("name", &self.inner.name).finish_non_exhaustive()
    }
}
