//! The log of one stream: sequencer, commit pipeline, waiters.
//!
//! Facts pile up in the sequencer while an append is in flight; when it ends, whatever has piled up is the next batch
//! (back-pressure, no timer). After each append the batch is folded into the durable view, then the durable revision is
//! published, then waiters wake: nobody is told what a crash could still undo (I6).

mod append;
mod outbox;
mod room;
mod sequencer;
mod slot;
mod stop;
mod together;
mod waiters;

use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;

use outbox::Gathering;
use room::Room;
use sequencer::Sequencer;
pub(crate) use sequencer::{NotSequenced, Sent};
pub(crate) use slot::{Slot, SlotFuture};
pub(crate) use stop::Stop;
pub(crate) use together::Together;
use waiters::Waiters;
pub(crate) use waiters::{Due, Told, Wake};

use crate::canary::{Canaries, Canary};
use crate::event::{OnPanic, Settings};
use crate::id::Revision;
use crate::invariant::Violation;
use crate::store::{Batch, BatchId, Capabilities, Completion, Records, Store, StreamId, Tail};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, hint, lock_short, thread};
use crate::time::UtcMs;

/// How often somebody looks whether their fact is durable before they go to sleep, with an inline store: some ten microseconds in all.
const SPINS_MAX: u32 = 4 * SPINS_PER_TURN;
/// After so many looks it is somebody else's turn, if there are fewer processors than threads.
const SPINS_PER_TURN: u32 = 1_000;

/// What follows a stream's journal.
pub(crate) trait Follower: Send + Sync {
    /// The records are durable. Called in order, before anybody who waits for them is woken. `facts` are the same, decoded, if they
    /// came from here; else it is empty.
    fn appended(&self, first: Revision, records: &Records, facts: &[Sent]) -> Result<(), Violation>;

    /// Another writer was first: the log stands still until [`Log::rebased`]. Must not block.
    fn conflict(&self);
}

/// What every fact touches of the log, on as few lines of memory as can be: they pass from thread to thread.
#[repr(C)]
struct End {
    /// The last revision given out; may lag behind the sequencer for a moment.
    sequenced: AtomicU64,
    /// Somebody is in the loop that submits; whoever ends an append leaves the next one to them. Written under the sequencer's lock.
    pumping: AtomicBool,
    sequencer: Mutex<Sequencer>,
}

/// See the module.
pub(crate) struct Log {
    stream: StreamId,
    store: Arc<dyn Store>,
    capabilities: Capabilities,
    node: u64,
    follower: Box<dyn Follower>,
    canaries: Canaries,
    me: Weak<Log>,
    room: Room,
    gathering: Gathering,
    end: CachePadded<End>,
    /// Logged time of the last fact, in ms; may lag behind the sequencer for a moment.
    logged: CachePadded<AtomicU64>,
    durable: CachePadded<AtomicU64>,
    /// Logged time of a durable fact, the last or one not long before it, in ms.
    durable_at: AtomicU64,
    waiters: Waiters,
    stopped: AtomicBool,
}

impl Log {
    /// The log of a stream whose journal ends at `revision`, logged at `logged`.
    pub fn new(
        stream: StreamId,
        store: Arc<dyn Store>,
        node: u64,
        follower: Box<dyn Follower>,
        settings: Settings,
        end: (Revision, Tail, UtcMs),
    ) -> Arc<Self> {
        let (revision, tail, logged) = end;
        let capabilities = store.capabilities();
        let room = Room { max: settings.pending_bytes_max, shared: capabilities.shared };
        Arc::new_cyclic(|me| Self {
            stream,
            capabilities,
            gathering: Gathering::of(&*store),
            store,
            node,
            follower,
            canaries: settings.canaries,
            me: me.clone(),
            room,
            end: CachePadded::new(End {
                sequenced: AtomicU64::new(revision.0),
                pumping: AtomicBool::new(false),
                sequencer: Mutex::new(Sequencer::new(revision, tail, logged)),
            }),
            logged: CachePadded::new(AtomicU64::new(logged.0)),
            durable: CachePadded::new(AtomicU64::new(revision.0)),
            durable_at: AtomicU64::new(logged.0),
            waiters: Waiters::default(),
            stopped: AtomicBool::new(false),
        })
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The stream.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Whether other writers may be first.
    pub fn is_shared(&self) -> bool {
        self.capabilities.shared
    }

    /// The time a fact logged now would get.
    pub fn now(&self, clock: UtcMs) -> UtcMs {
        if clock.0 >= self.logged.load(Ordering::Relaxed) {
            clock
        } else {
            lock_short(&self.end.sequencer).time.peek(clock)
        }
    }

    /// Every fact up to this revision is durable and in the durable view.
    pub fn durable(&self) -> Revision {
        // In one order with the waiters' count, see [`publish`](Self::publish).
        Revision(self.durable.load(Ordering::SeqCst))
    }

    /// A time that the durable facts have reached: nothing that is taken back can take it back.
    pub fn durable_time(&self) -> UtcMs {
        UtcMs(self.durable_at.load(Ordering::Acquire))
    }

    /// Every fact that a decision made before this call can have seen has at most this revision.
    pub fn sequenced(&self) -> Revision {
        Revision(self.end.sequenced.load(Ordering::Acquire))
    }

    /// Whether `revision` may be acknowledged.
    pub fn is_durable(&self, revision: Revision) -> bool {
        self.durable() >= revision || self.canaries.on(Canary::AckEarly)
    }

    /// Sends what is pending; if an append is in flight, when that has ended. With an inline store it is durable when this returns, unless
    /// another thread is sending it.
    pub fn send(&self) {
        // Whoever pumps looks once more, under the lock, before they leave: they see whatever was pushed before this.
        if self.end.pumping.load(Ordering::Acquire) {
            return;
        }
        let mut sequencer = lock_short(&self.end.sequencer);
        if self.end.pumping.load(Ordering::Relaxed) {
            return;
        }
        let Some(mut batch) = self.next_batch(&mut sequencer) else { return self.tell_stopped(sequencer) };
        self.end.pumping.store(true, Ordering::Relaxed);
        let _stop = OnPanic(|| self.stop(Stop::Unknown("a panic while a batch was appended".to_owned())));
        loop {
            if self.capabilities.inline {
                let facts = std::mem::take(&mut sequencer.sent);
                drop(sequencer);
                sequencer = self.append_at_once(batch, facts);
            } else {
                drop(sequencer);
                self.submit(batch);
                sequencer = lock_short(&self.end.sequencer);
            }
            // Whoever completed it meanwhile has left the next batch to this loop.
            match self.next_batch(&mut sequencer) {
                Some(next) => batch = next,
                None => break,
            }
        }
        self.end.pumping.store(false, Ordering::Release);
        self.tell_stopped(sequencer);
    }

    /// If the log has been latched, nothing that still waits becomes durable once no append is in flight.
    fn tell_stopped(&self, sequencer: MutexGuard<'_, Sequencer>) {
        let idle = !sequencer.in_flight;
        drop(sequencer);
        if idle && let Some(stop) = self.stopped() {
            self.waiters.tell_all(Told::Stopped(stop));
        }
    }

    /// The next batch to send, in flight from now on, if it is time for one.
    #[inline]
    fn next_batch(&self, sequencer: &mut Sequencer) -> Option<Batch> {
        if sequencer.in_flight || self.stopped.load(Ordering::Acquire) {
            sequencer.asked |= sequencer.pending.count() > 0;
            return None;
        }
        // Looked at first: it is nearly always empty, and large.
        if sequencer.held.is_some() {
            sequencer.in_flight = true;
            return sequencer.held.take();
        }
        if sequencer.pending.count() == 0 {
            return None;
        }
        sequencer.in_flight = true;
        sequencer.asked = false;
        let spare = std::mem::take(&mut sequencer.spare);
        let records = std::mem::replace(&mut sequencer.pending, spare);
        // `sent` was emptied when the batch before was appended; its room is used again.
        let Sequencer { facts, sent, .. } = sequencer;
        std::mem::swap(facts, sent);
        sequencer.sent();
        sequencer.batches += 1;
        sequencer.attempts = 0;
        Some(Batch {
            stream: self.stream,
            expected: sequencer.tail,
            id: BatchId(u128::from(self.node) << 64 | u128::from(sequencer.batches)),
            first_revision: Revision(sequencer.next.0 - u64::from(records.count())),
            records,
        })
    }

    fn submit(&self, batch: Batch) {
        match self.me.upgrade() {
            Some(sink) => self.store.submit(Completion::new(sink, batch)),
            None => self.stop(Stop::Unknown("the log is gone".to_owned())),
        }
    }

    /// Lets `wake` wait until `revision` is durable or the log has stopped, or gives it back if either is so already.
    pub fn enlist(&self, revision: Revision, wake: Wake) -> Due<'_> {
        self.waiters.add(revision, false, || self.is_durable(revision), wake)
    }

    /// As [`enlist`](Self::enlist), but waits for a reading of the journal's end that begins after this call, too, and until
    /// everything found there is durable here.
    pub fn enlist_at_end(&self, revision: Revision, wake: Wake) -> Due<'_> {
        self.waiters.add(revision, true, || false, wake)
    }

    /// How many readings of the journal's end have begun; those still to come have higher numbers.
    pub fn readings(&self) -> u64 {
        self.waiters.readings()
    }

    /// A reading of the journal's end begins: its number.
    pub fn begin_reading(&self) -> u64 {
        self.waiters.begin_reading()
    }

    /// The reading has found the journal's end.
    pub fn end_reading(&self, number: u64, end: Revision) {
        self.waiters.end_reading(number, end);
        self.waiters.wake(self.durable());
    }

    /// Waits a little while another thread sends `revision`: with an inline store that takes about as long as a lock.
    pub fn spin_until_durable(&self, revision: Revision) -> bool {
        if !self.capabilities.inline {
            return self.is_durable(revision);
        }
        // No lock is touched: whoever sends needs them.
        for round in 1..=SPINS_MAX {
            if self.is_durable(revision) {
                return true;
            }
            if round % SPINS_PER_TURN == 0 {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
        }
        self.is_durable(revision)
    }

    /// Why the log has stopped, if it has.
    pub fn stopped(&self) -> Option<&Stop> {
        if self.stopped.load(Ordering::Acquire) { self.waiters.stop() } else { None }
    }

    /// Stops the log for good: waiters are told, nothing more is acknowledged (I9).
    pub fn stop(&self, stop: Stop) {
        let first = self.latch(stop);
        self.waiters.tell_all(Told::Stopped(first));
    }

    /// The part of [`stop`](Self::stop) that may be done under locks: nobody is told yet.
    pub fn latch(&self, stop: Stop) -> &Stop {
        let first = self.waiters.latch(stop);
        self.stopped.store(true, Ordering::Release);
        first
    }

    /// Whether nothing is pending or in flight and nobody waits.
    pub fn is_idle(&self) -> bool {
        let sequencer = lock_short(&self.end.sequencer);
        sequencer.pending.count() == 0 && !sequencer.in_flight && self.waiters.is_empty()
    }

    /// Keeps appends back, as a conflict does, to follow another writer. False if an append is in flight or has to be sent again:
    /// only its answer says whose the end of the journal is.
    pub fn claim(&self) -> bool {
        let mut sequencer = lock_short(&self.end.sequencer);
        let free = !sequencer.in_flight && sequencer.held.is_none();
        sequencer.in_flight |= free;
        free
    }

    /// While appends are kept back: forgets everything that was not appended, and tells who waits for it. The caller has the event
    /// to itself.
    pub fn forget_pending(&self) {
        {
            let mut sequencer = lock_short(&self.end.sequencer);
            sequencer.pending.clear();
            sequencer.facts.clear();
            sequencer.sent.clear();
            sequencer.held = None;
            sequencer.sent();
            sequencer.landed();
            sequencer.next = self.durable().next();
            self.end.sequenced.store(self.durable().0, Ordering::Release);
        }
        self.waiters.tell_all(Told::TakenBack);
    }

    /// While appends are kept back: follows records that another writer appended. The caller has the event to itself.
    pub fn follow(&self, first: Revision, records: &Records, tail: Tail) -> Result<(), Violation> {
        self.follower.appended(first, records, &[])?;
        self.durable_at.fetch_max(records.base().0, Ordering::AcqRel);
        let mut sequencer = lock_short(&self.end.sequencer);
        let last = Revision(first.0 + u64::from(records.count()) - 1);
        if let Some(record) = records.iter(first).last() {
            sequencer.time.seen(record.stamp.at);
            self.logged.fetch_max(record.stamp.at.0, Ordering::Relaxed);
        }
        sequencer.next = last.next();
        sequencer.tail = tail;
        self.end.sequenced.store(last.0, Ordering::Release);
        self.durable.swap(last.0, Ordering::SeqCst);
        drop(sequencer);
        self.waiters.wake(last);
        Ok(())
    }

    /// Appends go on.
    pub fn rebased(&self) {
        lock_short(&self.end.sequencer).in_flight = false;
        self.send();
    }
}
