//! Maintenance: expiry, opening and closing events, rebases. On its own thread, or called by the host. Snapshots on another: folding a long
//! journal takes a while, and no hold should expire late for it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::{BoxOffice, Office};
use crate::answer::CommandError;
use crate::background;
use crate::event::{Ask, save_snapshot};
use crate::id::{EventId, Revision};
use crate::limits::EXPIRE_BATCH_MAX;
use crate::store::StreamId;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use crate::time::UtcMs;

/// How often the maintenance thread looks for overdue holds, in milliseconds.
const TICK_MS: u64 = 20;

/// How often it looks what other writers have appended to a shared store, in milliseconds.
const FOLLOW_MS: u64 = 100;

/// How often it is looked whether a snapshot is due, in milliseconds.
const SNAPSHOT_LOOK_MS: u64 = 100;

/// Work for the maintenance thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Open(EventId),
    Ask(EventId, Ask),
}

/// The queue of jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    queue: Mutex<(VecDeque<Job>, bool)>,
    wake: Condvar,
    end: Condvar,
}

impl Jobs {
    pub fn push(&self, job: Job) {
        self.queue.lock().0.push_back(job);
        self.wake.notify_one();
    }

    pub fn end(&self) {
        self.queue.lock().1 = true;
        self.wake.notify_one();
        self.end.notify_one();
    }

    pub fn has_ended(&self) -> bool {
        self.queue.lock().1
    }

    fn take(&self) -> Option<Job> {
        self.queue.lock().0.pop_front()
    }

    /// Waits for a job or a tick. False once the end has come.
    fn wait(&self) -> bool {
        let mut queue = self.queue.lock();
        if queue.0.is_empty() && !queue.1 {
            let _timed_out = self.wake.wait_for(&mut queue, Duration::from_millis(TICK_MS));
        }
        !queue.1
    }

    /// Waits for so long. False once the end has come.
    fn pause(&self, ms: u64) -> bool {
        let mut queue = self.queue.lock();
        if !queue.1 {
            let _timed_out = self.end.wait_for(&mut queue, Duration::from_millis(ms));
        }
        !queue.1
    }
}

/// What one call of [`BoxOffice::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Holds that were expired and allocations that were released.
    pub ended: usize,
    /// Whether more is due: call again.
    pub more: bool,
}

/// What the thread remembers from one round to the next: when each open event was last seen to move, and more.
#[derive(Default)]
struct Rounds {
    seen: HashMap<EventId, (Revision, UtcMs)>,
    /// When other writers were last followed.
    followed: Option<Instant>,
}

/// Starts the threads of a box office.
pub(super) fn start(office: &Arc<Office>) -> Result<Vec<JoinHandle<()>>, CommandError> {
    let start = |name: &str, work: fn(&Arc<Office>)| {
        let office = Arc::clone(office);
        let thread = thread::Builder::new().name(name.to_owned());
        let started = thread.spawn(move || work(&office));
        started.map_err(|error| CommandError::Failed { reason: error.to_string() })
    };
    let mut threads = vec![start("ticketcore-maintenance", maintain)?];
    if office.snapshot_every > 0 {
        threads.push(start("ticketcore-snapshots", save_snapshots)?);
    }
    Ok(threads)
}

fn maintain(office: &Arc<Office>) {
    let mut rounds = Rounds::default();
    while office.jobs.wait() {
        // A panic has stopped its event already and the hook has told of it; the other events go on.
        let _panicked = catch_unwind(AssertUnwindSafe(|| office.round(&mut rounds)));
    }
}

fn save_snapshots(office: &Arc<Office>) {
    background::step_back();
    let mut saved = HashMap::new();
    while office.jobs.pause(SNAPSHOT_LOOK_MS) {
        // A panic leaves the old snapshot, as a failure does.
        let _panicked = catch_unwind(AssertUnwindSafe(|| office.save_due(&mut saved)));
    }
}

impl Office {
    fn round(self: &Arc<Self>, rounds: &mut Rounds) {
        self.work_off();
        while self.expire().more {
            self.work_off();
        }
        if rounds.followed.is_none_or(|last| last.elapsed() >= Duration::from_millis(FOLLOW_MS)) {
            rounds.followed = Some(Instant::now());
            self.follow();
            if self.store.capabilities().shared {
                // A failure leaves what was known; the next round reads again.
                let _failed = self.catalogue.refresh();
            }
        }
        self.tidy(rounds);
    }

    fn work_off(self: &Arc<Self>) {
        while let Some(job) = self.jobs.take() {
            match job {
                Job::Open(event) => self.open_queued(event),
                Job::Ask(event, ask) => {
                    if let Some(core) = self.events.load().get(&event) {
                        core.answer_ask(ask);
                    }
                }
            }
        }
    }

    /// On a shared store: follows what other writers have appended, also where nothing else needs it.
    fn follow(self: &Arc<Self>) {
        for core in self.events.load().values() {
            core.read_end();
        }
    }

    fn expire(self: &Arc<Self>) -> Maintained {
        let mut maintained = Maintained::default();
        for core in self.events.load().values() {
            // A rebase whose read failed is tried again here.
            core.rebase();
            let round = core.expire(EXPIRE_BATCH_MAX);
            maintained.ended += round.ended;
            maintained.more |= round.more;
        }
        maintained
    }

    /// Closes what is idle.
    fn tidy(self: &Arc<Self>, rounds: &mut Rounds) {
        let now = self.clock.now();
        for (event, core) in &**self.events.load() {
            let revision = core.log.durable();
            let (last, since) = *rounds.seen.entry(*event).or_insert((revision, now));
            if revision != last {
                rounds.seen.insert(*event, (revision, now));
            } else if now.since_ms(since) >= self.close_idle_after_ms && core.close_if_idle() {
                self.forget(core);
                rounds.seen.remove(event);
            }
        }
    }

    /// Saves snapshots of the open events that have gone on for long enough since the last.
    fn save_due(&self, saved: &mut HashMap<EventId, Revision>) {
        let open: Vec<_> =
            self.events.load().iter().map(|(event, core)| (*event, core.log.durable())).collect();
        for (event, revision) in open {
            let last = *saved.entry(event).or_insert(revision);
            if revision.0.saturating_sub(last.0) < self.snapshot_every || self.jobs.has_ended() {
                continue;
            }
            // A failure leaves the old snapshot: opening takes longer. It is tried again, but not at once: the journal is long.
            let again = Revision(revision.0 - self.snapshot_every / 10 * 9);
            let now = save_snapshot(&*self.store, StreamId::Event(event)).unwrap_or(again);
            saved.insert(event, now);
        }
    }
}

impl BoxOffice {
    /// One step of maintenance: expires overdue holds (a bounded number per event), releases due allocations, opens and rebases what
    /// waits for it. Hosts with [`manual_expiry`](super::Options::manual_expiry) call this; others need not.
    pub fn maintain(&self) -> Maintained {
        self.office.work_off();
        self.office.follow();
        self.office.expire()
    }

    /// Saves a snapshot of an event: the next opening reads only what came after it.
    ///
    /// # Errors
    /// If the journal can't be read or the snapshot can't be written; the old one is still there.
    pub fn save_snapshot(&self, event: EventId) -> Result<Revision, CommandError> {
        save_snapshot(&*self.office.store, StreamId::Event(event))
            .map_err(|error| CommandError::Failed { reason: error.to_string() })
    }

    /// Closes an event if nothing is going on in it; the next command opens it again. True if it is closed now.
    pub fn close_if_idle(&self, event: EventId) -> bool {
        match self.office.events.load().get(&event) {
            Some(core) if core.close_if_idle() => {
                self.office.forget(core);
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    /// Drops an event that has stopped after a failure and reads it again from its journal at the next command.
    pub fn reopen(&self, event: EventId) {
        if let Some(core) = self.office.events.load().get(&event)
            && core.log.stopped().is_some()
        {
            self.office.forget(core);
        }
    }
}
