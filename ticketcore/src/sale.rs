//! Sale states of an event: which transitions are legal and what each state allows.

use serde::{Deserialize, Serialize};

/// Where an event stands in its sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaleState {
    /// Being prepared; invisible.
    Draft,
    /// Announced; visible, the waiting room may open.
    Scheduled,
    /// Only places of an unlocked allocation are sold.
    Presale,
    /// On public sale.
    Onsale,
    /// Interrupted: nothing new, what is held may still be bought.
    Paused,
    /// Over: nothing new, what is held may still be bought.
    Closed,
    /// The event will not happen: nothing is sold any more.
    Cancelled,
}

/// What somebody may want to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// See the event, its map and its availability.
    Browse,
    /// Join its waiting room.
    Join,
    /// Place a hold, or add to one.
    Hold,
    /// Extend a hold.
    Extend,
    /// Open an order from a hold.
    OpenOrder,
    /// Pay an order: confirm it.
    Pay,
    /// Refund an order.
    Refund,
    /// Redeem a ticket at the door.
    Redeem,
}

impl SaleState {
    /// Every state, in the order of a normal life.
    pub const ALL: [SaleState; 7] = [
        SaleState::Draft,
        SaleState::Scheduled,
        SaleState::Presale,
        SaleState::Onsale,
        SaleState::Paused,
        SaleState::Closed,
        SaleState::Cancelled,
    ];

    /// Whether `activity` is allowed in this state. Releasing a hold always is.
    #[must_use]
    pub const fn allows(self, activity: Activity) -> bool {
        use Activity as A;
        match self {
            SaleState::Draft => false,
            SaleState::Scheduled => matches!(activity, A::Browse | A::Join),
            SaleState::Presale | SaleState::Onsale => true,
            SaleState::Paused => {
                matches!(activity, A::Browse | A::Join | A::OpenOrder | A::Pay | A::Refund | A::Redeem)
            }
            SaleState::Closed => {
                matches!(activity, A::Browse | A::OpenOrder | A::Pay | A::Refund | A::Redeem)
            }
            SaleState::Cancelled => matches!(activity, A::Browse | A::Refund),
        }
    }

    /// Whether the state may change to `to`. A state never changes to itself.
    #[must_use]
    pub const fn may_become(self, to: SaleState) -> bool {
        use SaleState as S;
        match self {
            S::Draft => matches!(to, S::Scheduled | S::Presale | S::Onsale | S::Cancelled),
            S::Scheduled => matches!(to, S::Draft | S::Presale | S::Onsale | S::Cancelled),
            S::Presale => matches!(to, S::Onsale | S::Paused | S::Closed | S::Cancelled),
            S::Onsale => matches!(to, S::Paused | S::Closed | S::Cancelled),
            S::Paused => matches!(to, S::Presale | S::Onsale | S::Closed | S::Cancelled),
            S::Closed => matches!(to, S::Onsale | S::Cancelled),
            S::Cancelled => false,
        }
    }
}

impl Activity {
    /// Every activity.
    pub const ALL: [Activity; 8] = [
        Activity::Browse,
        Activity::Join,
        Activity::Hold,
        Activity::Extend,
        Activity::OpenOrder,
        Activity::Pay,
        Activity::Refund,
        Activity::Redeem,
    ];
}
