//! The reconciler's own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{ReconcileReport, Reconciler};
use crate::answer::CommandError;
use crate::checkout::callers::spawn;
use crate::checkout::inner::Inner;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// Rounds, one after the other; dropped, it ends after the one that runs.
pub(in crate::checkout) struct Rounds {
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    ended: bool,
    last: Option<Arc<ReconcileReport>>,
}

impl Rounds {
    /// The first round begins at once: after a restart orders wait.
    pub fn start(inner: &Arc<Inner>, every_ms: u64) -> Result<Self, CommandError> {
        let told = Arc::new(Told::default());
        let reconciler = Reconciler::of(Arc::clone(inner));
        let work = {
            let told = Arc::clone(&told);
            move || {
                loop {
                    let now = reconciler.inner.clock.now();
                    // A panic has been told of by its hook; the next round tries again.
                    let report = catch_unwind(AssertUnwindSafe(|| reconciler.run_once(now)));
                    let more = report.as_ref().is_ok_and(|report| report.more);
                    let mut state = told.state.lock();
                    if let Ok(report) = report {
                        state.last = Some(Arc::new(report));
                    }
                    // Who has more to do goes on soon; not at once, for others have to do, too.
                    let ms = if more { every_ms.min(MORE_AFTER_MS) } else { every_ms };
                    if !state.ended {
                        let _timed_out = told.wake.wait_for(&mut state, Duration::from_millis(ms));
                    }
                    if state.ended {
                        return;
                    }
                }
            }
        };
        let thread = Some(spawn("ticketcore-reconciler", work)?);
        Ok(Self { told, thread })
    }

    /// The report of the last round.
    pub fn last(&self) -> Option<Arc<ReconcileReport>> {
        self.told.state.lock().last.clone()
    }
}

/// The pause before a round that goes on where the last one ended, in milliseconds.
const MORE_AFTER_MS: u64 = 250;

impl Drop for Rounds {
    fn drop(&mut self) {
        self.told.state.lock().ended = true;
        self.told.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _panics_were_caught = thread.join();
        }
    }
}
