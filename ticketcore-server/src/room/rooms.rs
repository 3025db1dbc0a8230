//! [`Rooms`]: the waiting rooms of all events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use ticketcore::admission::{Health, RoomConfig, RoomError, RoomFact, RoomKeys};
use ticketcore::checkout::{Checkout, GatewayStatus};
use ticketcore::store::{Store, StoreFailure, StreamId};
use ticketcore::{BoxOffice, Clock, EventId, UtcMs};

use super::desk::Desk;
use super::pulse::Pulse;
use crate::http::{Code, Problem};

/// Steps are so far apart.
const STEP: Duration = Duration::from_millis(1_000);

/// The waiting rooms of all events. One thread steps them all.
pub struct Rooms {
    store: Arc<dyn Store>,
    office: Arc<BoxOffice>,
    clock: Arc<dyn Clock>,
    desks: ArcSwap<HashMap<EventId, Arc<Desk>>>,
    /// Held by who adds one.
    adding: Mutex<()>,
    /// Signs positions, admissions and invitations.
    pub keys: RoomKeys,
    /// How requests have fared lately.
    pub pulse: Arc<Pulse>,
    /// Who follows a status by a stream.
    pub followers: Arc<AtomicUsize>,
    /// How the shop was at the last step of all rooms: who steps one in between has not measured it.
    health: Mutex<Option<Health>>,
    stopping: AtomicBool,
    wake: (Mutex<()>, Condvar),
}

impl Rooms {
    /// Opens the rooms that are in the store. Waits for it.
    ///
    /// # Errors
    /// If a journal can't be read.
    pub fn open(
        store: Arc<dyn Store>,
        office: Arc<BoxOffice>,
        clock: Arc<dyn Clock>,
        keys: RoomKeys,
    ) -> Result<Arc<Self>, RoomError> {
        let unlisted = |failure: StoreFailure| RoomError::Stopped(failure.to_string());
        let mut desks = HashMap::new();
        for stream in store.streams().map_err(unlisted)? {
            if let StreamId::Room(event) = stream {
                desks.insert(event, Desk::open(Arc::clone(&store), event, node()?)?);
            }
        }
        Ok(Arc::new(Self {
            store,
            office,
            clock,
            desks: ArcSwap::from_pointee(desks),
            adding: Mutex::new(()),
            keys,
            pulse: Arc::default(),
            followers: Arc::default(),
            health: Mutex::new(None),
            stopping: AtomicBool::new(false),
            wake: (Mutex::new(()), Condvar::new()),
        }))
    }

    /// Steps all rooms on a thread of its own until [`stop`](Self::stop).
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn start(self: &Arc<Self>, checkout: &Arc<Checkout>) -> std::io::Result<()> {
        let (rooms, checkout) = (Arc::clone(self), Arc::downgrade(checkout));
        let thread = std::thread::Builder::new().name("rooms".to_owned());
        thread.spawn(move || {
            while !rooms.stopping.load(Ordering::Acquire) {
                let Some(checkout) = checkout.upgrade() else { return };
                let gateways = checkout.status().gateways;
                drop(checkout);
                rooms.step(&gateways);
                let mut guard = rooms.wake.0.lock();
                if !rooms.stopping.load(Ordering::Acquire) {
                    rooms.wake.1.wait_for(&mut guard, STEP);
                }
            }
        })?;
        Ok(())
    }

    /// The thread ends soon.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let _guard = self.wake.0.lock();
        self.wake.1.notify_all();
    }

    fn step(&self, gateways: &[GatewayStatus]) {
        let now = self.clock.now();
        let health = self.pulse.health(now, gateways);
        *self.health.lock() = Some(health);
        for desk in self.desks.load().values() {
            let stepped =
                node().and_then(|node| desk.step(&self.store, &self.office, Some(health), (now, node)));
            if let Err(error) = stepped {
                tracing::error!(event = %desk.event(), %error, "a waiting room stands still");
            }
        }
    }

    /// Steps one room now: somebody has changed it.
    pub fn step_now(&self, desk: &Desk) {
        let (now, health) = (self.clock.now(), *self.health.lock());
        let stepped = node().and_then(|node| desk.step(&self.store, &self.office, health, (now, node)));
        if let Err(error) = stepped {
            tracing::error!(event = %desk.event(), %error, "a waiting room stands still");
        }
    }

    /// The room of an event, if it has one. No lock.
    #[must_use]
    pub fn find(&self, event: EventId) -> Option<Arc<Desk>> {
        self.desks.load().get(&event).cloned()
    }

    /// The room of an event.
    ///
    /// # Errors
    /// [`Code::NoWaitingRoom`].
    pub fn named(&self, event: EventId) -> Result<Arc<Desk>, Problem> {
        self.find(event).ok_or_else(|| Problem::new(Code::NoWaitingRoom, Code::NoWaitingRoom.title()))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UtcMs {
        self.clock.now()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Desk>> {
        self.desks.load().values().cloned().collect()
    }

    /// Sets the room of an event up, or changes how it works. Waits for the store.
    ///
    /// # Errors
    /// If it can't be changed like that any more, or the store fails.
    pub fn set_up(&self, event: EventId, config: RoomConfig) -> Result<Arc<Desk>, RoomError> {
        let _adding = self.adding.lock();
        let now = self.clock.now();
        if let Some(desk) = self.find(event) {
            let changed = desk.journal().change(now, |room, _| Ok(((), Some(room.change(config)?))))?;
            changed.wait()?;
            return Ok(desk);
        }
        let desk = Desk::open(Arc::clone(&self.store), event, node()?)?;
        let (draw_key, tag_key) = (random()?, random()?);
        let first = RoomFact::RoomOpened { config: Box::new(config), draw_key, tag_key };
        desk.journal().set_up(now, first)?.wait()?;
        let mut desks = HashMap::clone(&self.desks.load());
        desks.insert(event, Arc::clone(&desk));
        self.desks.store(Arc::new(desks));
        Ok(desk)
    }
}

/// A part of the names of batches that was never used before.
fn node() -> Result<u64, RoomError> {
    let bytes: [u8; 32] = random()?;
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    Ok(u64::from_ne_bytes(eight))
}

fn random() -> Result<[u8; 32], RoomError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| RoomError::Stopped(error.to_string()))?;
    Ok(bytes)
}
