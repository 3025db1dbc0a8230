//! The catalogue: venues, events and the host's records of a store, in the `system` stream. Changes are rare, one at a time, and wait for the store;
//! readers get an immutable copy.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::answer::CommandError;
use crate::fact::{decode_versioned, encode_versioned};
use crate::id::{EventId, Revision, VenueId};
use crate::limits::{
    self, APPEND_ATTEMPTS_MAX, EVENTS_MAX, LimitExceeded, NAME_BYTES_MAX, VENUES_MAX, within,
};
use crate::log::Slot;
use crate::refusal::Refusal;
use crate::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, ReadError, Records, Store, StreamId, Tail,
};
use crate::sync::{ArcSwap, Mutex};
use crate::time::UtcMs;

const CATALOGUE_FORMAT: u8 = 1;

/// One fact of the `system` stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum CatalogueFact {
    VenueAdded { name: String },
    EventAdded { name: String, venue: Option<VenueId>, starts_at: UtcMs, zone: String },
    HostRecordSaved { name: String, body: Vec<u8> },
    HostRecordRemoved { name: String },
}

/// A venue of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueEntry {
    /// Its id.
    pub id: VenueId,
    /// Its name.
    pub name: String,
}

/// An event of the catalogue, as it was announced; its manifest has what holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Its id.
    pub id: EventId,
    /// Its name.
    pub name: String,
    /// Its venue.
    pub venue: Option<VenueId>,
    /// When it starts.
    pub starts_at: UtcMs,
    /// IANA time zone of the venue.
    pub zone: String,
}

/// What the host has saved under a name.
#[derive(Clone, Debug)]
pub(super) struct HostRecord {
    /// Of the fact that saved it.
    pub revision: Revision,
    pub body: Arc<[u8]>,
}

/// Venues and events, ascending by id; the host's records, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub venues: Vec<VenueEntry>,
    pub events: Vec<EventEntry>,
    pub host: BTreeMap<Arc<str>, HostRecord>,
    /// Bytes of all names and bodies of `host`.
    host_bytes: u64,
}

impl Entries {
    fn apply(&mut self, revision: Revision, fact: CatalogueFact) {
        match fact {
            CatalogueFact::VenueAdded { name } => {
                self.venues.push(VenueEntry { id: VenueId(revision.0), name });
            }
            CatalogueFact::EventAdded { name, venue, starts_at, zone } => {
                self.events.push(EventEntry { id: EventId(revision.0), name, venue, starts_at, zone });
            }
            CatalogueFact::HostRecordSaved { name, body } => {
                self.remove_host_record(&name);
                self.host_bytes += (name.len() + body.len()) as u64;
                self.host.insert(name.into(), HostRecord { revision, body: body.into() });
            }
            CatalogueFact::HostRecordRemoved { name } => self.remove_host_record(&name),
        }
    }

    fn remove_host_record(&mut self, name: &str) {
        if let Some(old) = self.host.remove(name) {
            self.host_bytes -= (name.len() + old.body.len()) as u64;
        }
    }

    /// Whether one more record, or another body of one that is there, is within the limits.
    fn check_host_record(&self, name: &str, body: &[u8]) -> Result<(), LimitExceeded> {
        within("host_record.name", name.len() as u64, 1, limits::HOST_RECORD_NAME_BYTES_MAX as u64)?;
        within("host_record.body", body.len() as u64, 0, limits::HOST_RECORD_BYTES_MAX as u64)?;
        let old = self.host.get(name);
        let count = (self.host.len() + usize::from(old.is_none())) as u64;
        within("host_records", count, 0, limits::HOST_RECORDS_MAX as u64)?;
        let old_bytes = old.map_or(0, |old| (name.len() + old.body.len()) as u64);
        let bytes = self.host_bytes - old_bytes + (name.len() + body.len()) as u64;
        within("host_records: bytes in all", bytes, 0, limits::HOST_RECORDS_BYTES_MAX as u64)
    }

    pub fn event(&self, id: EventId) -> Option<&EventEntry> {
        self.events.binary_search_by_key(&id, |entry| entry.id).ok().map(|at| &self.events[at])
    }
}

struct End {
    revision: Revision,
    tail: Tail,
    at: UtcMs,
    /// Batches named so far. A name must not come again, not even for the same revision: what has become of an earlier batch may not be
    /// known, and the store would take another one of its name for it.
    batches: u64,
}

/// See the module.
pub(super) struct Catalogue {
    store: Arc<dyn Store>,
    node: u64,
    entries: ArcSwap<Entries>,
    end: Mutex<End>,
}

impl Catalogue {
    pub fn open(store: Arc<dyn Store>, node: u64) -> Result<Self, CommandError> {
        let end = End { revision: Revision::ZERO, tail: Tail::default(), at: UtcMs(0), batches: 0 };
        let catalogue = Self { store, node, entries: ArcSwap::default(), end: Mutex::new(end) };
        catalogue.catch_up(&mut catalogue.end.lock())?;
        Ok(catalogue)
    }

    pub fn entries(&self) -> Arc<Entries> {
        self.entries.load_full()
    }

    /// Reads what other writers have added.
    pub fn refresh(&self) -> Result<(), CommandError> {
        self.catch_up(&mut self.end.lock())
    }

    pub fn add_venue(&self, name: &str, now: UtcMs) -> Result<VenueId, CommandError> {
        let fact = CatalogueFact::VenueAdded { name: name.to_owned() };
        let added = self.append(&fact, now, |entries| {
            within("venue.name", name.len() as u64, 1, NAME_BYTES_MAX as u64)?;
            within("venues", entries.venues.len() as u64 + 1, 0, VENUES_MAX as u64)
        });
        Ok(VenueId(added?.0))
    }

    pub fn add_event(&self, entry: EventEntry, now: UtcMs) -> Result<EventId, CommandError> {
        let EventEntry { name, venue, starts_at, zone, .. } = entry;
        let fact = CatalogueFact::EventAdded { name, venue, starts_at, zone };
        let added = self.append(&fact, now, |entries| {
            within("events", entries.events.len() as u64 + 1, 0, EVENTS_MAX as u64)
        });
        Ok(EventId(added?.0))
    }

    pub fn save_host_record(&self, name: &str, body: &[u8], now: UtcMs) -> Result<Revision, CommandError> {
        // A host that says the same at each start must not make the journal longer.
        self.refresh()?;
        if let Some(same) = self.entries().host.get(name).filter(|record| *record.body == *body) {
            return Ok(same.revision);
        }
        // Before it is copied.
        self.entries.load().check_host_record(name, body).map_err(Refusal::Limit)?;
        let fact = CatalogueFact::HostRecordSaved { name: name.to_owned(), body: body.to_vec() };
        self.append(&fact, now, |entries| entries.check_host_record(name, body))
    }

    pub fn remove_host_record(&self, name: &str, now: UtcMs) -> Result<bool, CommandError> {
        self.refresh()?;
        if !self.entries.load().host.contains_key(name) {
            return Ok(false);
        }
        let fact = CatalogueFact::HostRecordRemoved { name: name.to_owned() };
        self.append(&fact, now, |_| Ok(())).map(|_| true)
    }

    fn append(
        &self,
        fact: &CatalogueFact,
        now: UtcMs,
        check: impl Fn(&Entries) -> Result<(), LimitExceeded>,
    ) -> Result<Revision, CommandError> {
        let mut end = self.end.lock();
        loop {
            check(&self.entries.load()).map_err(Refusal::Limit)?;
            let revision = end.revision.next();
            let mut body = Vec::new();
            encode_versioned(CATALOGUE_FORMAT, fact, &mut body);
            let mut records = Records::default();
            records.push(now.max(end.at), &body);
            end.batches += 1;
            let id = BatchId(u128::from(self.node) << 64 | u128::from(end.batches));
            let stream = StreamId::System;
            let batch = Batch { stream, expected: end.tail, id, first_revision: revision, records };
            if append_now(&*self.store, batch)? {
                self.catch_up(&mut end)?;
                return Ok(revision);
            }
            self.catch_up(&mut end)?;
        }
    }

    fn catch_up(&self, end: &mut End) -> Result<(), CommandError> {
        // Copied when there is something new.
        let mut news: Option<Entries> = None;
        let mut damaged = None;
        let (mut revision, mut at) = (end.revision, end.at);
        let read = self.store.read(StreamId::System, end.revision, &mut |record| {
            match decode_versioned(CATALOGUE_FORMAT, record.body) {
                Ok(fact) => {
                    let entries = news.get_or_insert_with(|| Entries::clone(&self.entries.load()));
                    entries.apply(record.stamp.revision, fact);
                }
                Err(error) => {
                    damaged = Some(format!("system {}: {error}", record.stamp.revision));
                    return ControlFlow::Break(());
                }
            }
            (revision, at) = (record.stamp.revision, record.stamp.at);
            ControlFlow::Continue(())
        });
        let failed = |error: ReadError| CommandError::Failed { reason: error.to_string() };
        let (_, tail) = read.map_err(failed)?;
        if let Some(reason) = damaged {
            return Err(CommandError::Failed { reason });
        }
        if let Some(entries) = news {
            (end.revision, end.tail, end.at) = (revision, tail, at);
            self.entries.store(Arc::new(entries));
        }
        Ok(())
    }
}

struct Sink(Arc<Slot<(Batch, Appended)>>);

impl CompletionSink for Sink {
    fn complete(&self, batch: Batch, outcome: Appended) {
        self.0.fill((batch, outcome));
    }
}

/// Appends a batch and waits. False if another writer was first.
pub(super) fn append_now(store: &dyn Store, mut batch: Batch) -> Result<bool, CommandError> {
    let mut last = String::new();
    let mut unknown = false;
    for _ in 0..APPEND_ATTEMPTS_MAX {
        let slot = Slot::new();
        store.submit(Completion::new(Arc::new(Sink(Arc::clone(&slot))), batch));
        let Some((back, outcome)) = slot.wait(None) else { break };
        batch = back;
        match outcome {
            Appended::Yes => return Ok(true),
            Appended::Conflict { .. } => return Ok(false),
            Appended::Failed(failure) => (last, unknown) = (failure.to_string(), false),
            Appended::Unknown(failure) => (last, unknown) = (failure.to_string(), true),
        }
    }
    Err(if unknown { CommandError::Unknown { reason: last } } else { CommandError::Failed { reason: last } })
}
