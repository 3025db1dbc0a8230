//! What a table is run against.

use crate::fact::{Fact, Lines, Stamp};
use crate::id::{HoldNumber, Revision, SeatIndex};
use crate::order::OrderState;
use crate::refusal::{Refusal, SeatState};
use crate::testkit::{Command, Model, ModelAnswer};
use crate::time::UtcMs;

/// One event that understands commands.
pub trait Subject {
    /// Carries out a command that comes at `at`.
    ///
    /// # Errors
    /// The refusal.
    fn run(&mut self, command: &Command, at: UtcMs) -> Result<Outcome, Refusal>;

    /// Does all maintenance that is due at `at`; how many facts that logged.
    fn maintain(&mut self, at: UtcMs) -> u64;

    /// The state of a seat.
    fn seat_state(&self, seat: SeatIndex) -> SeatState;

    /// The revision of the last fact.
    fn revision(&self) -> Revision;
}

/// An accepted command's answer, reduced to what every subject can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A hold.
    Hold {
        /// Its number.
        number: HoldNumber,
        /// What it keeps.
        lines: Lines,
        /// Its deadline.
        deadline: UtcMs,
        /// Extensions it may still get.
        extensions_left: u32,
        /// The revision of the last fact about it.
        version: Revision,
    },
    /// An order.
    Order {
        /// Its number.
        number: HoldNumber,
        /// Where it stands.
        state: OrderState,
        /// What is ordered.
        lines: Lines,
        /// While open: when its time ends.
        payment_deadline: Option<UtcMs>,
    },
    /// Anything else.
    Done,
    /// There was nothing to end.
    NotHeld,
}

impl Subject for Model {
    fn run(&mut self, command: &Command, at: UtcMs) -> Result<Outcome, Refusal> {
        Ok(match Model::run(self, command, at)? {
            ModelAnswer::Logged(stamp, fact) | ModelAnswer::Again(stamp, fact) => outcome(stamp, fact),
            ModelAnswer::NotHeld => Outcome::NotHeld,
            ModelAnswer::Order(number, order) => Outcome::Order {
                number,
                state: order.state,
                lines: order.lines,
                payment_deadline: (order.state == OrderState::Open).then_some(order.payment_deadline),
            },
        })
    }

    fn maintain(&mut self, at: UtcMs) -> u64 {
        self.expire_due(at).len() as u64
    }

    fn seat_state(&self, seat: SeatIndex) -> SeatState {
        self.seat_states()[seat.at()]
    }

    fn revision(&self) -> Revision {
        Model::revision(self)
    }
}

/// The outcome of the command that logged `fact`.
fn outcome(stamp: Stamp, fact: Fact) -> Outcome {
    let version = stamp.revision;
    match fact {
        Fact::HoldPlaced(f) => Outcome::Hold {
            number: HoldNumber::new(stamp.revision, f.user.shard()),
            lines: f.lines,
            deadline: stamp.at.plus_ms(f.ttl_ms),
            extensions_left: f.extensions_left,
            version,
        },
        Fact::HoldAmended(f) => {
            let (deadline, extensions_left) = (f.deadline, f.extensions_left);
            Outcome::Hold { number: f.hold, lines: f.lines, deadline, extensions_left, version }
        }
        Fact::HoldExtended(f) => {
            let (deadline, extensions_left) = (f.deadline, f.extensions_left);
            Outcome::Hold { number: f.hold, lines: f.lines, deadline, extensions_left, version }
        }
        Fact::OrderOpened(f) => {
            let (state, payment_deadline) = (OrderState::Open, Some(f.payment_deadline));
            Outcome::Order { number: f.hold, state, lines: f.lines, payment_deadline }
        }
        Fact::OrderConfirmed(f) => closed(f.order, OrderState::Confirmed, f.lines),
        Fact::OrderCancelled(f) => closed(f.order, OrderState::Cancelled, f.lines),
        _ => Outcome::Done,
    }
}

const fn closed(number: HoldNumber, state: OrderState, lines: Lines) -> Outcome {
    Outcome::Order { number, state, lines, payment_deadline: None }
}
