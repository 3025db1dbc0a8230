//! The sequencer: gives every fact its time and revision and packs it into the stream's pending records. That is all it does,
//! under one lock, for a few dozen nanoseconds a fact.

use std::sync::Arc;

use super::Log;
use super::room::Room;
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::store::{Batch, Records, Tail};
use crate::sync::atomic::Ordering;
use crate::sync::lock_short;
use crate::time::UtcMs;

/// Logged time: follows the clock, never decreases. When the clock is behind it, it goes on at half the clock's speed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoggedTime {
    logged: UtcMs,
    /// What the clock showed when `logged` was set.
    clock: UtcMs,
}

impl LoggedTime {
    /// The logged time of a fact logged now.
    pub fn peek(self, clock: UtcMs) -> UtcMs {
        if clock >= self.logged { clock } else { self.logged.plus_ms(clock.since_ms(self.clock) / 2) }
    }

    fn advance(&mut self, clock: UtcMs) -> UtcMs {
        let at = self.peek(clock);
        if clock >= self.logged {
            *self = Self { logged: at, clock };
        } else if clock < self.clock {
            self.clock = clock;
        } else {
            // Only what was used up is consumed, so that many small steps add up.
            self.clock = self.clock.plus_ms(2 * at.since_ms(self.logged));
            self.logged = at;
        }
        at
    }

    /// Another writer, or this one in an earlier life, logged `at`. The clock is taken to have shown that too: if it is behind, that is a
    /// step back.
    pub fn seen(&mut self, at: UtcMs) {
        if at > self.logged {
            *self = Self { logged: at, clock: at };
        }
    }
}

/// Why a fact was not sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSequenced {
    /// A deadline it relied on has come: decide again at this time.
    Again(UtcMs),
    /// Too much waits for the store.
    Overloaded,
}

/// A fact on its way to the store, decoded.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The time it was logged at.
    pub at: UtcMs,
    pub fact: Arc<Fact>,
}

/// The unsent end of a stream. What every fact touches comes first, to lie on as few lines of memory as can be; the rest is for whoever
/// sends a batch.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Sequencer {
    pub time: LoggedTime,
    /// The revision the next fact gets.
    pub next: Revision,
    /// Facts that wait for the append in flight to end.
    pub pending: Records,
    /// The same facts, decoded: nobody has to read them back from the records to follow this writer.
    pub facts: Vec<Sent>,
    /// What `pending` and the batch in flight take of the room there is, with all that belongs to them.
    taken: usize,
    /// A batch is with the store, or must be dealt with before the next one may be.
    pub in_flight: bool,
    /// What is pending is to be sent as soon as that is over. Else somebody is still adding to it, and sends it then.
    pub asked: bool,
    /// What the batch in flight takes of it.
    sent_room: usize,
    /// Where the journal ends, as far as this writer knows.
    pub tail: Tail,
    /// Facts of the batch in flight.
    pub sent: Vec<Sent>,
    /// A used buffer for the next batch.
    pub spare: Records,
    /// Batches made by this writer.
    pub batches: u64,
    /// How often the batch in flight has been sent again.
    pub attempts: u32,
    /// The batch that must be sent again or dealt with.
    pub held: Option<Batch>,
}

impl Sequencer {
    pub fn new(revision: Revision, tail: Tail, logged: UtcMs) -> Self {
        let mut time = LoggedTime::default();
        time.seen(logged);
        Self {
            time,
            next: revision.next(),
            pending: Records::default(),
            facts: Vec::new(),
            taken: 0,
            in_flight: false,
            asked: false,
            sent_room: 0,
            tail,
            sent: Vec::new(),
            spare: Records::default(),
            batches: 0,
            attempts: 0,
            held: None,
        }
    }

    /// Stamps a fact and packs it, if `room` has it: it takes `bytes`.
    pub fn push(
        &mut self,
        clock: UtcMs,
        valid_until: UtcMs,
        body: &[u8],
        fact: Arc<Fact>,
        (room, bytes): (Room, usize),
    ) -> Result<Stamp, NotSequenced> {
        let at = self.time.peek(clock);
        if at >= valid_until {
            return Err(NotSequenced::Again(at));
        }
        if !room.fits(self.taken, bytes) {
            return Err(NotSequenced::Overloaded);
        }
        self.taken += bytes;
        let stamp = Stamp { revision: self.next, at: self.time.advance(clock) };
        self.pending.push(stamp.at, body);
        self.facts.push(Sent { at: stamp.at, fact });
        self.next = self.next.next();
        Ok(stamp)
    }

    /// The batch in flight is in the journal and published. Its buffers are used again.
    #[inline]
    pub fn ended(&mut self, batch: Batch, facts: Vec<Sent>) {
        self.tail = batch.tail();
        self.in_flight = false;
        self.landed();
        self.spare = batch.records;
        self.spare.clear();
        self.sent = facts;
    }

    /// What is pending becomes the batch in flight.
    pub fn sent(&mut self) {
        self.sent_room = self.taken;
    }

    /// There is no batch in flight any more.
    pub fn landed(&mut self) {
        self.taken -= std::mem::take(&mut self.sent_room);
    }
}

impl Log {
    /// Gives an encoded fact its stamp and its place among the pending records.
    pub fn sequence(
        &self,
        clock: UtcMs,
        valid_until: UtcMs,
        body: &[u8],
        fact: &Arc<Fact>,
    ) -> Result<Stamp, NotSequenced> {
        let room = (self.room, self.room.of(body, fact));
        let fact = Arc::clone(fact);
        let mut sequencer = lock_short(&self.end.sequencer);
        let stamp = sequencer.push(clock, valid_until, body, fact, room)?;
        self.show(stamp);
        Ok(stamp)
    }

    /// What a fact with this encoding takes of the room there is.
    pub fn room_of(&self, body: &[u8], fact: &Fact) -> usize {
        self.room.of(body, fact)
    }

    /// As [`sequence`](Self::sequence), for facts that hold whenever they are logged. They are encoded in `bodies`, one after the other; each
    /// comes with where that ends and what it takes of the room there is. Ends at the first for which there is none.
    pub fn sequence_all(
        &self,
        clock: UtcMs,
        bodies: &[u8],
        facts: impl Iterator<Item = (Arc<Fact>, usize, usize)>,
        stamps: &mut Vec<Stamp>,
    ) {
        let mut from = 0;
        let mut sequencer = lock_short(&self.end.sequencer);
        for (fact, end, room) in facts {
            let pushed = sequencer.push(clock, UtcMs::NEVER, &bodies[from..end], fact, (self.room, room));
            let Ok(stamp) = pushed else { break };
            stamps.push(stamp);
            from = end;
        }
        if let Some(last) = stamps.last() {
            self.show(*last);
        }
    }

    /// Where the sequencer, whose lock is held, stands now.
    fn show(&self, last: Stamp) {
        if last.at.0 != self.logged.load(Ordering::Relaxed) {
            self.logged.store(last.at.0, Ordering::Relaxed);
        }
        self.end.sequenced.store(last.revision.0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_time_follows_the_clock_and_goes_on_at_half_speed_after_a_step_back() {
        let mut time = LoggedTime::default();
        let mut at = |clock| time.advance(UtcMs(clock)).0;
        assert_eq!([at(1_000), at(1_000), at(5_000)], [1_000, 1_000, 5_000]);
        assert_eq!([at(2_000), at(2_000)], [5_000, 5_000], "a step back stops it for a moment");
        let small_steps: Vec<u64> = (1..=10).map(|step| at(2_000 + step)).collect();
        assert_eq!(small_steps, [5_000, 5_001, 5_001, 5_002, 5_002, 5_003, 5_003, 5_004, 5_004, 5_005]);
        assert_eq!(at(4_000), 6_000);
        assert_eq!([at(5_000), at(6_600)], [6_500, 6_600], "half speed until the clock has caught up");
    }

    #[test]
    fn a_clock_that_is_behind_the_journal_when_it_is_opened_is_a_step_back() {
        let mut time = LoggedTime::default();
        time.seen(UtcMs(1_700_000_010_000));
        let mut at = |clock| time.advance(UtcMs(clock)).0 - 1_700_000_000_000;
        assert_eq!(at(1_700_000_000_000), 10_000);
        assert_eq!(at(1_700_000_004_000), 12_000, "half speed from there");
        assert_eq!(at(1_700_000_030_000), 30_000, "caught up");
    }
}
