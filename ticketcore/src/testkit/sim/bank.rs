//! The gateway of a run: a sandbox whose clock is right, and a record of all it has ever said, so that no fact can claim more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::history::violation;
use super::venue::between;
use crate::fact::{Fact, OrderStep, Stamp};
use crate::gateway::{
    Answer, Entered, GatewayAction, GatewayKey, Outage, SandboxFaults, SandboxGateway, SandboxOptions,
};
use crate::id::{EventId, HoldNumber, OrderId};
use crate::invariant::{Invariant, Violation};
use crate::order::{News, PaymentSeen, RefundSeen, Word};
use crate::testkit::audit::LedgerRow;
use crate::testkit::{ManualClock, Rng};
use crate::time::{Clock, UtcMs};

const HOUR_MS: u64 = 3_600_000;
/// Nothing is on its way for longer than this part of the time for which keys are remembered: a call that arrives late meets its key.
const LATE_PART: u64 = 4;

/// What an intent is about: the order, a refund or a payment, its number, the try.
type Intent = (HoldNumber, bool, u32, u32);

/// See the module.
pub(super) struct Bank {
    pub clock: ManualClock,
    pub gateway: SandboxGateway,
    pub event: EventId,
    key_retention_ms: u64,
    /// A "never heard of it" is believed at once, although a call may still be on its way.
    hasty: bool,
    /// What was said, in words.
    said: BTreeSet<(HoldNumber, String)>,
    /// What was said, to be said again late and out of order.
    pub news: Vec<(OrderId, News)>,
    /// Tries of refunds that were said to have gone through. Some come back.
    pub through: BTreeSet<GatewayKey>,
    /// When each intent was seen to be durable, by the right clock.
    since: BTreeMap<Intent, UtcMs>,
    /// Facts looked at.
    facts: usize,
}

impl Bank {
    pub fn new(event: EventId, start: UtcMs, hasty: bool, rng: &mut Rng) -> Self {
        let clock = ManualClock::new(start);
        let key_retention_ms = *rng.pick(&[HOUR_MS / 3, HOUR_MS / 3, 4 * HOUR_MS, 24 * HOUR_MS]);
        let mut pct = |most: u32| if rng.chance(50) { between(rng, 1, most) } else { 0 };
        let faults = SandboxFaults {
            lost_before_pct: pct(20),
            lost_after_pct: pct(20),
            declined_pct: pct(30),
            late_pct: pct(30),
            arrives_late_pct: pct(20),
            slow_pct: pct(20),
            refund_fails_pct: pct(40),
            notify_lost_pct: pct(60),
            ..SandboxFaults::NONE
        };
        let faults = SandboxFaults {
            late_ms: 1 + rng.below((key_retention_ms / LATE_PART).min(HOUR_MS / 2)),
            slow_ms: 1 + rng.below(60_000),
            notify_twice: rng.chance(50),
            notify_shuffled: rng.chance(50),
            // Where many fail at once, many fail later, too.
            refund_bounces_pct: 2 * faults.refund_fails_pct,
            ..faults
        };
        let options = SandboxOptions {
            seed: rng.next_u64(),
            key_retention_ms,
            authorization_ms: *rng.pick(&[12 * HOUR_MS, 168 * HOUR_MS]),
            faults,
            ..SandboxOptions::default()
        };
        let gateway = SandboxGateway::new(options, Arc::new(clock.clone()));
        let (said, since, through) = Default::default();
        let news = Vec::new();
        Self { clock, gateway, event, key_retention_ms, hasty, said, news, through, since, facts: 0 }
    }

    /// Time goes on; everything that happens by itself happens in its time.
    pub fn advance_to(&self, to: UtcMs) {
        while let Some(due) = self.gateway.next_due().filter(|due| *due <= to) {
            self.clock.set(due.max(self.clock.now()));
            self.gateway.tick();
        }
        self.clock.set(to.max(self.clock.now()));
        self.gateway.tick();
    }

    /// The faults end.
    pub fn end_faults(&self) {
        self.gateway.set_outage(None);
        self.gateway.set_faults(SandboxFaults::NONE);
    }

    /// An outage begins or ends.
    pub fn change_outage(&self, rng: &mut Rng) {
        let outages = [None, None, Some(Outage::Silent), Some(Outage::Refusing)];
        self.gateway.set_outage(*rng.pick(&outages));
    }

    /// The key of a payment attempt, or of a capture or void of it.
    pub fn key(&self, number: HoldNumber, action: GatewayAction, attempt: u32) -> GatewayKey {
        GatewayKey::new(OrderId { event: self.event, number }, action, attempt)
    }

    fn age_ms(&self, intent: Intent) -> u64 {
        self.since.get(&intent).map_or(0, |since| self.clock.now().since_ms(*since))
    }

    /// Whether a call may be sent, perhaps again: well before the gateway forgets its key.
    pub fn may_send(&self, key: GatewayKey) -> bool {
        self.age_ms(intent(key)) < self.key_retention_ms / 2
    }

    /// Whether a payment that was never heard of will never be.
    pub fn may_give_up(&self, key: GatewayKey) -> bool {
        self.hasty || self.age_ms(intent(key)) > self.key_retention_ms
    }

    /// Notes what was said of a payment, and passes it on.
    pub fn hears(&mut self, key: GatewayKey, answer: Answer<PaymentSeen>) -> Answer<PaymentSeen> {
        let (number, attempt) = (key.order.number, key.number);
        match &answer {
            Answer::Yes(seen) => {
                self.say(number, format!("payment {attempt}: {seen:?}"));
                // That it was never heard of is no news: it is true until the call arrives.
                if *seen != PaymentSeen::NotFound || self.hasty {
                    self.news.push((key.order, News::Payment { attempt, seen: seen.clone() }));
                }
            }
            Answer::No { code, retry_may_help: false } if key.action == GatewayAction::Authorize => {
                let seen = PaymentSeen::Declined { code: code.clone() };
                self.say(number, format!("payment {attempt}: {seen:?}"));
            }
            Answer::No { code, retry_may_help: false } if key.action == GatewayAction::Capture => {
                self.say(number, format!("capture {attempt}: {code:?}"));
            }
            Answer::No { .. } | Answer::Unknown { .. } => {}
        }
        answer
    }

    /// Notes what was said of a try of a refund, and passes it on.
    pub fn hears_refund(&mut self, key: GatewayKey, answer: Answer<RefundSeen>) -> Answer<RefundSeen> {
        let (number, refund, tries) = (key.order.number, key.number, key.tries);
        match &answer {
            Answer::Yes(RefundSeen::NotFound) => {
                let seen = RefundSeen::Failed { code: Word::cut("not_found"), retry: true };
                self.say(number, format!("refund {refund}.{tries}: {seen:?}"));
            }
            Answer::Yes(seen) => {
                self.say(number, format!("refund {refund}.{tries}: {seen:?}"));
                if let RefundSeen::Succeeded { .. } = seen {
                    self.through.insert(key);
                }
                let news = News::Refund { refund, tries, seen: seen.clone() };
                self.news.push((key.order, news));
            }
            Answer::No { code, retry_may_help: false } => {
                let seen = RefundSeen::Failed { code: code.clone(), retry: false };
                self.say(number, format!("refund {refund}.{tries}: {seen:?}"));
            }
            Answer::No { .. } | Answer::Unknown { .. } => {}
        }
        answer
    }

    fn say(&mut self, number: HoldNumber, what: String) {
        self.said.insert((number, what));
    }

    /// Facts say of money only what the gateway has said.
    pub fn follow(&mut self, facts: &[(Stamp, Fact)]) -> Result<(), Violation> {
        let now = self.clock.now();
        for (stamp, fact) in facts.iter().skip(std::mem::replace(&mut self.facts, facts.len())) {
            let Fact::OrderStepped(stepped) = fact else { continue };
            let number = stepped.order;
            let claim = match &stepped.step {
                OrderStep::PaymentStarted { attempt, .. } => {
                    self.since.entry((number, false, *attempt, 0)).or_insert(now);
                    None
                }
                OrderStep::RefundStarted { refund, .. } => {
                    self.since.entry((number, true, *refund, 0)).or_insert(now);
                    None
                }
                OrderStep::PaymentObserved { attempt, seen, .. } => {
                    Some(format!("payment {attempt}: {seen:?}"))
                }
                OrderStep::CaptureRefused { attempt, code } => Some(format!("capture {attempt}: {code:?}")),
                OrderStep::RefundTryObserved { refund, tries, seen } => {
                    if let RefundSeen::Failed { .. } = seen {
                        // The intent of the next try, unless there was one already.
                        self.since.entry((number, true, *refund, tries + 1)).or_insert(now);
                    }
                    Some(format!("refund {refund}.{tries}: {seen:?}"))
                }
                _ => None,
            };
            if let Some(claim) = claim
                && !self.said.contains(&(number, claim.clone()))
            {
                let what = format!("{claim} became a fact of {number:?}, and the gateway has not said so");
                return Err(violation(Invariant::I7Money, stamp.revision, what));
            }
        }
        Ok(())
    }

    /// What the ledger says of every charge.
    pub fn rows(&self) -> Vec<LedgerRow> {
        self.gateway.with_ledger(|ledger| {
            let ours = ledger.charges().filter_map(|charge| Some((charge.key?, charge)));
            ours.map(|(key, charge)| LedgerRow {
                order: key.order.number,
                attempt: key.number,
                authorized_minor: charge.authorized_minor,
                captured_minor: charge.captured_minor,
                voided_minor: charge.voided_minor,
                refunded_minor: charge.refunded_minor,
            })
            .collect()
        })
    }

    /// Nothing was ever asked for that may never be: more than is there, or something else under a used key.
    pub fn asked_too_much(&self) -> Option<String> {
        self.gateway.with_ledger(|ledger| {
            let too_much =
                |code: &Word| matches!(code.as_str(), "over_capture" | "over_refund" | "key_reused");
            let found = ledger.entries().iter().find(|entry| match &entry.entered {
                Entered::Refused { code } => too_much(code),
                _ => false,
            });
            found.map(|entry| format!("the gateway was asked for what may never be: {entry:?}"))
        })
    }
}

const fn intent(key: GatewayKey) -> Intent {
    let refund = matches!(key.action, GatewayAction::Refund);
    (key.order.number, refund, key.number, if refund { key.tries } else { 0 })
}
