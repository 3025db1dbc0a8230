//! Everything that threads meet at: locks, condition variables, atomics, swapped pointers, threads. The whole crate takes them from here
//! and nowhere else.
//!
//! In a usual build these are parking_lot's, arc-swap's and the standard library's, under other names and at no cost. With
//! `--cfg shuttle` they are [shuttle](https://docs.rs/shuttle)'s, behind the same methods: then the tests in `tests/schedules/` choose
//! which thread moves next at every one of them.
//!
//! The conformance suite of stores is an exception: it is about real threads.

#[cfg(shuttle)]
mod scheduled;

#[cfg(not(shuttle))]
pub(crate) use self::real::*;
#[cfg(shuttle)]
pub(crate) use self::scheduled::*;

#[cfg(not(shuttle))]
mod real {
    pub(crate) use std::sync::atomic;
    pub(crate) use std::{hint, thread};

    pub(crate) use arc_swap::ArcSwap;
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

    /// Tries before a thread that wants a short lock is put to sleep: some microseconds.
    const LOCK_TRIES: u32 = 100;

    /// Locks what is held for a few dozen nanoseconds: going to sleep for it would take longer than any wait.
    #[inline]
    pub(crate) fn lock_short<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
        lock.try_lock().unwrap_or_else(|| lock_slowly(lock))
    }

    #[cold]
    fn lock_slowly<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
        for _ in 0..LOCK_TRIES {
            // Looking at it does not take the line away from whoever has it locked.
            if !lock.is_locked()
                && let Some(guard) = lock.try_lock()
            {
                return guard;
            }
            hint::spin_loop();
        }
        lock.lock()
    }
}
