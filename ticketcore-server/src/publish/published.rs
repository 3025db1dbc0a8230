//! [`Published`]: the newest snapshots of the events that are read, and who makes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use ticketcore::{BoxOffice, EventId, Revision};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::look::{Look, durable_revision};
use super::options::PublishOptions;
use super::slot::{Refreshing, Shared, Slot};
use super::snapshot::{Snapshot, off_thread, unwritten};
use super::subscriber::Subscriber;
use crate::http::{Problem, command_problem};

/// How often it is looked for events that have moved: how late the first change after a pause may be seen.
const LOOK_MS: u64 = 50;
/// Looks between two searches for events that nobody reads any more.
const LOOKS_PER_SWEEP: u64 = 200;

/// The newest snapshots of the events that are read. One for each server.
pub struct Published {
    office: Arc<BoxOffice>,
    options: PublishOptions,
    slots: ArcSwap<HashMap<EventId, Arc<Slot>>>,
    /// Who makes the first snapshot of an event holds its lock; in the map only meanwhile.
    firsts: Mutex<HashMap<EventId, Arc<tokio::sync::Mutex<()>>>>,
    shared: Arc<Shared>,
    refreshes: Arc<Semaphore>,
    now_ms: AtomicU64,
}

impl Published {
    /// Publishes an office's events, and keeps them fresh on the runtime it is called on until `stop` says true or is dropped. Then every
    /// stream of changes ends.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(office: Arc<BoxOffice>, options: PublishOptions, stop: watch::Receiver<bool>) -> Arc<Self> {
        let published = Self::new(office, options);
        tokio::spawn(keep_fresh(Arc::downgrade(&published), stop));
        published
    }

    /// Publishes an office's events; the caller refreshes them.
    #[must_use]
    pub fn new(office: Arc<BoxOffice>, options: PublishOptions) -> Arc<Self> {
        let refreshes = Arc::new(Semaphore::new(options.refreshes_parallel_max.max(1)));
        Arc::new(Self {
            office,
            options,
            slots: ArcSwap::default(),
            firsts: Mutex::default(),
            shared: Arc::default(),
            refreshes,
            now_ms: AtomicU64::new(0),
        })
    }

    /// Reads the newest snapshot of an event, if there is one. No lock, no allocation.
    pub fn read<T>(&self, event: EventId, look: impl FnOnce(&Arc<Snapshot>) -> T) -> Option<T> {
        let slots = self.slots.load();
        let slot = slots.get(&event)?;
        slot.was_read(self.now_ms.load(Ordering::Relaxed));
        Some(look(&slot.snapshot.load()))
    }

    /// The newest snapshot of an event; the first is made at once.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub async fn snapshot(self: &Arc<Self>, event: EventId) -> Result<Arc<Snapshot>, Problem> {
        match self.read(event, Arc::clone) {
            Some(snapshot) => Ok(snapshot),
            None => Ok(self.slot(event).await?.snapshot.load_full()),
        }
    }

    /// One more subscriber of an event's changes, who has seen `since`.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot); [`Code::Overloaded`](crate::http::Code::Overloaded) if there are too many,
    /// [`Code::Unavailable`](crate::http::Code::Unavailable) if the server is stopping.
    pub async fn subscribe(
        self: &Arc<Self>,
        event: EventId,
        since: Option<Revision>,
    ) -> Result<Subscriber, Problem> {
        loop {
            let slot = self.slot(event).await?;
            if let Some(subscriber) = Subscriber::open(&slot, &self.shared, &self.options, since)? {
                return Ok(subscriber);
            }
            // It was forgotten this moment, and is about to be gone from the table.
            tokio::task::yield_now().await;
        }
    }

    /// Subscribers of all events.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.shared.subscribers.load(Ordering::Relaxed)
    }

    /// Events that are published.
    #[must_use]
    pub fn events(&self) -> usize {
        self.slots.load().len()
    }

    /// Makes a new snapshot of an event if it has moved, on this thread. Nothing if it is not published, has not moved, or is being refreshed.
    ///
    /// # Errors
    /// If the event can't be read.
    pub fn refresh(&self, event: EventId) -> Result<(), Problem> {
        let slot = self.slots.load().get(&event).cloned();
        slot.and_then(|slot| slot.refreshing()).map_or(Ok(()), |refreshing| self.renew(&refreshing))
    }

    /// Ends every stream.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.slots.load().values().for_each(|slot| slot.wakers.wake());
    }

    async fn slot(self: &Arc<Self>, event: EventId) -> Result<Arc<Slot>, Problem> {
        if let Some(slot) = self.slots.load().get(&event) {
            slot.was_read(self.now_ms.load(Ordering::Relaxed));
            return Ok(Arc::clone(slot));
        }
        let alone = Arc::clone(self.firsts.lock().entry(event).or_default());
        let turn = Arc::clone(&alone).lock_owned().await;
        let this = Arc::clone(self);
        // The turn goes along: if the request is given up, the work is not, and nobody else starts it meanwhile.
        let made = off_thread(move || {
            let made = this.first(event);
            drop(turn);
            made
        });
        let made = made.await;
        drop(alone);
        self.firsts.lock().retain(|_, waiting| Arc::strong_count(waiting) > 1);
        made
    }

    /// Makes the first snapshot of an event, if nobody has meanwhile.
    fn first(&self, event: EventId) -> Result<Arc<Slot>, Problem> {
        if let Some(slot) = self.slots.load().get(&event) {
            return Ok(Arc::clone(slot));
        }
        let look = Look::at(&self.office, event).map_err(|error| command_problem(error, &()))?;
        let snapshot = Snapshot::build(event, &look, None, &self.options).map_err(unwritten)?;
        let slot = Arc::new(Slot::new(event, snapshot, self.now_ms.load(Ordering::Relaxed)));
        let full = self.slots.load().len() >= self.options.events_max;
        let oldest = full.then(|| self.least_read()).flatten();
        self.slots.rcu(|slots| {
            let mut slots = HashMap::clone(slots);
            if let Some(oldest) = oldest {
                slots.remove(&oldest);
            }
            slots.insert(event, Arc::clone(&slot));
            slots
        });
        Ok(slot)
    }

    /// The event that was not read for longest and has no subscribers; from then on it can't have any.
    fn least_read(&self) -> Option<EventId> {
        let slots = self.slots.load();
        let quiet = slots.values().filter(|slot| slot.wakers.is_empty());
        let oldest = quiet.min_by_key(|slot| slot.read_ms.load(Ordering::Relaxed))?;
        oldest.wakers.retire().then_some(oldest.event)
    }

    fn renew(&self, refreshing: &Refreshing) -> Result<(), Problem> {
        let slot = refreshing.slot();
        let before = slot.snapshot.load_full();
        let look = Look::at(&self.office, slot.event).map_err(|error| command_problem(error, &()))?;
        if look.left.revision <= before.revision {
            return Ok(());
        }
        let next = Snapshot::build(slot.event, &look, Some(&before), &self.options).map_err(unwritten)?;
        let told = next.last_change().is_some_and(|change| !change.silent);
        slot.snapshot.store(Arc::new(next));
        if told {
            slot.wakers.wake();
        }
        Ok(())
    }

    /// Refreshes what is due and has moved.
    async fn look(self: &Arc<Self>, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        let slots = self.slots.load_full();
        for slot in slots.values() {
            let seen = slot.snapshot.load().revision;
            let due = slot.due_ms.load(Ordering::Relaxed) <= now_ms;
            if !due || durable_revision(&self.office, slot.event).is_none_or(|durable| durable <= seen) {
                continue;
            }
            let Ok(permit) = Arc::clone(&self.refreshes).acquire_owned().await else { return };
            let Some(refreshing) = slot.refreshing() else { continue };
            let pause = self.options.refresh(slot.snapshot.load().sale_state).as_millis();
            // A look that comes a little early counts as one in time.
            let pause = u64::try_from(pause).unwrap_or(u64::MAX).saturating_sub(LOOK_MS / 2);
            slot.due_ms.store(now_ms.saturating_add(pause), Ordering::Relaxed);
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                if let Err(problem) = this.renew(&refreshing) {
                    tracing::warn!(event = %refreshing.slot().event, ?problem, "availability is not refreshed");
                }
                drop(permit);
            });
        }
    }

    /// Says to all subscribers that it is still there.
    fn beat(&self) {
        for slot in self.slots.load().values() {
            slot.beat.fetch_add(1, Ordering::Relaxed);
            slot.wakers.wake();
        }
    }

    /// Forgets events that nobody has read for long.
    fn sweep(&self, now_ms: u64) {
        let idle = |slot: &Slot| {
            now_ms.saturating_sub(slot.read_ms.load(Ordering::Relaxed)) > self.options.forget_after_ms
                && slot.wakers.retire()
        };
        let slots = self.slots.load();
        let forgotten: Vec<EventId> =
            slots.values().filter(|slot| idle(slot)).map(|slot| slot.event).collect();
        drop(slots);
        if !forgotten.is_empty() {
            self.slots.rcu(|slots| {
                let mut slots = HashMap::clone(slots);
                slots.retain(|event, _| !forgotten.contains(event));
                slots
            });
        }
    }
}

async fn keep_fresh(published: Weak<Published>, mut stop: watch::Receiver<bool>) {
    let start = Instant::now();
    let mut looks = interval(Duration::from_millis(LOOK_MS));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut count, mut beat_at) = (0_u64, 0_u64);
    loop {
        let stopped = tokio::select! {
            now = looks.tick() => Err(now),
            // A sender that is gone can't say more.
            _ = stop.wait_for(|stop| *stop) => Ok(()),
        };
        let Some(published) = published.upgrade() else { return };
        let Err(now) = stopped else {
            published.close();
            return;
        };
        let now_ms = u64::try_from(now.duration_since(start).as_millis()).unwrap_or(u64::MAX);
        count += 1;
        if now_ms >= beat_at {
            beat_at = now_ms + published.options.heartbeat_ms;
            published.beat();
        }
        if count % LOOKS_PER_SWEEP == 0 {
            published.sweep(now_ms);
        }
        published.look(now_ms).await;
    }
}

#[cfg(test)]
#[path = "published_tests.rs"]
mod tests;
