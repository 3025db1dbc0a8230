//! Who waits for what to be durable. On a shared store also: for the journal's end to be looked up.

use std::sync::OnceLock;

use super::Stop;
use crate::id::Revision;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What somebody who waits is told.
#[derive(Clone, Copy)]
pub(crate) enum Told<'a> {
    /// What they wait for is durable.
    Durable,
    /// Another writer was first: it is taken back and decided again.
    TakenBack,
    /// It will never be known here.
    Stopped(&'a Stop),
}

/// Called once, with no lock held.
pub(crate) type Wake = Box<dyn FnOnce(Told<'_>) + Send>;

/// Somebody whose time has come already, perhaps. To be told with no lock held.
#[must_use = "nobody else tells them"]
pub(crate) struct Due<'a>(Option<(Wake, Told<'a>)>);

impl Due<'_> {
    /// Nobody.
    pub const NOBODY: Self = Due(None);

    /// Tells them.
    pub fn tell(self) {
        if let Some((wake, told)) = self.0 {
            wake(told);
        }
    }
}

struct Waiter {
    revision: Revision,
    /// Waits for a reading of the journal's end with a higher number, too.
    after_reading: Option<u64>,
    wake: Wake,
}

/// See the module.
#[derive(Default)]
pub(super) struct Waiters {
    list: Mutex<Vec<Waiter>>,
    /// Waiters in the list, and those on their way into it.
    count: AtomicUsize,
    /// Readings of the journal's end that have begun.
    readings: AtomicU64,
    stop: OnceLock<Stop>,
}

impl Waiters {
    /// Readings of the journal's end that have begun: those still to come have higher numbers.
    pub fn readings(&self) -> u64 {
        self.readings.load(Ordering::SeqCst)
    }

    /// A reading begins: its number.
    pub fn begin_reading(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Reading `number` found the journal's end at `end`: who came before it began waits for that from now on, and for no other reading.
    pub fn end_reading(&self, number: u64, end: Revision) {
        for waiter in
            self.list.lock().iter_mut().filter(|w| w.after_reading.is_some_and(|after| after < number))
        {
            waiter.after_reading = None;
            waiter.revision = waiter.revision.max(end);
        }
    }

    /// Why the log has stopped, if it has.
    pub fn stop(&self) -> Option<&Stop> {
        self.stop.get()
    }

    /// Latches the reason to stop; only the first counts. Nobody is told yet.
    pub fn latch(&self, stop: Stop) -> &Stop {
        self.stop.get_or_init(|| stop)
    }

    /// Adds a waiter, or gives it back if it need not wait. `is_durable` is asked under the lock, and after whoever publishes a durable
    /// revision can see that somebody is coming: one of the two sees the other.
    pub fn add(
        &self,
        revision: Revision,
        at_end: bool,
        is_durable: impl FnOnce() -> bool,
        wake: Wake,
    ) -> Due<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut list = self.list.lock();
        if !at_end && is_durable() {
            self.count.fetch_sub(1, Ordering::SeqCst);
            return Due(Some((wake, Told::Durable)));
        }
        if let Some(stop) = self.stop.get() {
            self.count.fetch_sub(1, Ordering::SeqCst);
            return Due(Some((wake, Told::Stopped(stop))));
        }
        let after_reading = at_end.then(|| self.readings());
        list.push(Waiter { revision, after_reading, wake });
        Due::NOBODY
    }

    /// Tells everybody who waits for `durable` or less. Takes no lock if nobody waits.
    pub fn wake(&self, durable: Revision) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.wake_some(durable);
        }
    }

    fn wake_some(&self, durable: Revision) {
        let mut ready = Vec::new();
        {
            let mut list = self.list.lock();
            ready.extend(list.extract_if(.., |w| w.after_reading.is_none() && w.revision <= durable));
            self.count.fetch_sub(ready.len(), Ordering::SeqCst);
        }
        for waiter in ready {
            (waiter.wake)(Told::Durable);
        }
    }

    /// Tells everybody, whatever they wait for.
    pub fn tell_all(&self, told: Told<'_>) {
        let all = {
            let mut list = self.list.lock();
            self.count.fetch_sub(list.len(), Ordering::SeqCst);
            std::mem::take(&mut *list)
        };
        for waiter in all {
            (waiter.wake)(told);
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.list.lock().is_empty()
    }
}
