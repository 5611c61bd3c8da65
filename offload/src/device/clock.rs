//! What time it is for a device.

use std::hint;
use std::mem::MaybeUninit;

/// A clock in nanoseconds, which does not go back.
pub trait Clock {
    /// What it shows.
    fn now(&self) -> u64;

    /// Keeps the thread's CPU busy until then.
    fn spin_until(&self, at: u64);
}

/// `CLOCK_MONOTONIC` (`clock_gettime(2)`), which timers go by, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        let mut time = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: a place for the time. The clock exists everywhere, so it cannot fail; if it did, it would
        // stand at 0.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
        // SAFETY: zeroed is a valid time.
        let time = unsafe { time.assume_init() };
        let seconds = time.tv_sec.cast_unsigned();
        seconds.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec.cast_unsigned())
    }

    fn spin_until(&self, at: u64) {
        while self.now() < at {
            hint::spin_loop();
        }
    }
}
