//! [`RoomJournal`]: a [`Room`] whose facts are kept in a store, in the event's `room` stream.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use super::fact::RoomFact;
use super::room::{Room, RoomRefusal};
use crate::id::{EventId, Revision};
use crate::log::{Slot, SlotFuture};
use crate::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, Gather, Outbox, ReadError, Records, Store,
    StreamId, Tail, Unsent,
};
use crate::sync::{Mutex, MutexGuard};
use crate::time::UtcMs;

/// What can't be done with a waiting room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The room refuses.
    #[error(transparent)]
    Refused(#[from] RoomRefusal),
    /// The store failed; whether it happened is known when the journal is opened again.
    #[error("the room has stopped: {0}")]
    Stopped(String),
    /// The journal can't be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The journal holds what is no fact of a room, or not in its place.
    #[error("the room's journal is damaged at {at}")]
    Damaged {
        /// Where.
        at: Revision,
    },
}

/// A waiting room and its journal.
///
/// Facts pile up while an append is in flight, and until who [gathers](Gather) for the store says that it is time; what has piled up is the
/// next one: any number of people who join at once share a few syncs of the disk. What a caller is told is durable when [`Written::durable`] ends.
pub struct RoomJournal {
    event: EventId,
    store: Arc<dyn Store>,
    node: u64,
    /// Who says when what has piled up is sent; at once if nobody.
    gather: Option<Arc<dyn Gather>>,
    me: Weak<Self>,
    state: Mutex<State>,
}

/// Where somebody waits for a fact to be durable.
type Heard = Arc<Slot<Result<(), RoomError>>>;

struct State {
    room: Option<Room>,
    logged: UtcMs,
    next: Revision,
    durable: Revision,
    tail: Tail,
    batches: u64,
    pending: Records,
    in_flight: bool,
    /// What is pending is sent as soon as the append in flight has ended.
    asked: bool,
    /// Who gathers has been asked, and has not said so yet.
    gathering: bool,
    waiting: Vec<(Revision, Heard)>,
    stopped: Option<String>,
}

/// Something that was done, as soon as it is [durable](Self::durable).
#[must_use = "it may not be told before it is durable"]
pub struct Written<T> {
    value: T,
    slot: Option<Heard>,
}

impl<T> Written<T> {
    /// What was done, once it is durable.
    ///
    /// # Errors
    /// [`RoomError::Stopped`].
    pub async fn durable(self) -> Result<T, RoomError> {
        if let Some(slot) = &self.slot {
            SlotFuture(slot).await?;
        }
        Ok(self.value)
    }

    /// As [`durable`](Self::durable), for a thread that may wait.
    ///
    /// # Errors
    /// [`RoomError::Stopped`].
    pub fn wait(self) -> Result<T, RoomError> {
        match self.slot.map(|slot| slot.wait(None)) {
            Some(Some(Err(error))) => Err(error),
            _ => Ok(self.value),
        }
    }
}

impl RoomJournal {
    /// Reads the journal of an event's room; an event without one has an empty journal. Waits for the store. `node` is part of the names of
    /// batches: never the same twice for one store.
    ///
    /// # Errors
    /// [`RoomError::Unreadable`], [`RoomError::Damaged`].
    pub fn open(store: Arc<dyn Store>, event: EventId, node: u64) -> Result<Arc<Self>, RoomError> {
        let (mut room, mut logged, mut damaged) = (None, UtcMs(0), None);
        let (revision, tail) = store.read(StreamId::Room(event), Revision::ZERO, &mut |record| {
            logged = record.stamp.at;
            if RoomFact::decode(record.body).is_ok_and(|fact| replay(&mut room, event, logged, &fact)) {
                return ControlFlow::Continue(());
            }
            damaged = Some(record.stamp.revision);
            ControlFlow::Break(())
        })?;
        if let Some(at) = damaged {
            return Err(RoomError::Damaged { at });
        }
        // Nobody waits for its lock yet, as they would at the first proof.
        room.iter_mut().for_each(Room::grow_whole_tree);
        let state = State {
            room,
            logged,
            next: revision.next(),
            durable: revision,
            tail,
            batches: 0,
            pending: Records::default(),
            in_flight: false,
            asked: false,
            gathering: false,
            waiting: Vec::new(),
            stopped: None,
        };
        let gather = store.gather().filter(|_| !store.capabilities().inline);
        let state = Mutex::new(state);
        Ok(Arc::new_cyclic(|me| Self { event, store, node, gather, me: me.clone(), state }))
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }

    /// Why it has stopped, if it has: open it again.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.state.lock().stopped.clone()
    }

    /// The room's time when a clock says `clock`: it never goes back behind what was logged.
    #[must_use]
    pub fn now(&self, clock: UtcMs) -> UtcMs {
        clock.max(self.state.lock().logged)
    }

    /// Looks at the room, as it will be when all that is on its way is durable. `None` if the event has none.
    pub fn look<T>(&self, look: impl FnOnce(&Room) -> T) -> Option<T> {
        self.state.lock().room.as_ref().map(look)
    }

    /// As [`look`](Self::look), at the room's time when a clock says `clock`.
    pub fn look_at<T>(&self, clock: UtcMs, look: impl FnOnce(&Room, UtcMs) -> T) -> Option<T> {
        let state = self.state.lock();
        state.room.as_ref().map(|room| look(room, clock.max(state.logged)))
    }

    /// Does what the room decides, under its lock: `decide` gives what to tell the caller and what must happen first. If nothing must, what is
    /// told still waits for all that was decided before it.
    ///
    /// # Errors
    /// [`RoomError::Refused`], [`RoomError::Stopped`].
    pub fn change<T>(
        &self,
        clock: UtcMs,
        decide: impl FnOnce(&mut Room, UtcMs) -> Result<(T, Option<RoomFact>), RoomRefusal>,
    ) -> Result<Written<T>, RoomError> {
        self.write(clock, |room, now| decide(room.as_mut().ok_or(RoomRefusal::NoRoom)?, now))
    }

    /// Sets the room up. False, and nothing has happened, if there is one already or the fact opens none.
    ///
    /// # Errors
    /// [`RoomError::Stopped`].
    pub fn set_up(&self, clock: UtcMs, first: RoomFact) -> Result<Written<bool>, RoomError> {
        self.write(clock, |room, _now| {
            let new = room.is_none() && Room::open(self.event, &first).is_some();
            Ok((new, new.then_some(first)))
        })
    }

    fn write<T>(
        &self,
        clock: UtcMs,
        decide: impl FnOnce(&mut Option<Room>, UtcMs) -> Result<(T, Option<RoomFact>), RoomRefusal>,
    ) -> Result<Written<T>, RoomError> {
        let mut state = self.state.lock();
        if let Some(reason) = &state.stopped {
            return Err(RoomError::Stopped(reason.clone()));
        }
        let now = clock.max(state.logged);
        let (value, fact) = decide(&mut state.room, now)?;
        if let Some(fact) = fact {
            match &mut state.room {
                Some(room) => room.apply(now, &fact),
                none => *none = Room::open(self.event, &fact),
            }
            state.pending.push(now, &fact.encode());
            state.logged = now;
            state.next = state.next.next();
        }
        let last = Revision(state.next.0 - 1);
        let slot = (state.durable < last).then(Slot::new);
        if let Some(slot) = &slot {
            state.waiting.push((last, Arc::clone(slot)));
        }
        match &self.gather {
            Some(gather) if state.pending.count() > 0 => {
                let first = !std::mem::replace(&mut state.gathering, true);
                drop(state);
                if first && let Some(me) = self.me.upgrade() {
                    gather.gather(Unsent::new(me));
                }
            }
            _ => self.send(state),
        }
        Ok(Written { value, slot })
    }

    /// Sends what is pending; if an append is in flight, when that has ended.
    fn send(&self, mut state: MutexGuard<'_, State>) {
        state.asked = true;
        let batch = self.next_batch(&mut state);
        drop(state);
        self.submit(batch);
    }

    fn next_batch(&self, state: &mut State) -> Option<Batch> {
        if state.in_flight || !state.asked || state.stopped.is_some() {
            return None;
        }
        state.asked = false;
        if state.pending.count() == 0 {
            return None;
        }
        state.in_flight = true;
        state.batches += 1;
        let records = std::mem::take(&mut state.pending);
        Some(Batch {
            stream: StreamId::Room(self.event),
            expected: state.tail,
            id: BatchId(u128::from(self.node) << 64 | u128::from(state.batches)),
            first_revision: Revision(state.next.0 - u64::from(records.count())),
            records,
        })
    }

    /// No lock is held: a store that answers at once calls [`complete`](CompletionSink::complete) inside, which sends what came meanwhile.
    fn submit(&self, batch: Option<Batch>) {
        if let (Some(batch), Some(me)) = (batch, self.me.upgrade()) {
            self.store.submit(Completion::new(me, batch));
        }
    }
}

/// False if the first fact does not open a room.
fn replay(room: &mut Option<Room>, event: EventId, at: UtcMs, fact: &RoomFact) -> bool {
    match room {
        Some(room) => room.apply(at, fact),
        None => *room = Room::open(event, fact),
    }
    room.is_some()
}

impl Outbox for RoomJournal {
    fn send_off(&self) {
        let mut state = self.state.lock();
        state.gathering = false;
        self.send(state);
    }
}

impl CompletionSink for RoomJournal {
    fn complete(&self, batch: Batch, outcome: Appended) {
        let mut state = self.state.lock();
        state.in_flight = false;
        let told: Vec<_> = match outcome {
            Appended::Yes => {
                state.tail = batch.tail();
                state.durable = Revision(batch.first_revision.0 + u64::from(batch.records.count()) - 1);
                let durable = state.durable;
                let ready = state.waiting.extract_if(.., |(revision, _)| *revision <= durable);
                ready.map(|(_, slot)| (slot, Ok(()))).collect()
            }
            Appended::Conflict { .. } | Appended::Failed(_) | Appended::Unknown(_) => {
                // What was not kept has happened in here already: only the journal knows what holds.
                let reason = match outcome {
                    Appended::Failed(failure) | Appended::Unknown(failure) => failure.to_string(),
                    _ => "another process writes to it".to_owned(),
                };
                let error = RoomError::Stopped(reason.clone());
                state.stopped = Some(reason);
                state.waiting.drain(..).map(|(_, slot)| (slot, Err(error.clone()))).collect()
            }
        };
        let next = self.next_batch(&mut state);
        drop(state);
        self.submit(next);
        for (slot, word) in told {
            slot.fill(word);
        }
    }
}
