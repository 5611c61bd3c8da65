//! What wakes a submitting thread that sleeps beside its fds: an eventfd.
//!
//! In a model (`--cfg loom`) it is a counter of the same kind: `ring` adds one, `clear` takes all
//! without waiting, and `wait` stands for the thread's `poll(2)`.

#[cfg(not(loom))]
pub(super) use self::real::Wake;

#[cfg(loom)]
pub(super) use self::model::Wake;

#[cfg(not(loom))]
mod real {
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

    pub(in crate::cores) struct Wake(OwnedFd);

    impl Wake {
        pub(in crate::cores) fn new() -> io::Result<Self> {
            // SAFETY: eventfd has no preconditions.
            let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: eventfd has just made it, and nobody else has it.
            Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
        }

        pub(in crate::cores) fn ring(&self) {
            let one = 1u64;
            // SAFETY: eight bytes of a local, to an eventfd that lives as long as `self`. It
            // cannot fail: the counter is far from its limit.
            unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
        }

        /// Takes all rings that have arrived; returns how many, without waiting for one.
        pub(in crate::cores) fn clear(&self) -> u64 {
            let mut count = 0u64;
            // SAFETY: eight bytes into a local, from a non-blocking eventfd of ours. Where there
            // is nothing to be read, the local stays 0.
            unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
            count
        }

        pub(in crate::cores) fn fd(&self) -> RawFd {
            self.0.as_raw_fd()
        }
    }
}

#[cfg(loom)]
mod model {
    use std::io;
    use std::os::fd::RawFd;

    use crate::sync::{Condvar, Mutex};

    pub(in crate::cores) struct Wake {
        count: Mutex<u64>,
        rung: Condvar,
    }

    impl Wake {
        pub(in crate::cores) fn new() -> io::Result<Self> {
            Ok(Self { count: Mutex::new(0), rung: Condvar::new() })
        }

        pub(in crate::cores) fn ring(&self) {
            *self.count.lock() += 1;
            self.rung.notify_all();
        }

        pub(in crate::cores) fn clear(&self) -> u64 {
            std::mem::take(&mut *self.count.lock())
        }

        pub(in crate::cores) fn is_rung(&self) -> bool {
            *self.count.lock() > 0
        }

        /// Sleeps while the counter is 0, and leaves it as it is.
        pub(in crate::cores) fn wait(&self) {
            let mut count = self.count.lock();
            while *count == 0 {
                count = self.rung.wait(count);
            }
        }

        /// A model has no fds.
        pub(in crate::cores) fn fd(&self) -> RawFd {
            -1
        }
    }
}
