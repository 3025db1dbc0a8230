//! [`Code`]: the closed list of problem codes.

use hyper::StatusCode;

/// Makes the enum, the names, the statuses and the list from one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $status:literal $title:literal;)*) => {
        /// What went wrong, as a word that clients may match on. A closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// Its name, in `code` and at the end of `type`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                let status = match self { $(Code::$variant => $status,)* };
                match StatusCode::from_u16(status) {
                    Ok(status) => status,
                    Err(_) => StatusCode::BAD_REQUEST,
                }
            }

            /// The same sentence for every problem of this kind.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// The code with a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Code> {
                match name { $($name => Some(Code::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    // The request as such.
    Malformed "malformed" 400 "The request can't be read";
    ValidationFailed "validation_failed" 400 "The request says something that can't be meant";
    IdempotencyKeyMissing "idempotency_key_missing" 400 "A request that creates something needs an idempotency key";
    IdempotencyKeyMismatch "idempotency_key_mismatch" 400 "The header and the body have different idempotency keys";
    Unauthorized "unauthorized" 401 "Who is calling is not known, or no longer";
    Forbidden "forbidden" 403 "The caller may not do this";
    Denied "denied" 403 "The operator has shut this caller out";
    ChallengeRequired "challenge_required" 403 "A challenge must be solved first";
    NotFound "not_found" 404 "There is no such thing, or it is somebody else's";
    MethodNotAllowed "method_not_allowed" 405 "The resource does not know this method";
    NotAcceptable "not_acceptable" 406 "None of the forms asked for can be made";
    RequestTimeout "request_timeout" 408 "The request took too long to arrive";
    ChangesGone "changes_gone" 410 "The changes since then are no longer at hand: read the whole again";
    PreconditionFailed "precondition_failed" 412 "It changed since the version the request names";
    PayloadTooLarge "payload_too_large" 413 "The request is larger than it may be";
    UriTooLong "uri_too_long" 414 "The address is longer than it may be";
    UnsupportedMediaType "unsupported_media_type" 415 "The body is of another kind than this resource reads";
    RateLimited "rate_limited" 429 "More was asked than the limits allow";
    Internal "internal" 500 "Something is broken here";
    Overloaded "overloaded" 503 "Too much is being asked just now";
    Unavailable "unavailable" 503 "The store has failed or the server is stopping";
    OutcomeUnknown "outcome_unknown" 503 "It may have been done or not: ask again with the same idempotency key";
    // The waiting room.
    NoWaitingRoom "no_waiting_room" 404 "The event has no waiting room";
    RoomPhase "room_phase" 409 "The waiting room is not in a phase that allows it";
    RoomFull "room_full" 409 "As many have joined the waiting room as can";
    NotInRoom "not_in_room" 409 "The place is not one of those that wait, or not any more";
    PlaceLost "place_lost" 410 "The place was called and nobody came";
    RoomToken "room_token" 403 "The token is not good here";
    AccountRequired "account_required" 403 "It takes an account";
    InvitationRequired "invitation_required" 403 "It takes an invitation";
    AdmissionRequired "admission_required" 403 "It takes an admission from the waiting room";
    AdmissionExpired "admission_expired" 403 "The admission from the waiting room has ended";
    AdmissionTickets "admission_tickets" 409 "The admission is not good for so many tickets";
    // Payments.
    PaymentDeclined "payment_declined" 402 "The payment was declined";
    WebhookSignature "webhook_signature" 400 "The signature does not fit, or is too old";
    // Refusals of the engine; names and meaning are the engine's.
    LimitExceeded "limit_exceeded" 400 "A number is outside its limits";
    NothingRequested "nothing_requested" 400 "The request asks for nothing";
    DuplicateSeat "duplicate_seat" 400 "A seat is named twice";
    UnknownEvent "unknown_event" 404 "There is no such event";
    IdempotencyKeyReused "idempotency_key_reused" 422 "The idempotency key was used for another request";
    UnknownHold "unknown_hold" 404 "There is no such hold, or it is somebody else's";
    UnknownOrder "unknown_order" 404 "There is no such order, or it is somebody else's";
    SaleState "sale_state" 409 "The event's sale state does not allow it";
    SaleTransition "sale_transition" 409 "The sale state can't change like that";
    OrderState "order_state" 409 "The order's state does not allow it";
    UnknownPayment "unknown_payment" 404 "The order has no such payment";
    UnknownRefund "unknown_refund" 404 "The order has no such refund";
    UnknownTicket "unknown_ticket" 404 "There is no such ticket, or it is somebody else's";
    TicketNotValid "ticket_not_valid" 409 "The ticket is not valid";
    NotAdmitted "not_admitted" 409 "The ticket does not let its bearer through";
    TicketCodeNotValid "ticket_code_not_valid" 409 "The code lets nobody in";
    RefundTooLarge "refund_too_large" 409 "More than is left would go back";
    NotPaid "not_paid" 409 "No money was taken that could go back";
    PriceDiffers "price_differs" 409 "The new places have another price";
    HoldExpired "hold_expired" 410 "The time of the hold is over";
    HoldPinned "hold_pinned" 409 "The hold belongs to an order";
    StaleHold "stale_hold" 412 "The hold changed since the version the request names";
    NoExtensionLeft "no_extension_left" 409 "The hold can't be extended any more";
    Manifest "manifest" 400 "The definition of the event is not valid";
    InUse "in_use" 409 "What would go is held or sold";
    BatchDiffers "batch_differs" 409 "The batch of vouchers has other terms";
    DuplicateCode "duplicate_code" 409 "The code of a voucher is there already";
    UnknownBatch "unknown_batch" 404 "There is no such batch of vouchers";
    UnknownCode "unknown_code" 404 "Nobody has given out such a code";
    VoucherRevoked "voucher_revoked" 409 "The voucher was revoked";
    VoucherClosed "voucher_closed" 409 "The voucher is not good at this time";
    UnknownSeats "unknown_seats" 404 "There are no such seats";
    NotInHold "not_in_hold" 409 "The hold does not have what is to be removed";
    HoldWouldBeEmpty "hold_would_be_empty" 409 "The hold would keep nothing: release it";
    UnknownSection "unknown_section" 404 "There is no such section";
    UnknownCategory "unknown_category" 404 "There is no such category";
    UnknownArea "unknown_area" 404 "There is no such area";
    UnknownAllocation "unknown_allocation" 404 "There is no such allocation";
    UnknownTicketType "unknown_ticket_type" 404 "There is no such ticket type";
    NotSold "not_sold" 409 "The ticket type is not sold there";
    AllocationReleased "allocation_released" 409 "The allocation was released";
    SeatMismatch "seat_mismatch" 409 "Seats are not as expected";
    PlacesMismatch "places_mismatch" 409 "Blocked places are not as expected";
    UserLimit "user_limit" 409 "The buyer would have more tickets than are allowed";
    IdentityLimit "identity_limit" 409 "Somebody behind the request would have more tickets than are allowed";
    NotSoldOut "not_sold_out" 409 "There are places: hold them";
    AllocationLocked "allocation_locked" 409 "The places are set aside for others";
    SeatsUnavailable "seats_unavailable" 409 "Some of the seats are taken";
    AreaExhausted "area_exhausted" 409 "The area has not enough places left";
    BestAvailableMiss "best_available_miss" 409 "No seats like that are left";
    OrphanSeat "orphan_seat" 409 "A single seat would be left over";
    QuotaExhausted "quota_exhausted" 409 "Not enough tickets of the kind are left";
    VoucherUsedUp "voucher_used_up" 409 "The voucher is used up";
}

#[cfg(test)]
mod tests {
    use ticketcore::Refusal;

    use super::*;

    #[test]
    fn every_refusal_of_the_engine_has_a_code() {
        for name in Refusal::CODES {
            assert!(Code::from_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn statuses_are_errors_and_names_are_distinct() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.status().as_u16() >= 400));
    }
}
