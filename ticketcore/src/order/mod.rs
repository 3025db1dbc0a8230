//! Orders: what a hold becomes at checkout. A pure, idempotent state machine.
//!
//! * [`TRANSITIONS`] is the table of what may happen when; [`OrderStep`] is what happens, as facts say it.
//! * What must be done next ([`Effect`]) is derived from an order's state. Nothing is remembered about it elsewhere.
//! * The gateway's answers come in as observations ([`PaymentSeen`], [`RefundSeen`]). One that comes twice, late or out of order changes
//!   nothing; one that never comes leaves its attempt unresolved, which is a third outcome and no failure.
//! * Money is counted in minor units of the event's currency, in integers.

mod dispute;
mod disputed;
mod effect;
mod finding;
mod machine;
mod observed;
mod payment;
mod record;
mod refund;
mod request;
mod state;
mod step;
mod table;
mod terms;
#[cfg(all(test, not(shuttle)))]
mod tests;
#[cfg(all(test, not(shuttle)))]
mod tests_of_before;
mod tickets;
mod word;

pub use dispute::{Dispute, DisputeState};
pub use effect::{Charge, Effect};
pub use finding::Finding;
pub use observed::{Identity, PaymentSeen, RefundSeen};
pub use payment::{Payment, PaymentState};
pub(crate) use record::{Account, OrderRecord};
pub use refund::{Refund, RefundState};
pub use request::{
    CheckoutRequest, ExchangeRequest, News, ObserveRequest, PayRequest, PaymentRulesRequest, RedeemRequest,
    RefundWhat, StaffAction, StaffOrderRequest, TransferRequest,
};
pub use state::OrderState;
pub use step::{CheckoutOpened, EndReason, Move, OrderStep, OrderStepped, Way};
pub use table::{StepKind, TRANSITIONS, Transition, transition};
pub use terms::{CaptureMode, ExtraLine, LateMoney, OnDecline, PaymentRules, Terms};
pub use tickets::{Place, Ticket, TicketStatus};
pub use word::Word;

/// A count of things that are few.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Entry `number`, from 1.
fn nth<T>(list: &mut [T], number: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
}
