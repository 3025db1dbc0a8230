//! The catalogue: venues and events of a store, in the `system` stream. Changes are rare, one at a time, and wait for the store;
//! readers get an immutable copy.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::answer::CommandError;
use crate::fact::{decode_versioned, encode_versioned};
use crate::id::{EventId, Revision, VenueId};
use crate::limits::{APPEND_ATTEMPTS_MAX, EVENTS_MAX, NAME_BYTES_MAX, VENUES_MAX, within};
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

/// Venues and events, ascending by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub venues: Vec<VenueEntry>,
    pub events: Vec<EventEntry>,
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
        }
    }

    pub fn event(&self, id: EventId) -> Option<&EventEntry> {
        self.events.binary_search_by_key(&id, |entry| entry.id).ok().map(|at| &self.events[at])
    }
}

struct End {
    revision: Revision,
    tail: Tail,
    at: UtcMs,
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
        let end = End { revision: Revision::ZERO, tail: Tail::default(), at: UtcMs(0) };
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

    fn append(
        &self,
        fact: &CatalogueFact,
        now: UtcMs,
        check: impl Fn(&Entries) -> Result<(), crate::limits::LimitExceeded>,
    ) -> Result<Revision, CommandError> {
        let mut end = self.end.lock();
        loop {
            check(&self.entries.load()).map_err(Refusal::Limit)?;
            let revision = end.revision.next();
            let mut body = Vec::new();
            encode_versioned(CATALOGUE_FORMAT, fact, &mut body);
            let mut records = Records::default();
            records.push(now.max(end.at), &body);
            let id = BatchId(u128::from(self.node) << 64 | u128::from(revision.0));
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
        let mut entries = Entries::clone(&self.entries.load());
        let mut damaged = None;
        let (mut revision, mut at) = (end.revision, end.at);
        let read = self.store.read(StreamId::System, end.revision, &mut |record| {
            match decode_versioned(CATALOGUE_FORMAT, record.body) {
                Ok(fact) => entries.apply(record.stamp.revision, fact),
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
        if revision > end.revision {
            *end = End { revision, tail, at };
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
