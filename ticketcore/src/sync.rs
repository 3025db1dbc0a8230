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
}
