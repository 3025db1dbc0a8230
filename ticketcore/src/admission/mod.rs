//! The crowd before the sale: waiting room, lottery, admission. Pure logic: no clock, no chance, no I/O of its own but for
//! [`RoomJournal`], which keeps a room in a [`Store`](crate::store::Store).
//!
//! * [`Room`] is the state of one waiting room, a fold of [`RoomFact`]s: who joined, where he stands, who is let in.
//! * [`Permutation`], [`JoinTree`] and [`DrawRecord`] are the lottery: anybody can check it.
//! * [`RoomKeys`] signs what people carry: [`Token`]s of a place, of an admission, of an invitation.
//! * [`Controller`] says how many to call, [`WaitEstimate`] how long the others will wait.
//!
//! Nobody improves his place by joining again, refreshing or forging (I11): a person is his [`EntrantTag`], which has one number; a number has
//! one place; the place follows from the number and the draw alone.

mod config;
mod control;
mod draw;
mod estimate;
mod fact;
mod journal;
mod mac;
mod merkle;
mod permutation;
mod phase;
mod room;
mod tag;
mod token;

pub use config::{Entry, RoomConfig, RoomConfigError};
pub use control::{Bound, ControlConfig, Controller, Health, Measured, Meter, Step, Stock};
pub use draw::{DrawError, DrawRecord, commitment};
pub use estimate::{Wait, WaitEstimate};
pub use fact::{RoomFact, RoomFactError};
pub use journal::{RoomError, RoomJournal, Written};
pub use merkle::{Hash, JoinTree, leaf_hash, log_root, verify_inclusion};
pub use permutation::{Permutation, ROUNDS};
pub use phase::{PHASES, Phase};
pub use room::{Admission, Joined, Place, Room, RoomRefusal, Turnover};
pub use tag::{EntrantTag, Tagger};
pub use token::{RoomKeys, Token, TokenError, TokenKind};
