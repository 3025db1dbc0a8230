//! Closed sets of words, as the OpenAPI document lists them. What is answered and understood is the engine's word; tests compare the two.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::Code;

/// Makes enums whose variants are only described.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $known:ident { $($(#[$word_doc:meta])* $word:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[schema(as = $known)]
        pub enum $name { $($(#[$word_doc])* $word,)* }
    )*};
}

words! {
    /// Where an order stands: `open`: nothing is under way; `paying`: a payment is; `in_review`: staff decides; `authorized`: the money is
    /// reserved; `captured`: it is taken; `confirmed`: there are tickets; `cancelled`, `expired`: it is over without.
    OrderWord OrderStatus {
        /// No payment is under way.
        Open,
        /// A payment is under way.
        Paying,
        /// Staff must decide.
        InReview,
        /// The money is reserved.
        Authorized,
        /// The money is taken.
        Captured,
        /// The tickets exist.
        Confirmed,
        /// It is over without tickets.
        Cancelled,
        /// Its time is over.
        Expired,
    }
    /// Why an order, its money or a ticket came to nothing.
    EndWord EndReason {
        /// The payment was declined.
        Declined,
        /// Staff rejected it.
        Rejected,
        /// The event was cancelled.
        EventCancelled,
        /// The buyer, or who pays, is over the limit.
        OverLimit,
        /// The captured amount is not what was to pay.
        WrongAmount,
        /// The money came when the seats were gone.
        TooLate,
        /// The capture of a confirmed order was refused for good.
        CaptureRefused,
        /// Money of an order that is over, or came twice.
        Surplus,
        /// Somebody asked.
        Asked,
    }
    /// Where a payment attempt stands.
    PaymentWord PaymentStatus {
        /// It has begun; nobody knows yet.
        Started,
        /// The buyer must act.
        ActionRequired,
        /// The money is reserved.
        Authorized,
        /// The money is taken.
        Captured,
        /// No money moved.
        Declined,
        /// The reservation was given back.
        Voided,
    }
    /// Where a refund stands.
    RefundWord RefundStatus {
        /// It has begun.
        Requested,
        /// The gateway has it.
        Submitted,
        /// The money is on its way.
        Succeeded,
        /// The gateway refuses for good: staff must see to it.
        Stuck,
    }
    /// Where a dispute stands.
    DisputeWord DisputeStatus {
        /// Nobody has decided yet.
        Open,
        /// The money stays.
        Won,
        /// The money is gone, as far as there was any.
        Lost,
    }
    /// Whether a ticket lets somebody in.
    TicketWord TicketStatus {
        /// It does.
        Valid,
        /// Its money went back.
        Refunded,
        /// It was changed for another.
        Exchanged,
        /// Its payment is disputed.
        Disputed,
    }
    /// Where the sale of an event stands.
    SaleWord SaleState {
        /// Being prepared; seen by staff only.
        Draft,
        /// Announced.
        Scheduled,
        /// Only for who has a code.
        Presale,
        /// On sale.
        Onsale,
        /// Interrupted.
        Paused,
        /// Over.
        Closed,
        /// It will not happen.
        Cancelled,
    }
    /// A seat's state.
    SeatWord SeatState {
        /// It may be held.
        Free,
        /// Somebody holds it.
        Held,
        /// It is sold.
        Sold,
        /// It is not for sale.
        Blocked,
    }
    /// What to do if the money comes after the seats are gone.
    LateMoneyWord LateMoney {
        /// It goes back.
        Refund,
        /// As many other seats of the same category, if there are.
        Equivalent,
    }
    /// When money is taken that was reserved.
    CaptureWord CaptureMode {
        /// Before there are tickets.
        Immediate,
        /// Right after.
        OnConfirm,
    }
    /// The way through the door.
    WayWord Way {
        /// In.
        Entry,
        /// Out.
        Exit,
    }
}

/// What went wrong: see [`Code`].
pub struct ProblemWord;

impl PartialSchema for ProblemWord {
    fn schema() -> RefOr<Schema> {
        let names = Code::ALL.iter().map(|code| code.name());
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        words.description(Some("What went wrong, from a closed list")).build().into()
    }
}

impl ToSchema for ProblemWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ProblemCode")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use ticketcore::order::{
        CaptureMode, DisputeState, EndReason, LateMoney, PaymentState, RefundState, TicketStatus, Way,
    };
    use ticketcore::{OrderState, SaleState, SeatState};

    use super::*;
    use crate::api::order_shape::{dispute_status, payment_status, refund_status};
    use crate::api::orders::reason_name;
    use crate::api::shapes::seat_state;

    fn described<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let words = schema["enum"].as_array().unwrap_or_else(|| panic!("{schema}"));
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    fn written(value: impl Serialize) -> String {
        match serde_json::to_value(value).unwrap() {
            Value::String(word) => word,
            other => panic!("{other} is no word"),
        }
    }

    #[track_caller]
    fn same<T: PartialSchema>(known: impl IntoIterator<Item = String>) {
        let known: Vec<String> = known.into_iter().collect();
        assert_eq!(described::<T>(), known);
    }

    #[test]
    fn what_is_described_is_what_the_engine_says() {
        use DisputeState as D;
        use EndReason as E;
        use PaymentState as P;
        use RefundState as R;
        use SeatState as S;
        use TicketStatus as T;
        same::<OrderWord>(OrderState::ALL.map(|state| state.name().to_owned()));
        same::<SaleWord>(SaleState::ALL.map(written));
        let reasons = [
            E::Declined,
            E::Rejected,
            E::EventCancelled,
            E::OverLimit,
            E::WrongAmount,
            E::TooLate,
            E::CaptureRefused,
            E::Surplus,
            E::Asked,
        ];
        same::<EndWord>(reasons.map(reason_name));
        let payments = [P::Started, P::ActionRequired, P::Authorized, P::Captured, P::Declined, P::Voided];
        same::<PaymentWord>(payments.map(|state| payment_status(state).to_owned()));
        let refunds = [R::Requested, R::Submitted, R::Succeeded, R::Stuck];
        same::<RefundWord>(refunds.map(|state| refund_status(state).to_owned()));
        same::<DisputeWord>([D::Open, D::Won, D::Lost].map(|state| dispute_status(state).to_owned()));
        same::<TicketWord>([T::Valid, T::Refunded, T::Exchanged, T::Disputed].map(written));
        same::<SeatWord>([S::Free, S::Held, S::Sold, S::Blocked].map(|state| seat_state(state).to_owned()));
        same::<LateMoneyWord>([LateMoney::Refund, LateMoney::Equivalent].map(written));
        same::<CaptureWord>([CaptureMode::Immediate, CaptureMode::OnConfirm].map(written));
        same::<WayWord>([Way::Entry, Way::Exit].map(written));
        same::<ProblemWord>(Code::ALL.iter().map(|code| code.name().to_owned()));
    }
}
