//! Refusals: a normal outcome with the next useful fact in it. The variants stand in their order of precedence:
//! of all reasons that apply, a command is refused for the first one of this list.

mod detail;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use detail::{NotAdmitted, SeatConflict, SeatMismatch, SeatState};

use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, QuotaIndex, Revision, SeatIndex, SectionIndex, TicketTypeIndex,
};
use crate::limits::LimitExceeded;
use crate::manifest::ManifestError;
use crate::order::{Identity, OrderState, TicketStatus};
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;
use crate::voucher::VoucherTerms;

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
    /// Vouchers are added to a batch that has other terms.
    #[error("batch_differs: its terms are {terms:?}")]
    BatchDiffers {
        /// The terms it has.
        terms: VoucherTerms,
    },
    /// The event has a voucher with this code, or the request has it twice.
    #[error("duplicate_code: at {at}")]
    DuplicateCode {
        /// The place of the code in the request, from 0.
        at: u32,
    },
    /// The event has no such batch of vouchers.
    #[error("unknown_batch")]
    UnknownBatch,
    /// No voucher and no allocation has the code; or the user gave wrong codes before and must wait, whatever this one is.
    #[error("unknown_code: retry after {retry_after_ms} ms")]
    UnknownCode {
        /// A code that is given earlier is not looked at.
        retry_after_ms: u64,
    },
    /// The voucher was revoked.
    #[error("voucher_revoked")]
    VoucherRevoked,
    /// The voucher is not good at this time.
    #[error("voucher_closed: from {from:?} until {until:?}")]
    VoucherClosed {
        /// It is good from this instant.
        from: Option<UtcMs>,
        /// It is not good at this instant or later.
        until: Option<UtcMs>,
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
    /// Somebody behind the request, by one of its identities, would hold and own more tickets than the event allows.
    #[error("identity_limit: {used} of {limit} used, {asked} asked for")]
    IdentityLimit {
        /// The identity.
        identity: Identity,
        /// The event's limit.
        limit: u32,
        /// Tickets that count for it.
        used: u32,
        /// Tickets asked for.
        asked: u32,
    },
    /// There are places for the wish: hold them.
    #[error("not_sold_out")]
    NotSoldOut,
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
    /// All uses of the voucher are taken, by holds that may come back and by orders.
    #[error("voucher_used_up: {uses_max} uses")]
    VoucherUsedUp {
        /// Uses it has.
        uses_max: u32,
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
    Refusal::BatchDiffers { .. } => "batch_differs",
    Refusal::DuplicateCode { .. } => "duplicate_code",
    Refusal::UnknownBatch => "unknown_batch",
    Refusal::UnknownCode { .. } => "unknown_code",
    Refusal::VoucherRevoked => "voucher_revoked",
    Refusal::VoucherClosed { .. } => "voucher_closed",
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
    Refusal::IdentityLimit { .. } => "identity_limit",
    Refusal::NotSoldOut => "not_sold_out",
    Refusal::AllocationLocked(_) => "allocation_locked",
    Refusal::SeatsUnavailable(_) => "seats_unavailable",
    Refusal::AreaExhausted { .. } => "area_exhausted",
    Refusal::BestAvailableMiss { .. } => "best_available_miss",
    Refusal::OrphanSeat(_) => "orphan_seat",
    Refusal::QuotaExhausted { .. } => "quota_exhausted",
    Refusal::VoucherUsedUp { .. } => "voucher_used_up",
}
