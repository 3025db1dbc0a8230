//! [`RoomFact`]: what happens in a waiting room, as its journal keeps it.

use serde::{Deserialize, Serialize};

use super::config::RoomConfig;
use super::merkle::Hash;
use super::phase::Phase;
use super::tag::EntrantTag;

/// The form of all records: the first byte of each.
const FORM: u8 = 1;

/// What happens in a waiting room. The journal of a room's stream is a list of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RoomFact {
    /// The room was set up. Always the first.
    RoomOpened {
        /// How it works.
        config: Box<RoomConfig>,
        /// The key of its lottery. Secret until the draw.
        draw_key: [u8; 32],
        /// The key of its [tags](super::Tagger). Secret for good.
        tag_key: [u8; 32],
    },
    /// The room works otherwise from now on.
    RoomChanged {
        /// How.
        config: Box<RoomConfig>,
    },
    /// It moved on, or back to waiting.
    PhaseMoved {
        /// Where it stands now.
        phase: Phase,
    },
    /// Somebody joined: the next number is his.
    Joined {
        /// Who.
        tag: EntrantTag,
    },
    /// Somebody who had left before the draw is back at his number.
    Returned {
        /// Which.
        number: u32,
    },
    /// Somebody left.
    Left {
        /// Whose number.
        number: u32,
    },
    /// The prequeue closed.
    PrequeueClosed {
        /// How many had joined.
        entrants: u32,
        /// The [root](super::log_root) of the join log.
        root: Hash,
    },
    /// The draw was made, the key is public from now on.
    Drawn {
        /// The entropy.
        entropy: String,
    },
    /// Positions below this may come in.
    Called {
        /// The first position that may not.
        up_to: u64,
    },
    /// Somebody came in.
    Admitted {
        /// Whose number.
        number: u32,
        /// How long, in milliseconds.
        admission_ms: u64,
        /// Tickets he may buy.
        tickets: u32,
    },
    /// Somebody who came in uses some of his tickets up, or gives them back.
    TicketsUsed {
        /// Whose number.
        number: u32,
        /// How many tickets he may still buy.
        left: u32,
    },
    /// Somebody who came in has gone out.
    WentOut {
        /// Whose number.
        number: u32,
    },
}

/// A record of a room's journal can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no record of a waiting room in a form that is known")]
pub struct RoomFactError;

impl RoomFact {
    /// The bytes of its record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory what derives its form fails nowhere.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }

    /// The fact that a record keeps.
    ///
    /// # Errors
    /// [`RoomFactError`], also if something follows it.
    pub fn decode(record: &[u8]) -> Result<Self, RoomFactError> {
        let (form, body) = record.split_first().ok_or(RoomFactError)?;
        match postcard::take_from_bytes(body) {
            Ok((fact, [])) if *form == FORM => Ok(fact),
            _ => Err(RoomFactError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_round_trip_and_anything_else_is_refused() {
        let facts = [
            RoomFact::RoomOpened { config: Box::default(), draw_key: [1; 32], tag_key: [2; 32] },
            RoomFact::RoomChanged { config: Box::default() },
            RoomFact::PhaseMoved { phase: Phase::Open },
            RoomFact::Joined { tag: EntrantTag([3; 16]) },
            RoomFact::Returned { number: 1 },
            RoomFact::Left { number: 4 },
            RoomFact::PrequeueClosed { entrants: 5, root: [6; 32] },
            RoomFact::Drawn { entropy: "abc".to_owned() },
            RoomFact::Called { up_to: 7 },
            RoomFact::Admitted { number: 8, admission_ms: 9, tickets: 10 },
            RoomFact::TicketsUsed { number: 8, left: 0 },
            RoomFact::WentOut { number: 8 },
        ];
        for fact in facts {
            let record = fact.encode();
            assert_eq!(RoomFact::decode(&record), Ok(fact));
            for cut in 0..record.len() {
                assert_eq!(RoomFact::decode(&record[..cut]), Err(RoomFactError));
            }
            assert_eq!(RoomFact::decode(&[&record[..], &[0]].concat()), Err(RoomFactError));
            assert_eq!(RoomFact::decode(&[&[2], &record[1..]].concat()), Err(RoomFactError));
        }
    }

    #[test]
    fn a_join_takes_eighteen_bytes() {
        assert_eq!(RoomFact::Joined { tag: EntrantTag([3; 16]) }.encode().len(), 18);
    }
}
