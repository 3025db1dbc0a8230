//! The thread that answers slow calls when their time has come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// How often it looks, in milliseconds.
const TICK_MS: u64 = 5;

/// Stops when it is dropped.
pub(super) struct Timer {
    end: Arc<End>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct End {
    come: Mutex<bool>,
    wake: Condvar,
}

impl End {
    /// Waits a tick. False once the end has come.
    fn wait(&self) -> bool {
        let mut come = self.come.lock();
        if !*come {
            let _timed_out = self.wake.wait_for(&mut come, Duration::from_millis(TICK_MS));
        }
        !*come
    }
}

impl Timer {
    /// Starts one. `None` if there can be no thread: the sandbox then ticks with its calls.
    pub fn start(inner: &Arc<Inner>) -> Option<Self> {
        let end = Arc::new(End::default());
        let (inner, until) = (Arc::clone(inner), Arc::clone(&end));
        let work = move || {
            while until.wait() {
                // Whoever was told panicked; the others go on.
                let _panicked = catch_unwind(AssertUnwindSafe(|| inner.tick()));
            }
        };
        let thread = thread::Builder::new().name("ticketcore-sandbox".to_owned()).spawn(work).ok()?;
        Some(Self { end, thread: Some(thread) })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        *self.end.come.lock() = true;
        self.end.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _panics_were_caught = thread.join();
        }
    }
}
