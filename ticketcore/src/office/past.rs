//! What an event looked like in the past, and what became of one seat: read from its journal.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::BoxOffice;
use super::past_orders::PastOrders;
use crate::answer::CommandError;
use crate::fact::{Fact, Lines, SeatChange, Stamp};
use crate::id::{EventId, HoldNumber, OrderId, Revision, SeatIndex, UserId};
use crate::manifest::Manifest;
use crate::order::{Move, OrderState};
use crate::refusal::SeatState;
use crate::store::{Record, StreamId};
use crate::time::UtcMs;
use crate::view::{Availability, View};

/// A point in an event's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after this fact.
    Revision(Revision),
    /// After all facts logged up to this time.
    Time(UtcMs),
}

impl Moment {
    fn is_past(self, stamp: Stamp) -> bool {
        match self {
            Moment::Revision(revision) => stamp.revision > revision,
            Moment::Time(at) => stamp.at > at,
        }
    }
}

/// An event as it was.
#[derive(Clone, Debug)]
pub struct Past {
    /// What was left.
    pub availability: Availability,
    /// Two bits a seat, as [`BoxOffice::seat_map`].
    pub map: Vec<u64>,
    /// What was for sale.
    pub manifest: Arc<Manifest>,
    /// Every order there had been, by number, those that had ended among them.
    pub orders: Vec<PastOrder>,
}

/// An order as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it was.
    pub user: UserId,
    /// Where it stood.
    pub state: OrderState,
    /// What was ordered: while it was live what it kept, once confirmed what its first tickets were for.
    pub lines: Lines,
    /// What its living tickets were for; nothing unless it was confirmed.
    pub owned: Lines,
}

/// Something that happened to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatMoment {
    /// By this fact.
    pub revision: Revision,
    /// When.
    pub at: UtcMs,
    /// What it was from then on.
    pub state: SeatState,
    /// Whose it was from then on, while held or sold: the hold or order, and its user.
    pub owner: Option<(OrderId, UserId)>,
}

impl BoxOffice {
    /// An event as it was at a moment, by replay of its journal. O(facts before it); takes memory for every order there had been.
    ///
    /// # Errors
    /// If the event is unknown, was not there yet, or its journal can't be read from its first fact on.
    pub fn past(&self, event: EventId, moment: Moment) -> Result<Past, CommandError> {
        let mut view: Option<View> = None;
        let mut orders = PastOrders::default();
        self.replay(event, |record| {
            if moment.is_past(record.stamp) {
                return Ok(ControlFlow::Break(()));
            }
            match &view {
                Some(view) => {
                    let fact = Fact::decode(record.body).map_err(|error| error.to_string())?;
                    view.fold_one(record.stamp, &fact).map_err(|violation| violation.to_string())?;
                    orders.fold(record.stamp, &fact)?;
                }
                None => view = Some(first_view(record)?),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let view = view.ok_or_else(|| failed("the event was not there yet".to_owned()))?;
        let mut map = Vec::new();
        let (_, manifest) = view.copy_map(&mut map);
        Ok(Past { availability: view.availability(), map, manifest, orders: orders.end(event) })
    }

    /// All that happened to a seat, in order: who had it when. O(facts).
    ///
    /// # Errors
    /// As [`past`](Self::past).
    pub fn seat_history(&self, event: EventId, seat: SeatIndex) -> Result<Vec<SeatMoment>, CommandError> {
        let mut history = History { event, seat, moments: Vec::new() };
        self.replay(event, |record| {
            let fact = Fact::decode(record.body).map_err(|error| error.to_string())?;
            history.fact(record.stamp, &fact);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(history.moments)
    }

    /// Visits the durable facts of an event.
    fn replay(
        &self,
        event: EventId,
        mut each: impl FnMut(Record<'_>) -> Result<ControlFlow<()>, String>,
    ) -> Result<(), CommandError> {
        let durable = self.office.open_event(event)?.log.durable();
        let mut wrong = None;
        let read = self.office.store.read(StreamId::Event(event), Revision::ZERO, &mut |record| {
            if record.stamp.revision > durable {
                return ControlFlow::Break(());
            }
            each(record).unwrap_or_else(|reason| {
                wrong = Some(reason);
                ControlFlow::Break(())
            })
        });
        read.map_err(|error| failed(error.to_string()))?;
        wrong.map_or(Ok(()), |reason| Err(failed(reason)))
    }
}

fn failed(reason: String) -> CommandError {
    CommandError::Failed { reason }
}

fn first_view(record: Record<'_>) -> Result<View, String> {
    let definition =
        Fact::stored_definition(record.body).ok_or("the first fact does not define the event")?;
    let manifest = Manifest::of_stored_definition(definition).map_err(|error| error.to_string())?;
    Ok(View::new(record.stamp, Arc::new(manifest)))
}

struct History {
    event: EventId,
    seat: SeatIndex,
    moments: Vec<SeatMoment>,
}

impl History {
    fn fact(&mut self, stamp: Stamp, fact: &Fact) {
        use SeatState::{Blocked, Free, Held, Sold};
        match fact {
            Fact::HoldPlaced(f) => {
                let number = HoldNumber::new(stamp.revision, f.user.shard());
                self.lines(stamp, &f.lines, Held, Some((number, f.user)));
            }
            Fact::HoldPlacedWith(f) => {
                let number = HoldNumber::new(stamp.revision, f.placed.user.shard());
                self.lines(stamp, &f.placed.lines, Held, Some((number, f.placed.user)));
            }
            Fact::HoldAmended(f) => {
                self.lines(stamp, &f.removed, Free, None);
                self.lines(stamp, &f.added, Held, Some((f.hold, f.user)));
            }
            Fact::HoldEnded(f) => self.lines(stamp, &f.lines, Free, None),
            Fact::OrderCancelled(f) => self.lines(stamp, &f.lines, Free, None),
            Fact::OrderConfirmed(f) => self.lines(stamp, &f.lines, Sold, Some((f.order, f.user))),
            Fact::OrderStepped(f) => {
                for moved in f.step.moves() {
                    match moved {
                        Move::HeldToSold(lines) | Move::FreeToSold(lines) => {
                            self.lines(stamp, lines, Sold, Some((f.order, f.user)));
                        }
                        Move::HeldToFree(lines) | Move::SoldToFree(lines) => {
                            self.lines(stamp, lines, Free, None);
                        }
                    }
                }
            }
            Fact::SeatsChanged(f) if f.seats.contains(&self.seat) => match f.change {
                SeatChange::Block => self.note(stamp, Blocked, None),
                SeatChange::Unblock => self.note(stamp, Free, None),
                SeatChange::Reallocate(_) => {}
            },
            Fact::ManifestChanged(f) if f.dropped.contains(&self.seat) => self.note(stamp, Blocked, None),
            _ => {}
        }
    }

    fn lines(&mut self, stamp: Stamp, lines: &Lines, state: SeatState, owner: Option<(HoldNumber, UserId)>) {
        if lines.seats.iter().any(|line| line.seat == self.seat) {
            self.note(stamp, state, owner);
        }
    }

    fn note(&mut self, stamp: Stamp, state: SeatState, owner: Option<(HoldNumber, UserId)>) {
        let owner = owner.map(|(number, user)| (OrderId { event: self.event, number }, user));
        self.moments.push(SeatMoment { revision: stamp.revision, at: stamp.at, state, owner });
    }
}
