//! [`Slot`]: where one event is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use ticketcore::EventId;

use super::snapshot::Snapshot;
use super::wakers::Wakers;

/// Where one event is published: its newest snapshot, and who waits for the next.
#[derive(Debug)]
pub struct Slot {
    /// The event.
    pub event: EventId,
    /// The newest snapshot. Set before anybody is woken.
    pub snapshot: ArcSwap<Snapshot>,
    /// Who waits for the next.
    pub wakers: Wakers,
    /// Counts the comments that keep streams open.
    pub beat: AtomicU32,
    /// When it may be refreshed next, and when it was read last, in milliseconds of the publisher's own time.
    pub(super) due_ms: AtomicU64,
    pub(super) read_ms: AtomicU64,
    refreshing: AtomicBool,
}

/// What all slots and subscribers share.
#[derive(Debug, Default)]
pub struct Shared {
    /// The server is stopping: streams end.
    pub closed: AtomicBool,
    /// Subscribers of all events.
    pub subscribers: AtomicUsize,
}

/// Whoever has it refreshes the slot, and nobody else.
pub struct Refreshing(Arc<Slot>);

impl Slot {
    /// With its first snapshot.
    #[must_use]
    pub fn new(event: EventId, first: Snapshot, now_ms: u64) -> Self {
        Self {
            event,
            snapshot: ArcSwap::from_pointee(first),
            wakers: Wakers::default(),
            beat: AtomicU32::new(0),
            due_ms: AtomicU64::new(now_ms),
            read_ms: AtomicU64::new(now_ms),
            refreshing: AtomicBool::new(false),
        }
    }

    /// The right to refresh it; `None` while somebody else does.
    pub fn refreshing(self: &Arc<Self>) -> Option<Refreshing> {
        (!self.refreshing.swap(true, Ordering::Acquire)).then(|| Refreshing(Arc::clone(self)))
    }

    /// That it was read. Written only when it changes, so that readers do not take the line from each other.
    pub(super) fn was_read(&self, now_ms: u64) {
        if self.read_ms.load(Ordering::Relaxed) != now_ms {
            self.read_ms.store(now_ms, Ordering::Relaxed);
        }
    }
}

impl Refreshing {
    /// What is refreshed.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.0
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.refreshing.store(false, Ordering::Release);
    }
}
