//! One payment attempt of an order.

use serde::{Deserialize, Serialize};

use super::observed::{Identity, PaymentSeen};
use super::word::Word;
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
