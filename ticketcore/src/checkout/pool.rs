//! Tasks, their timers, and the few threads that run them: as much of an executor as a driver needs.
//!
//! A task is a future. Whoever waits for a gateway or a store takes no thread. Without threads ([`Pool::step`]) whoever calls runs the
//! tasks, one at a time and in the same order each time.

use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::callers::spawn;
use super::timer::{Due, Timer};
use super::waits::Sleep;
use crate::answer::CommandError;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use crate::time::UtcMs;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The threads of a pool. Dropped, it ends them and drops every task where it stands.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Where tasks are put. Tasks, and whoever wakes them, know this and no thread.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something is ready, or due earlier than was known, or the end has come.
    wake: Condvar,
    /// There are no tasks any more, or the end has come.
    idle: Condvar,
    manual: bool,
    start: Instant,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Task>>,
    timers: BinaryHeap<Timer>,
    tasks: HashMap<u64, Arc<Task>>,
    /// Tasks and timers so far: their numbers.
    count: u64,
    ended: bool,
    /// Without threads: the time that has passed, in milliseconds, and the clock when it was last looked at. A clock that steps back
    /// stops timers for no longer than that moment.
    passed_ms: u64,
    looked: Option<UtcMs>,
}

struct Task {
    number: u64,
    /// It is in the queue, or about to be.
    queued: AtomicBool,
    work: Mutex<Option<Work>>,
    shared: Arc<Shared>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            let shared = Arc::clone(&self.shared);
            shared.push(self);
        }
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self));
        let mut work = self.work.lock();
        let Some(future) = work.as_mut() else { return };
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        // After a panic the order is as its facts say, and whoever reconciles resumes it.
        if catch_unwind(AssertUnwindSafe(poll)).unwrap_or(true) {
            let done = work.take();
            drop(work);
            drop(done);
            self.shared.forget(self.number);
        }
    }
}

impl Pool {
    /// So many threads, `<name>-1` and so on; none: somebody calls [`step`](Self::step).
    pub fn start(name: &str, threads: usize) -> Result<Self, CommandError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
            idle: Condvar::new(),
            manual: threads == 0,
            start: Instant::now(),
        });
        let mut pool = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        for number in 1..=threads {
            let shared = Arc::clone(&shared);
            let work = move || {
                while let Some(task) = shared.next() {
                    task.run();
                }
            };
            pool.threads.push(spawn(&format!("{name}-{number}"), work)?);
        }
        Ok(pool)
    }

    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Runs up to `max` tasks that are ready at `now`; says how many there were. Where there are threads they do that.
    pub fn step(&self, now: UtcMs, max: usize) -> usize {
        if !self.shared.manual {
            return 0;
        }
        self.shared.state.lock().look(now);
        let mut run = 0;
        while run < max
            && let Some(task) = self.shared.next()
        {
            task.run();
            run += 1;
        }
        run
    }

    /// Ends the threads and drops every task.
    pub fn end(&mut self) {
        self.shared.state.lock().ended = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // Whoever drops the driver from inside a task can't wait for himself.
            if thread.thread().id() != thread::current().id() {
                let _panics_were_caught = thread.join();
            }
        }
        let (tasks, timers) = {
            let mut state = self.shared.state.lock();
            state.ready.clear();
            (std::mem::take(&mut state.tasks), std::mem::take(&mut state.timers))
        };
        drop(timers);
        for (_, task) in tasks {
            if let Some(mut work) = task.work.try_lock() {
                let dropped = work.take();
                drop(work);
                drop(dropped);
            }
        }
        self.shared.idle.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    /// Time passes.
    fn look(&mut self, now: UtcMs) {
        self.passed_ms += self.looked.map_or(0, |last| now.since_ms(last));
        self.looked = Some(now);
    }

    fn due(&mut self, now_ms: u64) -> Vec<Due> {
        let mut due = Vec::new();
        while self.timers.peek().is_some_and(|timer| timer.at_ms <= now_ms) {
            due.extend(self.timers.pop().map(|timer| timer.due));
        }
        due
    }
}

impl Shared {
    /// Starts a task. After the end it is dropped where it stands.
    pub fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let task = {
            let mut state = self.state.lock();
            if state.ended {
                drop(state);
                drop(work);
                return;
            }
            state.count += 1;
            let task = Arc::new(Task {
                number: state.count,
                queued: AtomicBool::new(false),
                work: Mutex::new(Some(Box::pin(work))),
                shared: Arc::clone(self),
            });
            state.tasks.insert(task.number, Arc::clone(&task));
            task
        };
        task.wake();
    }

    /// Runs `run` in so many milliseconds, or drops it at the end.
    pub fn after(&self, ms: u64, run: impl FnOnce() + Send + 'static) {
        self.later(ms, Due::Run(Box::new(run)));
    }

    /// Is over in so many milliseconds.
    pub fn sleep(self: &Arc<Self>, ms: u64) -> Sleep {
        Sleep::new(Arc::clone(self), ms)
    }

    /// In how many milliseconds something happens by itself: 0 if something is ready, `None` if nothing will.
    pub fn next_in_ms(&self) -> Option<u64> {
        let state = self.state.lock();
        if !state.ready.is_empty() {
            return Some(0);
        }
        let now_ms = self.time_ms(&state);
        state.timers.peek().map(|timer| timer.at_ms.saturating_sub(now_ms))
    }

    /// Waits until there is no task any more, at most this long. True if there is none.
    pub fn wait_idle(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.state.lock();
        while !state.tasks.is_empty() && !state.ended {
            match until {
                None => self.idle.wait(&mut state),
                Some(until) => {
                    if self.idle.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.tasks.is_empty()
    }

    /// Does something in so many milliseconds; says when that is.
    pub fn later(&self, ms: u64, due: Due) -> u64 {
        let mut state = self.state.lock();
        let at_ms = self.time_ms(&state).saturating_add(ms);
        if state.ended {
            return at_ms;
        }
        state.count += 1;
        let earliest = state.timers.peek().is_none_or(|timer| at_ms < timer.at_ms);
        let timer = Timer { at_ms, number: state.count, due };
        state.timers.push(timer);
        drop(state);
        if earliest {
            self.wake.notify_one();
        }
        at_ms
    }

    /// The time that has passed, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.time_ms(&self.state.lock())
    }

    fn time_ms(&self, state: &State) -> u64 {
        if self.manual {
            return state.passed_ms;
        }
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn push(&self, task: Arc<Task>) {
        let mut state = self.state.lock();
        if !state.ended {
            state.ready.push_back(task);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn forget(&self, number: u64) {
        let mut state = self.state.lock();
        state.tasks.remove(&number);
        if state.tasks.is_empty() {
            drop(state);
            self.idle.notify_all();
        }
    }

    /// The next task to run; waits for one if there are threads. `None` at the end, or if there is none and nobody waits.
    fn next(&self) -> Option<Arc<Task>> {
        let mut state = self.state.lock();
        loop {
            if state.ended {
                return None;
            }
            let now_ms = self.time_ms(&state);
            let due = state.due(now_ms);
            if !due.is_empty() {
                drop(state);
                for due in due {
                    match due {
                        Due::Wake(waker) => waker.wake(),
                        // A panic of the host's waker is the host's.
                        Due::Run(run) => _ = catch_unwind(AssertUnwindSafe(run)),
                    }
                }
                state = self.state.lock();
                continue;
            }
            if let Some(task) = state.ready.pop_front() {
                return Some(task);
            }
            if self.manual {
                return None;
            }
            match state.timers.peek().map(|timer| timer.at_ms - now_ms) {
                Some(ms) => _ = self.wake.wait_for(&mut state, Duration::from_millis(ms)),
                None => self.wake.wait(&mut state),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::waits::take_turns;

    type Log = Arc<Mutex<Vec<&'static str>>>;

    fn manual() -> (Pool, Log) {
        (Pool::start("test", 0).unwrap(), Log::default())
    }

    #[test]
    fn tasks_take_turns_and_timers_are_due_in_order() {
        let (pool, log) = manual();
        for (name, ms) in [("a", 20), ("b", 10)] {
            let (shared, log) = (Arc::clone(pool.shared()), Arc::clone(&log));
            pool.shared().spawn(async move {
                log.lock().push(name);
                take_turns().await;
                log.lock().push(name);
                shared.sleep(ms).await;
                log.lock().push(name);
            });
        }
        assert_eq!(pool.step(UtcMs(0), 1), 1);
        assert_eq!(*log.lock(), ["a"], "one at a time");
        assert_eq!((pool.step(UtcMs(0), 100), pool.shared().next_in_ms()), (3, Some(10)));
        assert_eq!((pool.step(UtcMs(9), 100), pool.step(UtcMs(10), 100)), (0, 1));
        // A clock that steps back delays nothing for longer than that moment.
        assert_eq!((pool.step(UtcMs(3), 100), pool.step(UtcMs(13), 100)), (0, 1));
        assert_eq!(*log.lock(), ["a", "b", "a", "b", "b", "a"]);
        assert_eq!(pool.shared().next_in_ms(), None);
        assert!(pool.shared().wait_idle(Duration::ZERO));
    }

    #[test]
    fn a_panic_ends_its_task_and_no_other() {
        let pool = Pool::start("test", 2).unwrap();
        let done = Log::default();
        pool.shared().spawn(async { std::panic::resume_unwind(Box::new("a test")) });
        let log = Arc::clone(&done);
        pool.shared().spawn(async move { log.lock().push("done") });
        assert!(pool.shared().wait_idle(Duration::from_secs(60)));
        assert_eq!(*done.lock(), ["done"]);
    }

    #[test]
    fn the_end_drops_what_is_under_way_and_what_comes_later() {
        struct Dropped(Log);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.lock().push("dropped");
            }
        }
        for threads in [0, 2] {
            let log = Log::default();
            let mut pool = Pool::start("test", threads).unwrap();
            let shared = Arc::clone(pool.shared());
            let (waits, sleep) = (Dropped(Arc::clone(&log)), shared.sleep(3_600_000));
            shared.spawn(async move {
                let _waits = waits;
                sleep.await;
            });
            let due = Dropped(Arc::clone(&log));
            shared.after(3_600_000, move || drop(due));
            pool.step(UtcMs(0), 10);
            pool.end();
            assert_eq!(log.lock().len(), 2);
            let late = Dropped(Arc::clone(&log));
            shared.spawn(async move { drop(late) });
            assert_eq!((log.lock().len(), shared.next_in_ms()), (3, None));
        }
    }
}
