//! People's data, at the box office.

use super::BoxOffice;
use crate::id::UserId;
use crate::people::{Contact, PeopleError, decode, encode, side_id};
use crate::store::SideRecords;

impl BoxOffice {
    /// Keeps what is known about a user, in place of what was known before, which is erased. Durable when this returns. Waits for the store.
    ///
    /// # Errors
    /// [`PeopleError::Limit`] and [`PeopleError::Malformed`] before the store is asked; [`PeopleError::Store`]: the old or the new is there.
    pub fn save_contact(&self, user: UserId, contact: &Contact) -> Result<(), PeopleError> {
        contact.check()?;
        Ok(self.people()?.save(side_id(user), &encode(user, contact))?)
    }

    /// What is known about a user, if anything is. Waits for the store.
    ///
    /// # Errors
    /// [`PeopleError::Store`], [`PeopleError::Unreadable`].
    pub fn contact(&self, user: UserId) -> Result<Option<Contact>, PeopleError> {
        let bytes = self.people()?.load(side_id(user))?;
        bytes.map(|bytes| decode(user, &bytes)).transpose()
    }

    /// Erases what is known about a user, if anything is, for good: when this returns it is in none of the store's files. Holds, orders and
    /// tickets stay: they name a user id that now stands for nobody. Waits for the store.
    ///
    /// # Errors
    /// [`PeopleError::Store`]: it may still be there. Do it again.
    pub fn erase(&self, user: UserId) -> Result<(), PeopleError> {
        Ok(self.people()?.erase(side_id(user))?)
    }

    fn people(&self) -> Result<&dyn SideRecords, PeopleError> {
        self.office.store.side_records().ok_or(PeopleError::NoSideRecords)
    }
}
