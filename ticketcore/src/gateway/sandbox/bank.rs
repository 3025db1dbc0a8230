//! The sandbox's state: payments, refunds, known keys, what is due later. No lock, no clock, no reply in here.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::Serialize;

use super::chance::Chance;
use super::feed::{Feed, Seen};
use super::known::{Known, Said, Use};
use super::ledger::{Entered, Ledger};
use super::method::{Method, Script};
use super::options::{ActionEnd, CallFault, Outage, SandboxFaults, SandboxOptions};
use crate::gateway::call::{Authorize, ChargePage, ListedCharge, LookUp};
use crate::gateway::key::{GatewayAction, GatewayKey};
use crate::gateway::reply::Answer;
use crate::limits::CHARGES_PER_PAGE;
use crate::money::Money;
use crate::order::{Identity, PaymentSeen, RefundSeen, Word};
use crate::time::UtcMs;

/// When somebody is told an answer.
pub(super) enum Told<T> {
    Now(Answer<T>),
    At(UtcMs, Answer<T>),
}

/// Tells somebody; dropped, it tells that nobody knows.
pub(super) type Tell = Box<dyn FnOnce() + Send>;

/// What happens by itself.
pub(super) enum Job {
    /// A payment that was being worked on is decided.
    Resolve(u64),
    /// A call that was on its way arrives.
    Arrive(Authorize),
    /// An authorisation lapses.
    Lapse(u64),
    /// A refund is through.
    RefundDone(u64),
    /// A refund that was through could not be delivered.
    RefundBack(u64),
    /// An answer is out.
    Tell(Tell),
}

pub(super) enum Status {
    /// What the ledger says.
    Live,
    ActionRequired,
    Processing,
    Declined(Word),
    /// Voided before there was any money.
    Abandoned,
}

pub(super) struct Payment {
    pub key: Option<GatewayKey>,
    pub amount: Money,
    pub capture_now: bool,
    pub method: Method,
    pub status: Status,
    pub lapses_at: UtcMs,
    /// What refunds that are not through yet will give back.
    pub refunding_minor: i64,
    pub refunds_failed: u32,
}

pub(super) struct Refunded {
    pub key: GatewayKey,
    pub payment: u64,
    pub amount: Money,
    pub seen: RefundSeen,
}

/// See the module.
pub(super) struct Bank {
    pub options: SandboxOptions,
    pub faults: SandboxFaults,
    pub outage: Option<Outage>,
    pub ledger: Ledger,
    pub(super) known: Known,
    feed: Feed,
    pub(super) payments: BTreeMap<u64, Payment>,
    pub(super) refunds: BTreeMap<u64, Refunded>,
    /// The latest payment and refund under each key.
    pub(super) named: HashMap<GatewayKey, u64>,
    jobs: BTreeMap<(UtcMs, u64), Job>,
    job: u64,
    scripted: Vec<(GatewayAction, CallFault)>,
}

impl Bank {
    pub fn new(options: SandboxOptions) -> Self {
        Self {
            faults: options.faults,
            options,
            outage: None,
            ledger: Ledger::default(),
            known: Known::default(),
            feed: Feed::default(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            named: HashMap::new(),
            jobs: BTreeMap::new(),
            job: 0,
            scripted: Vec::new(),
        }
    }

    /// Does what is due and returns who is to be told, with no lock held.
    pub fn settle(&mut self, now: UtcMs) -> Vec<Tell> {
        let mut tell = Vec::new();
        while let Some(entry) = self.jobs.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Job::Tell(due) => tell.push(due),
                Job::Arrive(call) => {
                    // Nobody listens any more.
                    let _unheard = self.pay(now, &call, None);
                }
                Job::Resolve(number) => self.resolve(now, number),
                Job::Lapse(number) => self.lapse(now, number),
                Job::RefundDone(number) => self.refund_done(now, number),
                Job::RefundBack(number) => self.refund_back(now, number),
            }
        }
        self.known.forget(now, self.options.key_retention_ms);
        tell
    }

    /// When the next thing happens by itself.
    pub fn next_due(&self) -> Option<UtcMs> {
        self.jobs.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn later(&mut self, at: UtcMs, job: Job) {
        self.job += 1;
        self.jobs.insert((at, self.job), job);
    }

    /// The next call of `action` meets `fault`.
    pub fn script(&mut self, action: GatewayAction, fault: CallFault) {
        self.scripted.push((action, fault));
    }

    /// Lets a call meet its fault, if it has one; else, or before its answer is lost, `run`s it. `run` is told whether it came here for
    /// the first time.
    pub fn call<T>(
        &mut self,
        now: UtcMs,
        key: GatewayKey,
        method: Option<Script>,
        run: impl FnOnce(&mut Self, bool) -> Told<T>,
    ) -> Told<T> {
        let count = self.known.count(key, false, now);
        let fault = self.outage_fault().or_else(|| self.scripted_fault(key.action)).or(match method {
            Some(Script::LostBefore) if count == 1 => Some(CallFault::LostBefore),
            Some(Script::LostAfter) if count == 1 => Some(CallFault::LostAfter),
            _ => self.chance_fault(&("call", key, count)),
        });
        match fault {
            Some(CallFault::Refused) => Told::Now(Answer::not_now("unavailable")),
            Some(CallFault::LostBefore) => Told::Now(Answer::unknown("the connection broke")),
            Some(CallFault::LostAfter) => {
                let _lost = run(self, count == 1);
                Told::Now(Answer::unknown("no answer came"))
            }
            None => run(self, count == 1),
        }
    }

    fn outage_fault(&self) -> Option<CallFault> {
        self.outage.map(|outage| match outage {
            Outage::Silent => CallFault::LostBefore,
            Outage::Refusing => CallFault::Refused,
        })
    }

    fn scripted_fault(&mut self, action: GatewayAction) -> Option<CallFault> {
        let at = self.scripted.iter().position(|(scripted, _)| *scripted == action)?;
        Some(self.scripted.remove(at).1)
    }

    fn chance_fault(&self, call: &impl Serialize) -> Option<CallFault> {
        let chance = self.chance();
        if chance.hits(self.faults.lost_before_pct, &("before", call)) {
            Some(CallFault::LostBefore)
        } else if chance.hits(self.faults.lost_after_pct, &("after", call)) {
            Some(CallFault::LostAfter)
        } else {
            None
        }
    }

    pub(super) fn chance(&self) -> Chance {
        Chance(self.options.seed)
    }

    /// What the key was answered, if this call is not the first to use it; `Err` if it came with other content.
    pub(super) fn used(
        &mut self,
        now: UtcMs,
        key: GatewayKey,
        call: &impl Serialize,
    ) -> Result<Option<Said>, ()> {
        match self.known.use_of(key, call, now, self.options.key_retention_ms) {
            Use::First => Ok(None),
            Use::Again(said) => Ok(Some(said)),
            Use::Other => Err(()),
        }
    }

    /// Refuses for good what may never be asked, and enters that it was.
    pub(super) fn refuse<T>(
        &mut self,
        now: UtcMs,
        key: GatewayKey,
        charge: u64,
        amount: Money,
        code: &str,
    ) -> Told<T> {
        self.ledger.enter(now, charge, Some(key), Entered::Refused { code: Word::cut(code) }, amount);
        Told::Now(Answer::never(code))
    }

    /// Where a payment stands.
    pub(super) fn seen(&self, number: u64) -> Answer<PaymentSeen> {
        let Some(payment) = self.payments.get(&number) else { return Answer::Yes(PaymentSeen::NotFound) };
        let reference = reference(number);
        Answer::Yes(match &payment.status {
            Status::Processing => return Answer::unknown("processing"),
            Status::Declined(code) => PaymentSeen::Declined { code: code.clone() },
            Status::Abandoned => PaymentSeen::Voided,
            Status::ActionRequired => {
                PaymentSeen::ActionRequired { next_action: Word::cut(&format!("sandbox:{reference}")) }
            }
            Status::Live => match self.ledger.charge(number) {
                Some(charge) if charge.captured_minor > 0 => PaymentSeen::Captured {
                    reference,
                    amount_minor: charge.captured_minor,
                    fingerprint: payment.method.fingerprint,
                },
                Some(charge) if charge.outstanding_minor() > 0 => PaymentSeen::Authorized {
                    reference,
                    lapses_at: Some(payment.lapses_at),
                    fingerprint: payment.method.fingerprint,
                },
                _ => PaymentSeen::Voided,
            },
        })
    }

    /// Reports where a payment stands.
    pub(super) fn notify(&mut self, number: u64) {
        let key = self.payments.get(&number).and_then(|payment| payment.key);
        if let (Some(key), Answer::Yes(seen)) = (key, self.seen(number)) {
            let chance = self.chance();
            self.feed.push(key, Seen::Payment(seen), &self.faults, &chance);
        }
    }

    /// Reports where a refund stands.
    pub(super) fn notify_refund(&mut self, number: u64) {
        if let Some(refund) = self.refunds.get(&number) {
            let chance = self.chance();
            self.feed.push(refund.key, Seen::Refund(refund.seen.clone()), &self.faults, &chance);
        }
    }

    pub fn notifications(&mut self, max: usize) -> Vec<super::Notification> {
        let chance = self.chance();
        self.feed.take(max, &self.faults, &chance)
    }

    pub fn look_up(&mut self, now: UtcMs, call: &LookUp) -> Answer<PaymentSeen> {
        if let Some(lost) = self.look_up_fault(now, call.key) {
            return lost;
        }
        match self.named.get(&call.key) {
            Some(number) if call.key.action == GatewayAction::Authorize => self.seen(*number),
            _ => Answer::Yes(PaymentSeen::NotFound),
        }
    }

    pub fn look_up_refund(&mut self, now: UtcMs, call: &LookUp) -> Answer<RefundSeen> {
        if let Some(lost) = self.look_up_fault(now, call.key) {
            return lost;
        }
        let refund = self.named.get(&call.key).and_then(|number| self.refunds.get(number));
        let found = refund.filter(|refund| refund.key == call.key);
        Answer::Yes(found.map_or(RefundSeen::NotFound, |refund| refund.seen.clone()))
    }

    fn look_up_fault<T>(&mut self, now: UtcMs, key: GatewayKey) -> Option<Answer<T>> {
        let count = self.known.count(key, true, now);
        let fault = self.outage_fault().or_else(|| self.chance_fault(&("look up", key, count)))?;
        Some(match fault {
            CallFault::Refused => Answer::not_now("unavailable"),
            CallFault::LostBefore | CallFault::LostAfter => Answer::unknown("no answer came"),
        })
    }

    /// Whose instrument a method is.
    pub fn instrument(&self, method: &Word) -> Answer<Option<Identity>> {
        let instrument =
            || Method::parse(method.as_str(), &self.faults).and_then(|method| method.fingerprint);
        self.out().unwrap_or_else(|| Answer::Yes(instrument()))
    }

    /// The answer to whoever asks during an outage.
    fn out<T>(&self) -> Option<Answer<T>> {
        match self.outage? {
            Outage::Silent => Some(Answer::unknown("no answer came")),
            Outage::Refusing => Some(Answer::not_now("unavailable")),
        }
    }

    /// A page of what the ledger has.
    pub fn page(&self, after: Option<&Word>) -> Answer<ChargePage> {
        if let Some(answer) = self.out() {
            return answer;
        }
        let after = match after.map(number_of) {
            Some(None) => return Answer::never("no_such_cursor"),
            Some(Some(number)) => number,
            None => 0,
        };
        let mut rest = self.ledger.charges_after(after);
        let charges: Vec<_> = rest
            .by_ref()
            .take(CHARGES_PER_PAGE)
            .map(|charge| ListedCharge {
                reference: reference(charge.number),
                key: charge.key,
                currency: charge.currency,
                outstanding_minor: charge.outstanding_minor(),
                captured_minor: charge.captured_minor,
                refunded_minor: charge.refunded_minor,
                seen: self.seen(charge.number).yes().unwrap_or(PaymentSeen::NotFound),
            })
            .collect();
        let more = rest.next().is_some();
        let next = charges.last().filter(|_| more).map(|last| last.reference.clone());
        Answer::Yes(ChargePage { charges, next })
    }

    /// The buyer acts. `None` if nothing is asked of him.
    pub fn complete_action(&mut self, now: UtcMs, key: GatewayKey, end: ActionEnd) -> Option<PaymentSeen> {
        let number = *self.named.get(&key)?;
        let payment = self.payments.get_mut(&number)?;
        if !matches!(payment.status, Status::ActionRequired) {
            return None;
        }
        match end {
            ActionEnd::Done => self.go_live(now, number),
            ActionEnd::Failed => {
                payment.status = Status::Declined(Word::cut("action_failed"));
                self.notify(number);
            }
        }
        self.seen(number).yes()
    }
}

/// The gateway's name of a payment or refund.
pub(super) fn reference(number: u64) -> Word {
    Word::cut(&format!("sbx_{number}"))
}

/// The number in a name.
pub(super) fn number_of(reference: &Word) -> Option<u64> {
    reference.as_str().strip_prefix("sbx_")?.parse().ok()
}
