//! What wakes a thread that sleeps beside its fds when a completion is due: a timerfd (`timerfd_create(2)`),
//! which has none of the slack of a timeout.
//!
//! Once its time has come it stays readable until it is set again. Nobody reads it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

pub(super) struct Timer {
    fd: OwnedFd,
    at: Option<u64>,
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: timerfd_create has no preconditions.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: timerfd_create has just made it, and nobody else has it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, at: None })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// When it is to become readable, if at all; until then it is not.
    pub(super) fn set(&mut self, at: Option<u64>, now: u64) {
        // One that is still to come needs no system call.
        if self.at == at && at.is_none_or(|at| at > now) {
            return;
        }
        self.at = at;
        // 0 would stop it.
        let at = at.map_or(0, |at| at.max(1));
        let it_value = timespec(Duration::from_nanos(at));
        let it_interval = timespec(Duration::ZERO);
        let time = libc::itimerspec { it_interval, it_value };
        let (fd, flags) = (self.fd(), libc::TFD_TIMER_ABSTIME);
        // SAFETY: a timerfd of ours and a valid time. It cannot fail with these.
        unsafe { libc::timerfd_settime(fd, flags, &raw const time, ptr::null_mut()) };
    }

    /// Sleeps until its time has come, or the other fd is readable, or for that long at most.
    pub(super) fn wait(&self, other: Option<RawFd>, limit: Option<Duration>) {
        let pollfd = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // `poll(2)` ignores a negative fd.
        let mut fds = [pollfd(self.fd()), pollfd(other.unwrap_or(-1))];
        let limit = limit.map(timespec);
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: two pollfds, a valid time or none, no mask. It may end early: the caller looks again.
        unsafe { libc::ppoll(fds.as_mut_ptr(), 2, limit, ptr::null()) };
    }

    #[cfg(test)]
    pub(super) fn at(&self) -> Option<u64> {
        self.at
    }
}

fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(duration.subsec_nanos().cast_signed()),
    }
}
