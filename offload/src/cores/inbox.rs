//! Where completions wait for the thread that submitted the jobs.
//!
//! Invariant: `len` is written under the lock, so a port that arms and then sees 0 will be woken
//! by the next completion: the helper pushes before it swaps `armed`, the port swaps `armed`
//! before it looks at `len`, and of two swaps the later sees whatever came before the earlier.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::wake::Wake;
use crate::Completion;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex};

pub(super) struct Inbox {
    done: Mutex<Vec<Completion>>,
    len: AtomicUsize,
    armed: AtomicBool,
    /// Rings that helpers have begun and the port has not read. Only the port uses it.
    unread: AtomicU64,
    arrived: Condvar,
    wake: Wake,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            done: Mutex::new(Vec::new()),
            len: AtomicUsize::new(0),
            armed: AtomicBool::new(false),
            unread: AtomicU64::new(0),
            arrived: Condvar::new(),
            wake: Wake::new()?,
        })
    }

    /// A helper's answer.
    pub(super) fn push(&self, completion: Completion) {
        {
            let mut done = self.done.lock();
            done.push(completion);
            self.len.store(done.len(), Ordering::SeqCst);
        }
        // One thread waits at most: the port's.
        self.arrived.notify_one();
        if self.armed.swap(false, Ordering::SeqCst) {
            self.wake.ring();
        }
    }

    pub(super) fn take(&self, max: usize, into: &mut Vec<Completion>) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let mut done = self.done.lock();
        let taken = max.min(done.len());
        into.extend(done.drain(..taken));
        self.len.store(done.len(), Ordering::SeqCst);
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    pub(super) fn wake_fd(&self) -> RawFd {
        self.wake.fd()
    }

    pub(super) fn arm(&self) -> bool {
        // A swap, not a store: after a helper's swap it sees that helper's completion in `len`.
        self.armed.swap(true, Ordering::SeqCst);
        if self.len() > 0 {
            self.disarm();
            return false;
        }
        true
    }

    pub(super) fn disarm(&self) {
        if !self.armed.swap(false, Ordering::SeqCst) {
            self.unread.store(self.unread.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        self.settle();
    }

    /// At the end of any sleep on the wake fd, also of one that was not armed.
    pub(super) fn settle(&self) {
        let unread = self.unread.load(Ordering::Relaxed);
        if unread > 0 {
            // A helper has written, or is about to: what comes after this wakes the next sleep
            // for nothing, and is read at its end.
            let read = self.wake.clear();
            self.unread.store(unread.saturating_sub(read), Ordering::Relaxed);
        }
    }

    pub(super) fn sleep(&self, limit: Option<Duration>) {
        let mut done = self.done.lock();
        match limit {
            // It may end early: the caller looks again.
            Some(limit) if done.is_empty() => drop(self.arrived.wait_at_most(done, limit)),
            Some(_) => {}
            None => {
                while done.is_empty() {
                    done = self.arrived.wait(done);
                }
            }
        }
    }

    #[cfg(loom)]
    pub(super) fn is_rung(&self) -> bool {
        self.wake.is_rung()
    }

    /// Sleeps as the submitting thread does in `poll(2)` on the wake fd.
    #[cfg(loom)]
    pub(super) fn wait_for_wake(&self) {
        self.wake.wait();
    }
}
