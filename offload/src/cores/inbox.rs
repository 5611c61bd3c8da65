//! Where completions wait for the thread that submitted the jobs.
//!
//! Invariant: `len` is written under the lock, so a port that arms and then sees 0 will be woken
//! by the next completion: the helper pushes before it looks at `armed`, the port sets `armed`
//! before it looks at `len`, and both are sequentially consistent.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::Completion;

pub(super) struct Inbox {
    done: Mutex<Vec<Completion>>,
    len: AtomicUsize,
    armed: AtomicBool,
    arrived: Condvar,
    wake: OwnedFd,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd has no preconditions.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: eventfd has just made it, and nobody else has it.
        let wake = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            done: Mutex::new(Vec::new()),
            len: AtomicUsize::new(0),
            armed: AtomicBool::new(false),
            arrived: Condvar::new(),
            wake,
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
            let one = 1u64;
            // SAFETY: eight bytes of a local, to an eventfd that lives as long as `self`. It
            // cannot fail: the counter is far from its limit.
            unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
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
        self.wake.as_raw_fd()
    }

    pub(super) fn arm(&self) -> bool {
        self.armed.store(true, Ordering::SeqCst);
        if self.len() > 0 {
            self.disarm();
            return false;
        }
        true
    }

    pub(super) fn disarm(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        // A helper has written, or is about to: what is read late wakes a later sleep for nothing.
        let mut count = 0u64;
        // SAFETY: eight bytes into a local, from a non-blocking eventfd of ours.
        unsafe { libc::read(self.wake.as_raw_fd(), (&raw mut count).cast(), 8) };
    }

    pub(super) fn sleep(&self) {
        let mut done = self.done.lock();
        while done.is_empty() {
            self.arrived.wait(&mut done);
        }
    }
}
