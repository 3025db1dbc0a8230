//! Joining and leaving.

use super::place::Place;
use super::{Room, RoomRefusal};
use crate::admission::fact::RoomFact;
use crate::admission::merkle::log_root;
use crate::admission::phase::Phase;
use crate::admission::tag::EntrantTag;
use crate::limits::ENTRANTS_MAX;
use crate::time::UtcMs;

/// What joining comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Joined {
    /// He has this number already: joining again changes nothing.
    Before(u32),
    /// He gets this number once the fact has happened.
    Now(u32, RoomFact),
}

impl Joined {
    /// The number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            Self::Before(number) | Self::Now(number, _) => *number,
        }
    }
}

impl Room {
    /// Lets somebody join. Who is in the room keeps his number; who is out of it, or came too late when he was called, gets the last
    /// one. Who left before the draw gets his number back: leaving and joining again must not be a second ticket in the lottery.
    ///
    /// # Errors
    /// [`RoomRefusal::Phase`], [`RoomRefusal::Full`].
    pub fn join(&self, tag: EntrantTag, now: UtcMs) -> Result<Joined, RoomRefusal> {
        if !self.phase.takes_joins() {
            return Err(RoomRefusal::Phase { phase: self.phase });
        }
        if let Some(number) = self.number_of(tag) {
            match self.place(number, now)? {
                Place::Over if self.may_return(number) => {
                    return Ok(Joined::Now(number, RoomFact::Returned { number }));
                }
                Place::Over | Place::Lapsed { .. } => {}
                _ => return Ok(Joined::Before(number)),
            }
        }
        let number = u32::try_from(self.joined()).ok().filter(|number| *number < ENTRANTS_MAX);
        let number = number.ok_or(RoomRefusal::Full)?;
        Ok(Joined::Now(number, RoomFact::Joined { tag }))
    }

    /// Whether the place of who has left is still ahead of all that were called: then it is his again.
    fn may_return(&self, number: u32) -> bool {
        self.position(number).is_none_or(|position| position >= self.called())
    }

    /// Lets somebody leave: him who waits or is inside. `None` if he has left before.
    ///
    /// # Errors
    /// [`RoomRefusal::NotInside`] if nobody has the number.
    pub fn leave(&self, number: u32, now: UtcMs) -> Result<Option<RoomFact>, RoomRefusal> {
        Ok(match self.place(number, now)? {
            Place::Over | Place::Lapsed { .. } => None,
            Place::Inside { .. } => Some(RoomFact::WentOut { number }),
            Place::Undrawn | Place::Waiting { .. } | Place::Called { .. } => Some(RoomFact::Left { number }),
        })
    }

    /// Closes the prequeue: nobody joins the lottery any more. The first call hashes what is not [in the tree](Self::grow_tree) yet.
    ///
    /// # Errors
    /// [`RoomRefusal::Phase`].
    pub fn close_prequeue(&mut self) -> Result<RoomFact, RoomRefusal> {
        if self.phase != Phase::Prequeue {
            return Err(RoomRefusal::Phase { phase: self.phase });
        }
        self.grow_whole_tree();
        let tags = &self.tags;
        let tree = self.tree.root(self.joined(), |at| super::leaf(tags, at));
        let root = log_root(self.joined(), &tree);
        let entrants = u32::try_from(self.joined()).map_err(|_| RoomRefusal::Full)?;
        Ok(RoomFact::PrequeueClosed { entrants, root })
    }

    /// Draws the lottery. The entropy must have come to be after the prequeue closed.
    ///
    /// # Errors
    /// [`RoomRefusal::Phase`].
    pub fn draw(&self, entropy: &str) -> Result<RoomFact, RoomRefusal> {
        match self.phase {
            Phase::Drawing => Ok(RoomFact::Drawn { entropy: entropy.to_owned() }),
            phase => Err(RoomRefusal::Phase { phase }),
        }
    }

    /// Moves to another phase, by an operator's word.
    ///
    /// # Errors
    /// [`RoomRefusal::Phase`], [`RoomRefusal::NoLottery`].
    pub fn become_phase(&self, next: Phase) -> Result<RoomFact, RoomRefusal> {
        if !self.phase.may_become(next) {
            return Err(RoomRefusal::Phase { phase: self.phase });
        }
        if next == Phase::Prequeue && self.config.entropy_source.is_empty() {
            return Err(RoomRefusal::NoLottery);
        }
        Ok(RoomFact::PhaseMoved { phase: next })
    }

    /// Changes how the room works. Once anybody could join, what they relied on is fixed: what it takes to join, the source of entropy.
    ///
    /// # Errors
    /// [`RoomRefusal::Fixed`].
    pub fn change(&self, config: super::RoomConfig) -> Result<RoomFact, RoomRefusal> {
        if self.phase != Phase::Closed {
            if config.entropy_source != self.config.entropy_source {
                return Err(RoomRefusal::Fixed { member: "entropySource" });
            }
            if config.entry != self.config.entry {
                return Err(RoomRefusal::Fixed { member: "entry" });
            }
        }
        Ok(RoomFact::RoomChanged { config: Box::new(config) })
    }
}
