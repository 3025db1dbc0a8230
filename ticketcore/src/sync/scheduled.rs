//! The same types over shuttle's, with the methods that the crate uses.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use shuttle::hint;
pub(crate) use shuttle::sync::atomic;

use self::atomic::{AtomicU64, Ordering};

/// Threads that shuttle schedules.
pub(crate) mod thread {
    pub(crate) use shuttle::thread::*;
    /// As the standard library says: shuttle's threads unwind as any thread does.
    pub(crate) use std::thread::panicking;
}

/// A mutex that does not poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// What [`Mutex::lock`] gives. Empty only while a condition variable waits.
pub(crate) struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    inner: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, inner: Some(self.locked()) }
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(inner) => Some(MutexGuard { lock: self, inner: Some(inner) }),
            Err(std::sync::TryLockError::Poisoned(inner)) => {
                Some(MutexGuard { lock: self, inner: Some(inner.into_inner()) })
            }
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub fn is_locked(&self) -> bool {
        self.try_lock().is_none()
    }

    fn locked(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As [`Mutex::lock`]: there is no time in a schedule.
pub(crate) fn lock_short<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock()
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner.as_ref().expect("the guard is whole unless its thread waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("the guard is whole unless its thread waits")
    }
}

/// A condition variable whose timeouts are schedules too: a wait that may time out is a moment in which others may move.
#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

/// How a wait with a timeout ended.
pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    /// It always timed out: there is no clock in a schedule.
    #[expect(clippy::unused_self, reason = "the same call as in a usual build")]
    pub fn timed_out(self) -> bool {
        true
    }
}

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(inner) = guard.inner.take() {
            guard.inner = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        guard.inner = None;
        thread::yield_now();
        guard.inner = Some(guard.lock.locked());
        WaitTimeoutResult
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait_for(guard, Duration::ZERO)
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A pointer that is read and replaced as a whole. Others may move before each of the two.
pub(crate) struct ArcSwap<T> {
    turn: AtomicU64,
    value: std::sync::Mutex<Arc<T>>,
}

/// What [`ArcSwap::load`] gives.
pub(crate) struct Loaded<T>(Arc<T>);

impl<T> Deref for Loaded<T> {
    type Target = Arc<T>;
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> ArcSwap<T> {
    pub fn from_pointee(value: T) -> Self {
        Self { turn: AtomicU64::new(0), value: std::sync::Mutex::new(Arc::new(value)) }
    }

    pub fn load(&self) -> Loaded<T> {
        Loaded(self.load_full())
    }

    pub fn load_full(&self) -> Arc<T> {
        self.turn.load(Ordering::SeqCst);
        Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn store(&self, value: Arc<T>) {
        self.turn.fetch_add(1, Ordering::SeqCst);
        let old = std::mem::replace(&mut *self.value.lock().unwrap_or_else(PoisonError::into_inner), value);
        drop(old);
    }

    /// Replaces what `next` was given, or tries again.
    pub fn rcu<R: Into<Arc<T>>>(&self, mut next: impl FnMut(&Arc<T>) -> R) {
        loop {
            let old = self.load_full();
            let new = next(&old).into();
            self.turn.fetch_add(1, Ordering::SeqCst);
            let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&value, &old) {
                *value = new;
                return;
            }
        }
    }
}

impl<T: Default> Default for ArcSwap<T> {
    fn default() -> Self {
        Self::from_pointee(T::default())
    }
}

impl<T> fmt::Debug for ArcSwap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcSwap").finish_non_exhaustive()
    }
}
