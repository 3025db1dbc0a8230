//! [`ForeignEffect`]: an effect of the engine's that somebody outside must see to.

use serde::Serialize;
use ticketcore::gateway::{GatewayAction, GatewayKey};
use ticketcore::order::{Charge, Effect};
use ticketcore::{OrderDetails, OrderId};
use utoipa::ToSchema;

use super::NAME;

/// What is to be done at the vendor's provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Have the money reserved, or taken at once.
    Authorize,
    /// Say what became of a payment; send nothing.
    LookUp,
    /// Take the reserved money.
    Capture,
    /// Give the reservation back, or keep the payment from ever succeeding.
    Void,
    /// Send money back.
    Refund,
    /// Say what became of a refund; send nothing.
    LookUpRefund,
}

/// Which effect of an order it is. Another kind or number is another effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EffectId {
    /// What is to be done.
    pub kind: EffectKind,
    /// Its name at the provider.
    pub key: GatewayKey,
}

impl EffectId {
    /// Whether it is about the payment or the try of a refund that a key names.
    #[must_use]
    pub fn is_about(self, named: GatewayKey) -> bool {
        let is_refund = |key: GatewayKey| key.action == GatewayAction::Refund;
        let same = (self.key.order, self.key.number) == (named.order, named.number);
        same && is_refund(self.key) == is_refund(named)
            && (!is_refund(named) || self.key.tries == named.tries)
    }
}

/// What the vendor may see to of an order now.
#[must_use]
pub fn due_of(details: &OrderDetails) -> Vec<EffectId> {
    let due = details.next.iter().chain(&details.beside);
    due.filter_map(|effect| ForeignEffect::of(details.order.id, effect)).map(|effect| effect.id).collect()
}

/// Whether the house itself must see to it.
#[must_use]
pub const fn is_of_the_house(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Confirm | Effect::Drop(_) | Effect::SettleLate | Effect::StartRefund { .. } | Effect::Reverse
    )
}

/// An effect that the vendor must see to.
pub struct ForeignEffect<'a> {
    /// Which.
    pub id: EffectId,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// The payment that it is about.
    pub charge: &'a Charge,
    /// When its intent was written.
    pub intended_at: ticketcore::UtcMs,
}

impl<'a> ForeignEffect<'a> {
    /// The effect, if it is the vendor's.
    #[must_use]
    pub fn of(order: OrderId, effect: &'a Effect) -> Option<Self> {
        let (kind, action, charge) = match effect {
            Effect::Authorize(charge) => (EffectKind::Authorize, GatewayAction::Authorize, charge),
            Effect::LookUp(charge) => (EffectKind::LookUp, GatewayAction::Authorize, charge),
            Effect::Capture(charge) => (EffectKind::Capture, GatewayAction::Capture, charge),
            Effect::Void(charge) => (EffectKind::Void, GatewayAction::Void, charge),
            Effect::Refund { charge, .. } => (EffectKind::Refund, GatewayAction::Refund, charge),
            Effect::LookUpRefund { charge, .. } => (EffectKind::LookUpRefund, GatewayAction::Refund, charge),
            Effect::Confirm
            | Effect::Drop(_)
            | Effect::SettleLate
            | Effect::StartRefund { .. }
            | Effect::Reverse => return None,
        };
        if charge.gateway.as_str() != NAME {
            return None;
        }
        let (number, tries) = match effect {
            Effect::Refund { refund, tries, .. } | Effect::LookUpRefund { refund, tries, .. } => {
                (*refund, *tries)
            }
            _ => (charge.attempt, 0),
        };
        let (amount_minor, intended_at) = match effect {
            Effect::Refund { amount_minor, started_at, .. }
            | Effect::LookUpRefund { amount_minor, started_at, .. } => (*amount_minor, *started_at),
            _ => (charge.amount_minor, charge.started_at),
        };
        let key = GatewayKey { order, number, action, tries };
        Some(Self { id: EffectId { kind, key }, amount_minor, charge, intended_at })
    }
}
