//! Host records: what a program that sells through a box office must keep beside it.

use std::ops::Bound;

use super::BoxOffice;
use crate::answer::CommandError;
use crate::id::Revision;

/// Small things of the host that must last and that every box office on the store must know: hashes of API keys, the seating plans of
/// venues, how events are configured. They are facts of the `system` stream, the last one of a name holds, and all are kept in memory.
///
/// Never put secrets or personal data there: a journal forgets nothing, what was replaced or removed included. Each change makes the journal
/// longer for good, so that what changes by the minute has no place there either.
impl BoxOffice {
    /// Keeps `body` under `name`, in place of what was there. Durable when this returns. Saying what holds already writes nothing: then the
    /// revision is that of the fact which said so first. Waits for the store.
    ///
    /// # Errors
    /// [`Refusal::Limit`](crate::Refusal::Limit): the name is empty or over [200 bytes](crate::limits::HOST_RECORD_NAME_BYTES_MAX), the body
    /// over [8 MiB](crate::limits::HOST_RECORD_BYTES_MAX), there are [too many](crate::limits::HOST_RECORDS_MAX), or they have
    /// [too many bytes](crate::limits::HOST_RECORDS_BYTES_MAX) together. Else the store failed: the old or the new is there, do it again.
    pub fn save_host_record(&self, name: &str, body: &[u8]) -> Result<Revision, CommandError> {
        self.office.catalogue.save_host_record(name, body, self.office.clock.now())
    }

    /// Removes what is kept under `name`; the journal still has it. False if nothing was. Durable when this returns. Waits for the store.
    ///
    /// # Errors
    /// If the store failed: it may still be there, do it again.
    pub fn remove_host_record(&self, name: &str) -> Result<bool, CommandError> {
        self.office.catalogue.remove_host_record(name, self.office.clock.now())
    }

    /// What is kept under `name`, as far as this box office has read. Waits for nothing.
    #[must_use]
    pub fn host_record(&self, name: &str) -> Option<Vec<u8>> {
        self.office.catalogue.entries().host.get(name).map(|record| record.body.to_vec())
    }

    /// Names, ascending, and bodies of what is kept under names that begin with `prefix`, as far as this box office has read. Waits for
    /// nothing.
    #[must_use]
    pub fn host_records(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let entries = self.office.catalogue.entries();
        let from = entries.host.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let found = from.take_while(|(name, _)| name.starts_with(prefix));
        found.map(|(name, record)| (name.to_string(), record.body.to_vec())).collect()
    }

    /// Reads which venues, events and host records other box offices on a shared store have added. The maintenance thread does so ten times
    /// a second; hosts with [`manual_expiry`](super::Options::manual_expiry) call this. Waits for the store.
    ///
    /// # Errors
    /// If the store can't be read; what was known before is still known.
    pub fn refresh_catalogue(&self) -> Result<(), CommandError> {
        self.office.catalogue.refresh()
    }
}
