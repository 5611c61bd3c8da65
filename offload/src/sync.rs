//! Locks, atomics and threads as the queues use them: the real ones, or loom's in a model.
//!
//! With `--cfg loom` every use of these is a point at which loom may let another thread run, and
//! `tests/loom_*.rs` go through all orders.
//!
//! The real locks are the standard library's: on futexes, below a hook of `pthread_mutex_lock`, and
//! without any state outside of themselves. Locks that keep their waiters in a table of the process
//! (`parking_lot` does) break in a child after fork, where the table still names threads of the
//! parent, on stacks that the child's new threads are given.
//!
//! Must not: be passed by. A lock or a thread that does not come from here is none that a model
//! sees.

#[cfg(loom)]
use loom as base;
#[cfg(not(loom))]
use std as base;

pub(crate) use base::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
pub(crate) use base::sync::{Arc, MutexGuard};
pub(crate) use base::thread::{Builder, JoinHandle};

use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// A lock that does not mind panics: what it guards is whole between any two statements.
pub(crate) struct Mutex<T>(base::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(base::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while another thread holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A condition of such a lock.
pub(crate) struct Condvar(base::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(base::sync::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Condvar::wait`], but no longer than that. (A model has no time: there it does not end.)
    pub(crate) fn wait_at_most<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> MutexGuard<'a, T> {
        self.0.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
