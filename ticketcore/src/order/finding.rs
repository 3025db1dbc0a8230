//! What a look over all orders and holds of an event shows that should not be so for long. Nothing here is an error by itself: each is
//! normal for a moment, and wrong if it stays.

use serde::{Deserialize, Serialize};

use crate::id::{HoldId, OrderId};
use crate::time::UtcMs;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The money is in and there are no tickets yet: the order is to be confirmed, or settled late.
    PaidWithoutTickets {
        /// The order.
        order: OrderId,
        /// When its last payment began.
        since: UtcMs,
    },
    /// Money is reserved, or its outcome unknown, that no live or confirmed order wants.
    MoneyWithoutOrder {
        /// The order.
        order: OrderId,
        /// Which attempt, from 1.
        attempt: u32,
        /// When it began.
        since: UtcMs,
    },
    /// Tickets are valid whose money is neither in nor reserved.
    TicketsWithoutMoney {
        /// The order.
        order: OrderId,
    },
    /// A refund that the gateway refuses for good: staff must see to it.
    RefundStuck {
        /// The order.
        order: OrderId,
        /// Which, from 1.
        refund: u32,
        /// How much, in minor units.
        amount_minor: i64,
    },
    /// A hold past its effective deadline that nobody has expired.
    HoldOverdue {
        /// The hold.
        hold: HoldId,
        /// Its effective deadline.
        deadline: UtcMs,
    },
    /// A hold is pinned, and there is no live order that pins it.
    PinnedWithoutOrder {
        /// The hold.
        hold: HoldId,
    },
    /// An order is live, and there is no hold that it pins.
    OrderWithoutHold {
        /// The order.
        order: OrderId,
    },
}
