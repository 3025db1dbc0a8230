//! What must be done about an order next. Derived from its state and nothing else: recovery after any crash is "list the orders with
//! effects and do the next one again".

use serde::{Deserialize, Serialize};

use super::payment::PaymentState;
use super::record::OrderRecord;
use super::refund::RefundState;
use super::state::OrderState;
use super::step::EndReason;
use super::terms::{CaptureMode, OnDecline};
use super::word::Word;
use crate::time::UtcMs;

/// A payment attempt as its gateway must be told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Who takes the money.
    pub gateway: Word,
    /// With what.
    pub method: Word,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// The gateway's name of the payment, once known.
    pub reference: Word,
    /// When the intent was written.
    pub started_at: UtcMs,
}

/// What must be done next. Effects that call a gateway are run outside, by a driver; the others are commands to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Have the money reserved; if this may have been asked before, look it up first.
    Authorize(Charge),
    /// Learn what became of a payment: the buyer of a live order is acting, or the order is over and the outcome unknown. Nothing is sent.
    LookUp(Charge),
    /// Take the reserved money.
    Capture(Charge),
    /// Give the reservation back; or, if the buyer was to act and has not, keep the payment from ever succeeding.
    Void(Charge),
    /// Send money back.
    Refund {
        /// The number of the refund, from 1.
        refund: u32,
        /// Definite failures before: each try has a key of its own.
        tries: u32,
        /// How much, in minor units.
        amount_minor: i64,
        /// When this try's intent was written.
        started_at: UtcMs,
        /// Whose money.
        charge: Charge,
    },
    /// Learn what became of a refund that the gateway has.
    LookUpRefund {
        /// The number of the refund, from 1.
        refund: u32,
        /// As in `Refund`.
        tries: u32,
        /// How much, in minor units.
        amount_minor: i64,
        /// When this try's intent was written.
        started_at: UtcMs,
        /// Whose money.
        charge: Charge,
    },
    /// Sell the seats: the money is as it should be.
    Confirm,
    /// End the order unsold.
    Drop(EndReason),
    /// The money came after the deadline: sell what can be sold, or send it back.
    SettleLate,
    /// Begin to send an attempt's money back.
    StartRefund {
        /// Whose money.
        attempt: u32,
        /// Why.
        reason: EndReason,
    },
    /// Undo a sale whose money can't be had.
    Reverse,
}

impl OrderRecord {
    /// What must be done next, if anything. `cancelled`: the event is.
    pub fn next_effect(&self, cancelled: bool) -> Option<Effect> {
        let account = self.account.as_deref()?;
        let last = super::count(self.payments().len());
        let live = match self.state {
            OrderState::Open | OrderState::Paying | OrderState::InReview if cancelled => {
                Some(Effect::Drop(EndReason::EventCancelled))
            }
            OrderState::Authorized | OrderState::Captured if cancelled => {
                Some(Effect::Drop(EndReason::EventCancelled))
            }
            OrderState::Open => self.next_of_open(),
            OrderState::Paying => self.charge(last).map(|charge| {
                let acting = self.payment(last).is_some_and(|p| p.state == PaymentState::ActionRequired);
                if acting { Effect::LookUp(charge) } else { Effect::Authorize(charge) }
            }),
            OrderState::Authorized | OrderState::Captured => self.next_of_authorized(last),
            OrderState::Confirmed => self.next_of_confirmed(last, cancelled),
            OrderState::Expired => {
                let paid = |p: PaymentState| matches!(p, PaymentState::Authorized | PaymentState::Captured);
                let late = self.payment(last).is_some_and(|p| paid(p.state) && !p.capture_refused);
                late.then_some(Effect::SettleLate)
            }
            OrderState::InReview | OrderState::Cancelled => None,
        };
        let reason = account.reason.unwrap_or(EndReason::Surplus);
        live.or_else(|| self.next_of_money(last, reason)).or_else(|| self.next_refund())
    }

    fn next_of_open(&self) -> Option<Effect> {
        let account = self.account.as_deref()?;
        let terms = account.terms.as_ref()?;
        if account.amount_minor == 0 {
            return Some(Effect::Confirm);
        }
        let declined = self.last_payment().is_some_and(|payment| payment.state == PaymentState::Declined);
        (declined && terms.rules.on_decline == OnDecline::Free).then_some(Effect::Drop(EndReason::Declined))
    }

    fn next_of_authorized(&self, last: u32) -> Option<Effect> {
        let Some(payment) = self.payment(last) else {
            return self.is_paid().then_some(Effect::Confirm);
        };
        let wrong = payment.state == PaymentState::Captured && !self.is_paid();
        if wrong {
            return Some(Effect::Drop(EndReason::WrongAmount));
        }
        if payment.capture_refused {
            return self.charge(last).map(Effect::Void);
        }
        if self.is_paid() {
            return Some(Effect::Confirm);
        }
        self.charge(last).map(Effect::Capture)
    }

    fn next_of_confirmed(&self, last: u32, cancelled: bool) -> Option<Effect> {
        let account = self.account.as_deref()?;
        let payment = self.payment(last)?;
        if !self.pays(last) {
            return None;
        }
        if cancelled && payment.state == PaymentState::Authorized {
            return Some(Effect::Reverse);
        }
        if cancelled && self.left_minor(last) > 0 && !self.is_disputed(last) {
            return Some(Effect::StartRefund { attempt: last, reason: EndReason::EventCancelled });
        }
        if payment.state == PaymentState::Voided || payment.capture_refused {
            return Some(Effect::Reverse);
        }
        let wanted = account.capture_requested
            || account.terms.is_some_and(|terms| terms.rules.capture != CaptureMode::Manual);
        let due = payment.state == PaymentState::Authorized && wanted;
        if due { self.charge(last).map(Effect::Capture) } else { None }
    }

    /// Money that no live order is owed: unknown outcomes are looked up, reservations given back, captures refunded.
    fn next_of_money(&self, last: u32, reason: EndReason) -> Option<Effect> {
        (1..=last).find_map(|attempt| {
            let wanted = self.pays(attempt) || self.state.is_live() && attempt == last;
            if wanted {
                return None;
            }
            let disputed = self.is_disputed(attempt);
            match self.payment(attempt)?.state {
                PaymentState::Started => self.charge(attempt).map(Effect::LookUp),
                // The buyer may still act: he must not pay for what is gone.
                PaymentState::ActionRequired | PaymentState::Authorized => {
                    self.charge(attempt).map(Effect::Void)
                }
                // What a live order does not need goes back when it is over: nothing else may become of its money meanwhile.
                PaymentState::Captured
                    if self.left_minor(attempt) > 0 && !disputed && !self.state.is_live() =>
                {
                    Some(Effect::StartRefund { attempt, reason })
                }
                _ => None,
            }
        })
    }

    /// What is to be sent comes before what was sent: a refund that the gateway works on keeps no other back.
    fn next_refund(&self) -> Option<Effect> {
        self.refund_to_send().or_else(|| self.refunds_to_look_up().next())
    }

    /// What may be done beside what is `next`: each refund that a gateway has is looked up, whatever the others wait for.
    pub fn effects_beside(&self, next: &Effect) -> Vec<Effect> {
        self.refunds_to_look_up().filter(|effect| effect != next).collect()
    }

    fn refund_to_send(&self) -> Option<Effect> {
        let mut refunds = self.refunds().iter().zip(1..);
        let (refund, number) = refunds.find(|(refund, _)| refund.state == RefundState::Requested)?;
        Some(Effect::Refund {
            refund: number,
            tries: refund.tries,
            amount_minor: refund.amount_minor,
            started_at: refund.started_at,
            charge: self.charge(refund.attempt)?,
        })
    }

    fn refunds_to_look_up(&self) -> impl Iterator<Item = Effect> {
        let refunds = self.refunds().iter().zip(1..);
        refunds.filter(|(refund, _)| refund.state == RefundState::Submitted).filter_map(|(refund, number)| {
            Some(Effect::LookUpRefund {
                refund: number,
                tries: refund.tries,
                amount_minor: refund.amount_minor,
                started_at: refund.started_at,
                charge: self.charge(refund.attempt)?,
            })
        })
    }

    fn charge(&self, attempt: u32) -> Option<Charge> {
        let payment = self.payment(attempt)?;
        Some(Charge {
            attempt,
            gateway: payment.gateway.clone(),
            method: payment.method.clone(),
            amount_minor: payment.amount_minor,
            reference: payment.reference.clone(),
            started_at: payment.started_at,
        })
    }
}
