//! One payment attempt of an order, and one refund.

use serde::{Deserialize, Serialize};

use super::observed::{Identity, PaymentSeen, RefundSeen};
use super::step::EndReason;
use super::word::Word;
use crate::limits::REFUND_TRIES_MAX;
use crate::time::UtcMs;

/// Where a payment attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The intent is written; what the gateway made of it is not known.
    Started,
    /// The buyer must act.
    ActionRequired,
    /// The money is reserved.
    Authorized,
    /// The money is ours.
    Captured,
    /// No money moved.
    Declined,
    /// The reservation is gone.
    Voided,
}

/// A payment attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub state: PaymentState,
    /// Who takes the money.
    pub gateway: Word,
    /// With what.
    pub method: Word,
    /// How much was asked for, in minor units.
    pub amount_minor: i64,
    /// How much was captured, in minor units.
    pub captured_minor: i64,
    /// When the intent was written.
    pub started_at: UtcMs,
    /// The gateway's name of it, once known.
    pub reference: Word,
    /// What the buyer must do, why it was declined, or why it will not be captured.
    pub note: Word,
    /// When the reservation lapses, if the gateway says so.
    pub lapses_at: Option<UtcMs>,
    /// The payer's instrument, if the gateway tells them apart.
    pub fingerprint: Option<Identity>,
    /// Whether the gateway refused to capture it for good.
    pub capture_refused: bool,
}

impl Payment {
    /// Whether its outcome is not known yet.
    #[must_use]
    pub const fn is_unresolved(&self) -> bool {
        matches!(self.state, PaymentState::Started | PaymentState::ActionRequired)
    }

    /// The state that an observation leads to; `None` if it says nothing new. Money only ever becomes more certain, so that news which come
    /// twice, late or out of order change nothing.
    #[must_use]
    pub fn after(&self, seen: &PaymentSeen) -> Option<PaymentState> {
        use PaymentState as P;
        match (self.state, seen) {
            (P::Started, PaymentSeen::ActionRequired { .. }) => Some(P::ActionRequired),
            (P::ActionRequired, PaymentSeen::ActionRequired { next_action }) if *next_action != self.note => {
                Some(P::ActionRequired)
            }
            (P::Started | P::ActionRequired | P::Declined, PaymentSeen::Authorized { .. }) => {
                Some(P::Authorized)
            }
            (state, PaymentSeen::Captured { .. }) if state != P::Captured => Some(P::Captured),
            (P::Started | P::ActionRequired, PaymentSeen::Declined { .. } | PaymentSeen::NotFound) => {
                Some(P::Declined)
            }
            (P::Started | P::ActionRequired | P::Declined | P::Authorized, PaymentSeen::Voided) => {
                Some(P::Voided)
            }
            _ => None,
        }
    }

    /// Takes an observation that says something new.
    pub(crate) fn observe(&mut self, seen: &PaymentSeen) -> bool {
        let Some(state) = self.after(seen) else { return false };
        self.state = state;
        match seen {
            PaymentSeen::ActionRequired { next_action } => self.note = next_action.clone(),
            PaymentSeen::Authorized { reference, lapses_at, fingerprint } => {
                self.reference = reference.clone();
                self.lapses_at = *lapses_at;
                self.fingerprint = fingerprint.or(self.fingerprint);
            }
            PaymentSeen::Captured { reference, amount_minor, fingerprint } => {
                self.reference = reference.clone();
                self.captured_minor = *amount_minor;
                self.fingerprint = fingerprint.or(self.fingerprint);
                self.capture_refused = false;
            }
            PaymentSeen::Declined { code } => self.note = code.clone(),
            PaymentSeen::NotFound => self.note = Word::cut("not_found"),
            PaymentSeen::Voided => {}
        }
        true
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The intent is written; the gateway may not have heard of it.
    Requested,
    /// The gateway has it.
    Submitted,
    /// The money is on its way to the payer.
    Succeeded,
    /// The gateway refuses for good, or has refused too often: staff must see to it. Never forgotten.
    Stuck,
}

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Where it stands.
    pub state: RefundState,
    /// Of which attempt's money, from 1.
    pub attempt: u32,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Tickets that died with it.
    pub tickets: Vec<u32>,
    /// Why.
    pub reason: EndReason,
    /// Definite failures so far: each try has a key of its own.
    pub tries: u32,
    /// When this try's intent was written.
    pub started_at: UtcMs,
    /// The gateway's name of it, once known.
    pub reference: Word,
    /// Why it failed last, in the gateway's words.
    pub note: Word,
}

impl Refund {
    /// Takes an observation; false if it says nothing new.
    pub(crate) fn observe(&mut self, seen: &RefundSeen, at: UtcMs) -> bool {
        use RefundState as R;
        match (self.state, seen) {
            (R::Requested, RefundSeen::Submitted { reference }) => {
                self.state = R::Submitted;
                self.reference = reference.clone();
            }
            (R::Requested | R::Submitted | R::Stuck, RefundSeen::Succeeded { reference }) => {
                self.state = R::Succeeded;
                self.reference = reference.clone();
            }
            (R::Requested | R::Submitted, RefundSeen::Failed { code, retry }) => {
                self.tries += 1;
                self.started_at = at;
                self.note = code.clone();
                self.state = if *retry && self.tries < REFUND_TRIES_MAX { R::Requested } else { R::Stuck };
            }
            _ => return false,
        }
        true
    }

    /// A stuck refund is tried again; false if it is not stuck.
    pub(crate) fn retry(&mut self, at: UtcMs) -> bool {
        let stuck = self.state == RefundState::Stuck;
        if stuck {
            self.state = RefundState::Requested;
            self.started_at = at;
        }
        stuck
    }
}
