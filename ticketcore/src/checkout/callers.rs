//! Threads that call one gateway: a call may block, and must not keep other orders waiting.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::answer::CommandError;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// A named thread.
pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, CommandError> {
    let failed = |error: std::io::Error| CommandError::Failed { reason: error.to_string() };
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(failed)
}

type Call = Box<dyn FnOnce() + Send>;

/// Dropped, it waits for the calls under way and drops those that wait: nobody has heard of them.
pub(super) struct Callers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Without threads of its own, whoever asks calls.
    inline: bool,
}

#[derive(Default)]
struct Queue {
    calls: Mutex<(VecDeque<Call>, bool)>,
    wake: Condvar,
}

impl Queue {
    fn next(&self) -> Option<Call> {
        let mut calls = self.calls.lock();
        loop {
            if calls.1 {
                return None;
            }
            if let Some(call) = calls.0.pop_front() {
                return Some(call);
            }
            self.wake.wait(&mut calls);
        }
    }
}

impl Callers {
    pub fn start(gateway: &str, threads: usize) -> Result<Self, CommandError> {
        let callers = Self { queue: Arc::default(), threads: Mutex::new(Vec::new()), inline: threads == 0 };
        for number in 1..=threads {
            let queue = Arc::clone(&callers.queue);
            let work = move || {
                while let Some(call) = queue.next() {
                    // Its reply is dropped on the way up, which answers that nobody knows.
                    let _panicked = catch_unwind(AssertUnwindSafe(call));
                }
            };
            let thread = spawn(&format!("ticketcore-pay-{gateway}-{number}"), work)?;
            callers.threads.lock().push(thread);
        }
        Ok(callers)
    }

    pub fn call(&self, call: Call) {
        if self.inline {
            let _panicked = catch_unwind(AssertUnwindSafe(call));
            return;
        }
        let mut calls = self.queue.calls.lock();
        if calls.1 {
            drop(calls);
            drop(call);
            return;
        }
        calls.0.push_back(call);
        drop(calls);
        self.queue.wake.notify_one();
    }

    /// See the type.
    pub fn end(&self) {
        let waiting = {
            let mut calls = self.queue.calls.lock();
            calls.1 = true;
            std::mem::take(&mut calls.0)
        };
        drop(waiting);
        self.queue.wake.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.thread().id() != thread::current().id() {
                let _panics_were_caught = thread.join();
            }
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.end();
    }
}
