//! Refusals: a normal outcome with the next useful fact in it. The variants stand in their order of precedence:
//! of all reasons that apply, a command is refused for the first one of this list.

use serde::{Deserialize, Serialize};

use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, QuotaIndex, Revision, SeatIndex, SectionIndex, TicketTypeIndex,
};
use crate::limits::LimitExceeded;
use crate::manifest::ManifestError;
use crate::order::{OrderState, TicketStatus};
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;

/// Why a command was not carried out. It changed nothing, used up nothing, and may become a yes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A number in the request is outside its limits.
    #[error("limit_exceeded: {0}")]
    Limit(LimitExceeded),
    /// A request without items.
    #[error("nothing_requested")]
    NothingRequested,
    /// A seat is named twice in the request.
    #[error("duplicate_seat: seat {0:?}")]
    DuplicateSeat(SeatIndex),
    /// No such event.
    #[error("unknown_event")]
    UnknownEvent,
    /// Too much waits for the store; try again after a pause.
    #[error("overloaded: retry after {retry_after_ms} ms")]
    Overloaded {
        /// A pause that should help.
        retry_after_ms: u64,
    },
    /// The key was used by this user for this operation with another body.
    #[error("idempotency_key_reused: at {revision}")]
    KeyReused {
        /// Where the accepted outcome of the key is.
        revision: Revision,
    },
    /// No such hold, or it belongs to somebody else.
    #[error("unknown_hold")]
    UnknownHold,
    /// No such order, or it belongs to somebody else.
    #[error("unknown_order")]
    UnknownOrder,
    /// The event's sale state does not allow this now.
    #[error("sale_state: {activity:?} is not allowed while {state:?}")]
    SaleState {
        /// The state.
        state: SaleState,
        /// What was asked for.
        activity: Activity,
    },
    /// The event's sale state can't change like that.
    #[error("sale_transition: {from:?} can't become {to:?}")]
    SaleTransition {
        /// The state.
        from: SaleState,
        /// The state asked for.
        to: SaleState,
    },
    /// The order is not in a state that allows this.
    #[error("order_state: the order is {state:?}")]
    OrderState {
        /// Its state.
        state: OrderState,
    },
    /// The order has no such payment attempt.
    #[error("unknown_payment: attempt {attempt}")]
    UnknownPayment {
        /// The attempt asked for.
        attempt: u32,
    },
    /// The order has no such refund.
    #[error("unknown_refund: refund {refund}")]
    UnknownRefund {
        /// The refund asked for.
        refund: u32,
    },
    /// The order has no such ticket, or it is somebody else's.
    #[error("unknown_ticket: ticket {ticket}")]
    UnknownTicket {
        /// Its place in the order.
        ticket: u32,
    },
    /// A ticket that is not valid can't be transferred, exchanged or refunded.
    #[error("ticket_not_valid: ticket {ticket} is {status:?}")]
    TicketNotValid {
        /// Its place in the order.
        ticket: u32,
        /// What it is.
        status: TicketStatus,
    },
    /// The door stays shut.
    #[error("not_admitted: {0:?}")]
    NotAdmitted(NotAdmitted),
    /// More money would go back than is left.
    #[error("refund_too_large: {left_minor} left")]
    RefundTooLarge {
        /// What is left, in minor units.
        left_minor: i64,
    },
    /// The order is not paid as its terms want.
    #[error("not_paid: {amount_minor} to pay")]
    NotPaid {
        /// What is to be paid, in minor units.
        amount_minor: i64,
    },
    /// Tickets can only be exchanged for others of the same price.
    #[error("price_differs: {paid_minor} paid, {asked_minor} asked for")]
    PriceDiffers {
        /// What the tickets given back cost, in minor units.
        paid_minor: i64,
        /// What those asked for cost.
        asked_minor: i64,
    },
    /// The hold's effective deadline has passed.
    #[error("hold_expired: at {deadline}")]
    HoldExpired {
        /// The deadline.
        deadline: UtcMs,
    },
    /// The hold is pinned by an order, which must be confirmed or cancelled.
    #[error("hold_pinned: until {payment_deadline}")]
    HoldPinned {
        /// When the order's time ends.
        payment_deadline: UtcMs,
    },
    /// The hold changed since the version the request names.
    #[error("stale_hold: its version is {version}")]
    StaleHold {
        /// Its version now.
        version: Revision,
    },
    /// The hold has no extension left, or its lifetime is used up.
    #[error("no_extension_left: lifetime ends at {lifetime_end}")]
    NoExtensionLeft {
        /// The instant nothing can extend it past.
        lifetime_end: UtcMs,
    },
    /// The definition or the change of it is not valid.
    #[error("manifest: {0}")]
    Manifest(ManifestError),
    /// The change drops seats, or takes away places, that are held or sold.
    #[error("in_use: {} seats", seats.len())]
    InUse {
        /// The seats.
        seats: Vec<SeatIndex>,
        /// The areas whose capacity would fall below what is held, sold and blocked.
        areas: Vec<AreaIndex>,
        /// The quotas whose cap would fall below what is held and sold.
        quotas: Vec<QuotaIndex>,
    },
    /// No such seats.
    #[error("unknown_seats")]
    UnknownSeats(Vec<SeatIndex>),
    /// The line to remove is not in the hold.
    #[error("not_in_hold")]
    NotInHold,
    /// The amended hold would keep nothing; release it instead.
    #[error("hold_would_be_empty")]
    HoldWouldBeEmpty,
    /// No such section.
    #[error("unknown_section")]
    UnknownSection(SectionIndex),
    /// No such category.
    #[error("unknown_category")]
    UnknownCategory(CategoryIndex),
    /// No such area.
    #[error("unknown_area")]
    UnknownArea(AreaIndex),
    /// No such allocation.
    #[error("unknown_allocation")]
    UnknownAllocation(AllocationIndex),
    /// No such ticket type.
    #[error("unknown_ticket_type")]
    UnknownTicketType(TicketTypeIndex),
    /// The ticket type is not sold in the category.
    #[error("not_sold: ticket type {ticket_type:?} in category {category:?}")]
    NotSold {
        /// The ticket type.
        ticket_type: TicketTypeIndex,
        /// The category.
        category: CategoryIndex,
    },
    /// The allocation has been released already.
    #[error("allocation_released")]
    AllocationReleased(AllocationIndex),
    /// Seats are not in the state or version the staff command expects; nothing was changed.
    #[error("seat_mismatch: {} seats", .0.len())]
    SeatMismatch(Vec<SeatMismatch>),
    /// The blocked places of the area are not as many as the staff command expects.
    #[error("places_mismatch: {blocked} are blocked")]
    PlacesMismatch {
        /// Places blocked now.
        blocked: u32,
    },
    /// The user would hold and own more tickets than the event allows.
    #[error("user_limit: {used} of {limit} used, {asked} asked for")]
    UserLimit {
        /// Tickets a user may hold plus own.
        limit: u32,
        /// Tickets the user holds plus owns.
        used: u32,
        /// Tickets asked for.
        asked: u32,
    },
    /// Seats belong to an allocation that the request's channel and access code do not unlock.
    #[error("allocation_locked: {} seats", .0.len())]
    AllocationLocked(Vec<SeatIndex>),
    /// Seats are held, sold or blocked.
    #[error("seats_unavailable: {} seats", .0.len())]
    SeatsUnavailable(Vec<SeatConflict>),
    /// An area has fewer places left than asked for.
    #[error("area_exhausted: {left} left")]
    AreaExhausted {
        /// The area.
        area: AreaIndex,
        /// Places left to this request.
        left: u32,
    },
    /// No group of seats matches the best-available request.
    #[error("best_available_miss: largest adjacent group has {largest_adjacent}, {matching} seats match")]
    BestAvailableMiss {
        /// Seats the request asks for.
        asked: u32,
        /// Free seats that match it.
        matching: u32,
        /// The largest adjacent group among them.
        largest_adjacent: u32,
    },
    /// The seats would leave single free seats behind, and other seats of the same rows would not.
    #[error("orphan_seat: leaves {} single seats", .0.len())]
    OrphanSeat(Vec<SeatIndex>),
    /// A quota has less left than asked for.
    #[error("quota_exhausted: {left} left")]
    QuotaExhausted {
        /// The quota.
        quota: QuotaIndex,
        /// Tickets left.
        left: u32,
    },
}

/// Makes the code of a refusal and the list of all codes from one table, so that a new variant can't be left out of either.
macro_rules! codes {
    ($($variant:pat => $code:literal,)*) => {
        impl Refusal {
            /// Every code, in order of precedence. A closed list: clients may match on it.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            /// The code of this refusal, the same in every interface.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $($variant => $code,)*
                }
            }
        }
    };
}

codes! {
    Refusal::Limit(_) => "limit_exceeded",
    Refusal::NothingRequested => "nothing_requested",
    Refusal::DuplicateSeat(_) => "duplicate_seat",
    Refusal::UnknownEvent => "unknown_event",
    Refusal::Overloaded { .. } => "overloaded",
    Refusal::KeyReused { .. } => "idempotency_key_reused",
    Refusal::UnknownHold => "unknown_hold",
    Refusal::UnknownOrder => "unknown_order",
    Refusal::SaleState { .. } => "sale_state",
    Refusal::SaleTransition { .. } => "sale_transition",
    Refusal::OrderState { .. } => "order_state",
    Refusal::UnknownPayment { .. } => "unknown_payment",
    Refusal::UnknownRefund { .. } => "unknown_refund",
    Refusal::UnknownTicket { .. } => "unknown_ticket",
    Refusal::TicketNotValid { .. } => "ticket_not_valid",
    Refusal::NotAdmitted(_) => "not_admitted",
    Refusal::RefundTooLarge { .. } => "refund_too_large",
    Refusal::NotPaid { .. } => "not_paid",
    Refusal::PriceDiffers { .. } => "price_differs",
    Refusal::HoldExpired { .. } => "hold_expired",
    Refusal::HoldPinned { .. } => "hold_pinned",
    Refusal::StaleHold { .. } => "stale_hold",
    Refusal::NoExtensionLeft { .. } => "no_extension_left",
    Refusal::Manifest(_) => "manifest",
    Refusal::InUse { .. } => "in_use",
    Refusal::UnknownSeats(_) => "unknown_seats",
    Refusal::NotInHold => "not_in_hold",
    Refusal::HoldWouldBeEmpty => "hold_would_be_empty",
    Refusal::UnknownSection(_) => "unknown_section",
    Refusal::UnknownCategory(_) => "unknown_category",
    Refusal::UnknownArea(_) => "unknown_area",
    Refusal::UnknownAllocation(_) => "unknown_allocation",
    Refusal::UnknownTicketType(_) => "unknown_ticket_type",
    Refusal::NotSold { .. } => "not_sold",
    Refusal::AllocationReleased(_) => "allocation_released",
    Refusal::SeatMismatch(_) => "seat_mismatch",
    Refusal::PlacesMismatch { .. } => "places_mismatch",
    Refusal::UserLimit { .. } => "user_limit",
    Refusal::AllocationLocked(_) => "allocation_locked",
    Refusal::SeatsUnavailable(_) => "seats_unavailable",
    Refusal::AreaExhausted { .. } => "area_exhausted",
    Refusal::BestAvailableMiss { .. } => "best_available_miss",
    Refusal::OrphanSeat(_) => "orphan_seat",
    Refusal::QuotaExhausted { .. } => "quota_exhausted",
}

/// Why a ticket does not let its bearer through. A closed list, the same for every scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAdmitted {
    /// The order of the ticket is not confirmed.
    NotSold,
    /// The code is of an earlier issue: the ticket has a new holder.
    Superseded,
    /// It was refunded, or its sale was undone.
    Refunded,
    /// It was exchanged for another.
    Exchanged,
    /// Its payment is disputed.
    Disputed,
    /// Somebody is inside with it.
    AlreadyInside {
        /// Since when.
        since: UtcMs,
    },
    /// Nobody is inside with it.
    NotInside,
}

/// A seat that can't be held now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatConflict {
    /// The seat.
    pub seat: SeatIndex,
    /// Its state.
    pub state: SeatState,
    /// If it is held, when it is free again at the latest, as far as is known.
    pub until: Option<UtcMs>,
}

/// The state of a seat, as everybody may know it. The number is its two bits in a seat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum SeatState {
    /// For sale.
    #[default]
    Free = 0,
    /// Held by somebody.
    Held = 1,
    /// Sold.
    Sold = 2,
    /// Off sale: blocked by staff, or dropped from the plan.
    Blocked = 3,
}

impl SeatState {
    /// The state with these two bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => SeatState::Free,
            1 => SeatState::Held,
            2 => SeatState::Sold,
            _ => SeatState::Blocked,
        }
    }
}

/// A seat that a staff command found otherwise than it expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatMismatch {
    /// The seat.
    pub seat: SeatIndex,
    /// Its state now.
    pub state: SeatState,
    /// Its version now.
    pub version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_begins_with_the_code_and_codes_are_distinct() {
        let refusals = [
            Refusal::NothingRequested,
            Refusal::Overloaded { retry_after_ms: 1 },
            Refusal::KeyReused { revision: Revision(1) },
            Refusal::SeatsUnavailable(Vec::new()),
            Refusal::OrphanSeat(Vec::new()),
        ];
        for refusal in refusals {
            assert_eq!(refusal.to_string().split(':').next(), Some(refusal.code()));
            assert!(Refusal::CODES.contains(&refusal.code()));
        }
        let mut codes = Refusal::CODES.to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Refusal::CODES.len());
    }
}
