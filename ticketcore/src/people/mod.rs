//! People's data: what a shop must know to write to somebody, and must be able to forget.
//!
//! Journals are never rewritten, so nothing in them may be about a person: facts name users by a [`UserId`](crate::UserId) that means nothing
//! outside the host. Names, addresses and fingerprints are a [`Contact`] in the store's [side records](crate::store::SideRecords), one per
//! user, which [`BoxOffice::erase`](crate::BoxOffice::erase) removes for good.

mod contact;
mod error;
mod stored;

pub use contact::Contact;
pub use error::PeopleError;
pub(crate) use stored::{decode, encode, side_id};
