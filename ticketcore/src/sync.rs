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

    /// Looks at a lock before a thread that wants it is put to sleep: some ten microseconds.
    const LOOKS_MAX: u32 = 200;
    /// Pauses between two looks. Each takes the line of memory that the lock lies on away from whoever has it locked, and what it guards
    /// often lies there too.
    const PAUSES_PER_LOOK: u32 = 6;

    /// Locks what is held for less time than going to sleep and being woken would take.
    #[inline]
    pub(crate) fn lock_short<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
        lock.try_lock().unwrap_or_else(|| lock_slowly(lock))
    }

    #[cold]
    fn lock_slowly<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
        for _ in 0..LOOKS_MAX {
            for _ in 0..PAUSES_PER_LOOK {
                hint::spin_loop();
            }
            if let Some(guard) = lock.try_lock() {
                return guard;
            }
        }
        lock.lock()
    }
}
