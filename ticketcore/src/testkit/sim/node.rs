//! One office in the simulation: its clock, its faulty way to the store, and its lives between crashes.

use std::sync::Arc;

use super::tally::Tally;
use crate::canary::Canary;
use crate::event::Progress;
use crate::id::EventId;
use crate::office::{BoxOffice, Options};
use crate::store::{MemoryStore, Store};
use crate::testkit::{Fault, FaultOdds, FaultyStore, ManualClock, Rng};
use crate::time::UtcMs;

/// See the module.
pub(super) struct Node {
    pub clock: ManualClock,
    pub store: Arc<FaultyStore<Arc<dyn Store>>>,
    pub office: Option<BoxOffice>,
    /// Lives so far; also how often its event was opened anew.
    pub life: u32,
    /// The latest time its engine has shown, and how far its clock has moved on since.
    pub high: UtcMs,
    pub moved_ms: u64,
    /// Whether it is known that its event has stopped.
    pub stop_seen: bool,
    name: u64,
    inner: Arc<dyn Store>,
    canary: Option<Canary>,
    odds: FaultOdds,
}

impl Node {
    pub fn new(
        name: u64,
        inner: &Arc<dyn Store>,
        clock: ManualClock,
        odds: FaultOdds,
        canary: Option<Canary>,
        rng: &mut Rng,
    ) -> Self {
        let store = Arc::new(FaultyStore::new(Arc::clone(inner), rng.next_u64()));
        Self {
            clock,
            store,
            office: None,
            life: 0,
            high: UtcMs(0),
            moved_ms: 0,
            stop_seen: false,
            name,
            inner: Arc::clone(inner),
            canary,
            odds,
        }
    }

    /// Opens the office, if the catalogue can be read.
    pub fn start(&mut self) {
        let options = Options {
            guess_delay_ms: 0,
            clock: Arc::new(self.clock.clone()),
            manual_expiry: true,
            snapshot_every: 0,
            node: Some(self.name << 32 | u64::from(self.life)),
            canary: self.canary,
            ..Options::default()
        };
        self.office = BoxOffice::open_shared(Arc::clone(&self.store) as _, options).ok();
    }

    /// Lets the faults begin or end.
    pub fn set_faults(&self, on: bool) {
        self.store.set_odds(if on { self.odds.clone() } else { FaultOdds::default() });
    }

    /// The process is gone, and with it what was on its way: landed or not.
    pub fn crash(&mut self, lost: bool, tally: &mut Tally, rng: &mut Rng) {
        self.end(lost, tally);
        self.store = Arc::new(FaultyStore::new(Arc::clone(&self.inner), rng.next_u64()));
        self.set_faults(true);
    }

    fn end(&mut self, lost: bool, tally: &mut Tally) {
        self.office = None;
        self.begins_anew();
        self.store.set_odds(FaultOdds::default().with(if lost { Fault::DropLost } else { Fault::Pass }, 100));
        self.bury(tally);
    }

    /// The process ends, and lets go of its store; what is on its way is lost.
    pub fn leave(&mut self, tally: &mut Tally) {
        self.end(true, tally);
        self.inner = Arc::new(MemoryStore::new());
        self.store = Arc::new(FaultyStore::new(Arc::clone(&self.inner), 0));
    }

    /// A new process begins on `inner`.
    pub fn begin(&mut self, inner: Arc<dyn Store>, faults: bool, rng: &mut Rng) {
        self.store = Arc::new(FaultyStore::new(Arc::clone(&inner), rng.next_u64()));
        self.inner = inner;
        self.set_faults(faults);
        self.start();
    }

    /// Ends the store of this life and counts its faults.
    pub fn bury(&self, tally: &mut Tally) {
        for fault in Fault::ALL {
            tally.fault(fault, self.store.injected(fault));
        }
        while self.store.drop_held() > 0 {}
    }

    /// Opens an event that has stopped anew. What an earlier life of the only writer has sent has landed before, or is gone.
    pub fn reopen(&mut self, event: EventId, shared: bool) {
        if !shared {
            self.store.release_all();
        }
        if let Some(office) = &self.office {
            office.reopen(event);
        }
        self.begins_anew();
    }

    /// Its event is opened from the journal: nothing before counts.
    pub fn begins_anew(&mut self) {
        self.life += 1;
        self.stop_seen = false;
        (self.high, self.moved_ms) = (UtcMs(0), 0);
    }

    /// Where the event stands here; opens it if need be.
    pub fn progress(&self, event: EventId) -> Option<Progress> {
        let office = self.office.as_ref()?;
        if office.stopped(event).is_none() {
            // A failure shows in what follows: there is no progress.
            let _opened = office.availability(event);
        }
        office.progress(event)
    }
}
