//! [`Room`]: the state of one waiting room, a fold of its facts.

mod admit;
mod calls;
mod inside;
mod join;
mod numbers;
mod place;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hashbrown::HashTable;

pub use admit::Admission;
use calls::Calls;
use inside::Inside;
pub use inside::Turnover;
pub use join::Joined;
use numbers::Numbers;
pub use place::Place;

use super::config::RoomConfig;
use super::draw::{DrawRecord, commitment};
use super::fact::RoomFact;
use super::merkle::{Hash, JoinTree};
use super::permutation::Permutation;
use super::phase::Phase;
use super::tag::{EntrantTag, Tagger};
use crate::id::EventId;
use crate::limits::ENTRANTS_MAX;
use crate::time::UtcMs;

/// What is refused in a waiting room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomRefusal {
    /// The event has no waiting room.
    #[error("there is no waiting room")]
    NoRoom,
    /// That can't be done in this phase.
    #[error("not while the room is {phase:?}")]
    Phase {
        /// Where the room stands.
        phase: Phase,
    },
    /// As many have joined as can.
    #[error("the room is full")]
    Full,
    /// He is not in the room, or is no more.
    #[error("not in the room")]
    NotInside,
    /// He did not come in time when he was called.
    #[error("the place was lost: called at {called}, not come until {until}")]
    Lapsed {
        /// When he was called.
        called: UtcMs,
        /// Until when he could have come.
        until: UtcMs,
    },
    /// It is not his turn.
    #[error("not called yet")]
    NotCalled,
    /// He was called, but so many are inside that he must wait a moment. His place is his.
    #[error("no room for a moment")]
    Crowded,
    /// The room has no lottery: no source of entropy was named.
    #[error("no source of entropy was named")]
    NoLottery,
    /// More tickets than his admission is good for.
    #[error("{left} tickets are left of the admission")]
    TooManyTickets {
        /// How many are left.
        left: u32,
    },
    /// How it is set up can't be changed in this phase, or never.
    #[error("{member} can't be changed any more")]
    Fixed {
        /// What.
        member: &'static str,
    },
}

/// The state of one waiting room. Deterministic: it knows no clock and no chance, times and keys come with the facts.
///
/// Facts are decided by the methods that return one ([`join`](Self::join), [`admit`](Self::admit), ...), and happen by
/// [`apply`](Self::apply). A person takes some 30 bytes; everything about one person is O(1).
pub struct Room {
    event: EventId,
    config: Arc<RoomConfig>,
    draw_key: [u8; 32],
    commitment: Hash,
    tagger: Tagger,
    phase: Phase,
    /// Who joined, by number.
    tags: Vec<EntrantTag>,
    /// The newest number of each tag.
    newest: HashTable<u32>,
    /// Numbers whose place is given up: left, or out again after they were in.
    over: Numbers,
    tree: JoinTree,
    closed: Option<(u32, Hash)>,
    entropy: Option<String>,
    order: Option<Permutation>,
    calls: Calls,
    inside: Inside,
}

impl Room {
    /// The room that a first fact opens. `None` if it is another fact.
    #[must_use]
    pub fn open(event: EventId, first: &RoomFact) -> Option<Self> {
        let RoomFact::RoomOpened { config, draw_key, tag_key } = first else { return None };
        Some(Self {
            event,
            config: Arc::new(RoomConfig::clone(config)),
            draw_key: *draw_key,
            commitment: commitment(draw_key),
            tagger: Tagger::new(tag_key),
            phase: Phase::Closed,
            tags: Vec::new(),
            newest: HashTable::new(),
            over: Numbers::default(),
            tree: JoinTree::default(),
            closed: None,
            entropy: None,
            order: None,
            calls: Calls::default(),
            inside: Inside::default(),
        })
    }

    /// Lets a fact happen that was decided by a room in this state, `at` the time it was logged.
    pub fn apply(&mut self, at: UtcMs, fact: &RoomFact) {
        match fact {
            RoomFact::RoomOpened { .. } => {}
            RoomFact::RoomChanged { config } => {
                self.config = Arc::new(RoomConfig::clone(config));
                self.keep_time(at);
            }
            RoomFact::PhaseMoved { phase } => self.move_on(at, *phase),
            RoomFact::Joined { tag } => self.add(*tag),
            RoomFact::Returned { number } => self.over.remove(*number),
            RoomFact::Left { number } => self.over.insert(*number),
            RoomFact::PrequeueClosed { entrants, root } => {
                self.closed = Some((*entrants, *root));
                self.move_on(at, Phase::Drawing);
            }
            RoomFact::Drawn { entropy } => {
                self.entropy = Some(entropy.clone());
                self.order = self.draw_record().and_then(|record| record.order().ok());
                self.move_on(at, Phase::Queue);
            }
            RoomFact::Called { up_to } => self.calls.push(at, *up_to, self.config.absence_ms),
            RoomFact::Admitted { number, admission_ms, tickets } => {
                self.inside.come_in(*number, (at, at.plus_ms(*admission_ms)), *tickets);
                self.over.insert(*number);
            }
            RoomFact::TicketsUsed { number, left } => self.inside.set_tickets(*number, *left),
            RoomFact::WentOut { number } => self.inside.go_out(*number),
        }
    }

    fn move_on(&mut self, at: UtcMs, phase: Phase) {
        self.phase = phase;
        self.keep_time(at);
    }

    /// Lets time stand still, from `at` on, for who can do nothing with it, and run on for everybody else: nobody is let in from the
    /// queue, or while the operator says that nobody may be inside; who is inside can hold nothing while the room is back in its queue.
    fn keep_time(&mut self, at: UtcMs) {
        let queue = self.phase == Phase::Queue;
        if queue {
            self.inside.pause(at);
        } else {
            self.inside.resume(at);
        }
        if queue || self.config.control.ceiling() == 0 {
            self.calls.pause(at);
        } else {
            self.calls.resume(at);
        }
    }

    fn add(&mut self, tag: EntrantTag) {
        // The limit keeps it from happening.
        let number = u32::try_from(self.tags.len()).unwrap_or(ENTRANTS_MAX);
        self.tags.push(tag);
        let hash = hash_of(tag);
        let tags = &self.tags;
        match self.newest.find_mut(hash, |known| tags[*known as usize] == tag) {
            Some(known) => *known = number,
            None => {
                self.newest.insert_unique(hash, number, |known| hash_of(tags[*known as usize]));
            }
        }
    }

    /// The newest number of a person.
    #[must_use]
    pub fn number_of(&self, tag: EntrantTag) -> Option<u32> {
        self.newest.find(hash_of(tag), |known| self.tags[*known as usize] == tag).copied()
    }

    /// Hashes joins that are not in the tree yet, some thousands at most: what is left for later makes closing the prequeue slower.
    pub fn grow_tree(&mut self) {
        self.grow_tree_by(GROW_AT_ONCE);
    }

    /// Hashes all joins that are not in the tree yet: for who has the time, as before the room is shared.
    pub(crate) fn grow_whole_tree(&mut self) {
        self.grow_tree_by(u64::MAX);
    }

    fn grow_tree_by(&mut self, most: u64) {
        let count = self.closed.map_or(self.joined(), |(entrants, _)| u64::from(entrants));
        let done = self.tree.leaves();
        let tags = &self.tags;
        self.tree.extend(count.min(done.saturating_add(most)), |at| leaf(tags, at));
    }

    /// The event it belongs to.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }

    /// How it works.
    #[must_use]
    pub fn config(&self) -> &Arc<RoomConfig> {
        &self.config
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// SHA-256 of the lottery's key.
    #[must_use]
    pub const fn commitment(&self) -> Hash {
        self.commitment
    }

    /// Makes the tags of this room.
    #[must_use]
    pub const fn tagger(&self) -> &Tagger {
        &self.tagger
    }

    /// How many numbers were given out.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.tags.len() as u64
    }

    /// Positions below this may come in.
    #[must_use]
    pub const fn called(&self) -> u64 {
        self.calls.up_to()
    }

    /// People who are inside at `now`.
    #[must_use]
    pub fn active(&self, now: UtcMs) -> u32 {
        self.inside.active(now)
    }

    /// Of these, who may still want tickets: he came in not long ago and has held none. O(people inside).
    #[must_use]
    pub fn browsing(&self, now: UtcMs) -> u32 {
        self.inside.browsing(now, self.config.browse_ms)
    }

    /// How many have passed through, and what they took.
    #[must_use]
    pub const fn turnover(&self) -> Turnover {
        self.inside.turnover()
    }

    /// Whose admissions have ended by `now` is forgotten. Changes nothing that anybody can see; call it now and then.
    pub fn forget_ended(&mut self, now: UtcMs) {
        self.inside.forget_ended(now);
    }

    /// How many took part in the lottery and the root of the join log, once the prequeue has closed.
    #[must_use]
    pub const fn entrants(&self) -> Option<(u32, Hash)> {
        self.closed
    }

    /// What makes the draw checkable, once it is made.
    #[must_use]
    pub fn draw_record(&self) -> Option<DrawRecord> {
        let ((entrants, root), entropy) = (self.closed?, self.entropy.clone()?);
        Some(DrawRecord {
            event: self.event,
            commitment: self.commitment,
            entropy_source: self.config.entropy_source.clone(),
            entrants,
            root,
            entropy,
            key: self.draw_key,
        })
    }

    /// The proof that a number's entry is among those of the lottery. `None` before the prequeue has closed, or if it is not.
    #[must_use]
    pub fn proof(&self, number: u32) -> Option<Vec<Hash>> {
        let (entrants, _) = self.closed?;
        self.tree.proof(u64::from(number), u64::from(entrants), |at| leaf(&self.tags, at))
    }

    /// Bytes of memory that grow with the number of people.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tags.capacity() * size_of::<EntrantTag>()
            + self.newest.allocation_size()
            + self.over.bytes()
            + self.tree.bytes()
    }
}

/// Joins that one [`Room::grow_tree`] hashes at most: some milliseconds.
const GROW_AT_ONCE: u64 = 8_192;

#[expect(clippy::cast_possible_truncation, reason = "numbers of joins that are there fit")]
fn leaf(tags: &[EntrantTag], at: u64) -> Hash {
    tags[at as usize].leaf(at)
}

/// Tags are keyed hashes already: nobody outside can aim at a bucket.
fn hash_of(tag: EntrantTag) -> u64 {
    let number = u128::from_be_bytes(tag.0);
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    let hash = number as u64;
    hash
}
