//! What everybody reads, prebuilt from the durable view: availability, seats, changes, live streams, seat maps.
//!
//! * [`Published`] keeps a [`Snapshot`] of each event that is read, and makes a new one where the durable revision has moved: not more often
//!   than [`PublishOptions`] say, beside the threads that serve requests, one at a time for each event. Events that nobody reads any more are
//!   forgotten, idle ones cost nothing.
//! * A [`Snapshot`] is immutable. What is read most is in it as [`Representation`]s, packed in every encoding; what is read seldom
//!   ([`Part`], [`Geometry::map`]) is made when it is first asked for, once. Reading loads a pointer and takes no lock.
//! * A [`Change`] is what differs between two snapshots, written once. A snapshot's [`History`] has the last ones. It answers
//!   `changes?since=` and feeds every [`Subscriber`]: none has a queue of its own, each knows how far it has come.
mod change;
mod encoding;
mod geometry;
mod history;
mod look;
mod negotiate;
mod options;
mod published;
mod representation;
mod seats;
mod slot;
mod snapshot;
mod subscriber;
#[cfg(test)]
pub(crate) mod testing;
mod wakers;

pub use change::{AreaLeft, Change, Changes, Side};
pub use encoding::{Effort, Encoding};
pub use geometry::{DrawnMap, Geometry, MapArea, MapCategory, PointShape, Rows, SeatMap, Seats};
pub use history::History;
pub use look::{Look, map_bytes, state_at};
pub use negotiate::media;
pub use options::PublishOptions;
pub use published::Published;
pub use representation::{Representation, made_once};
pub use seats::{MAP_KIND, Part, Parts, SeatList};
pub use slot::{Shared, Slot};
pub use snapshot::{CACHED, CategoryLeft, Left, PlacesLeft, SeatBits, SectionLeft, Shown, Snapshot};
pub use subscriber::Subscriber;
