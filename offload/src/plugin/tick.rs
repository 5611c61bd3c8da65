//! What wakes a thread that sleeps beside its fds, where a plugin has nothing for that: a timerfd
//! (`timerfd_create(2)`), set for each sleep, after which the plugin is polled.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// How long a sleep lasts at most: a switch to another thread and back takes less, a job that is worth one
/// not much more.
const TICK: Duration = Duration::from_micros(200);

pub(super) struct Tick(OwnedFd);

impl Tick {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: timerfd_create has no preconditions.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: timerfd_create has just made it, and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// It becomes readable in a moment.
    pub(super) fn start(&self) {
        self.set(TICK);
    }

    /// It does not, or is not any more.
    pub(super) fn stop(&self) {
        self.set(Duration::ZERO);
    }

    fn set(&self, after: Duration) {
        let time =
            libc::itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(after) };
        // SAFETY: a timerfd of ours and a valid time. It cannot fail with these.
        unsafe { libc::timerfd_settime(self.fd(), 0, &raw const time, ptr::null_mut()) };
    }
}

/// Sleeps until the fd is readable, or for that long at most. It may end early: the caller looks again.
pub(super) fn wait(fd: RawFd, limit: Option<Duration>) {
    let mut fd = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let limit = limit.map(timespec);
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: one pollfd, a valid time or none, no mask.
    unsafe { libc::ppoll(&raw mut fd, 1, limit, ptr::null()) };
}

fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(duration.subsec_nanos().cast_signed()),
    }
}
