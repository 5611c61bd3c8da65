//! Waiting for the kernel: the server's own `epoll_wait`, and the sleep beside jobs in flight.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use crate::hook::errno;
use crate::table::originals;

/// How long a wait may last; `None`: for ever.
pub(crate) type Timeout = Option<Duration>;

/// A call of the `epoll_wait` family, as the server made it.
#[derive(Clone, Copy)]
pub(crate) struct WaitCall {
    /// The epoll instance.
    pub(crate) epfd: RawFd,
    /// The server's buffer.
    pub(crate) events: *mut libc::epoll_event,
    /// How many events it holds.
    pub(crate) max: usize,
    /// How long it waits.
    pub(crate) timeout: Timeout,
    /// `epoll_pwait`'s signal mask, copied: it may lie on the stack.
    pub(crate) mask: Option<libc::sigset_t>,
    /// An address in the frame that asks: how deep it is, and to check the stack pointer by.
    pub(crate) depth: usize,
}

/// The original `epoll_wait`, `epoll_pwait` or `epoll_pwait2`, whichever says it best. Returns the
/// count, or the `errno`.
pub(crate) fn wait_kernel(
    call: &WaitCall,
    into: *mut libc::epoll_event,
    max: usize,
    timeout: Timeout,
) -> Result<usize, i32> {
    let max = i32::try_from(max).unwrap_or(i32::MAX);
    let result = match timeout {
        Some(left) if left.subsec_nanos() % 1_000_000 != 0 => wait_nanos(call, into, max, left),
        _ => wait_millis(call, into, max, timeout),
    };
    usize::try_from(result).map_err(|_| errno())
}

fn wait_millis(call: &WaitCall, into: *mut libc::epoll_event, max: i32, timeout: Timeout) -> i32 {
    let millis = timeout.map_or(-1, |left| {
        // Rounded up: a wait never ends before its time.
        let millis = left.as_nanos().div_ceil(1_000_000);
        i32::try_from(millis).unwrap_or(i32::MAX)
    });
    match &call.mask {
        Some(mask) => {
            let Some(original) = originals::epoll_pwait::ORIGINAL.function() else { return -1 };
            // SAFETY: a buffer of `max` events and a valid mask.
            unsafe { original(call.epfd, into, max, millis, mask) }
        }
        None => {
            let Some(original) = originals::epoll_wait::ORIGINAL.function() else { return -1 };
            // SAFETY: a buffer of `max` events.
            unsafe { original(call.epfd, into, max, millis) }
        }
    }
}

fn wait_nanos(call: &WaitCall, into: *mut libc::epoll_event, max: i32, left: Duration) -> i32 {
    let Some(original) = originals::epoll_pwait2::ORIGINAL.function() else {
        return wait_millis(call, into, max, Some(left));
    };
    let time = timespec(left);
    let mask = call.mask.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: a buffer of `max` events, a valid time, and a valid mask or none.
    let result = unsafe { original(call.epfd, into, max, &raw const time, mask) };
    // A kernel before 5.11 does not know the call.
    if result < 0 && errno() == libc::ENOSYS {
        return wait_millis(call, into, max, Some(left));
    }
    result
}

/// What an engine wakes a sleeper by.
#[derive(Clone, Copy)]
pub(crate) struct Wake {
    /// A completion has come.
    pub(crate) completion: RawFd,
    /// One is due; -1 for an engine without such a thing.
    pub(crate) timer: RawFd,
}

/// Sleeps until the epoll instance has an event or the engine a completion, or the time is up.
pub(crate) fn sleep(call: &WaitCall, wake: Wake, timeout: Timeout) -> Result<(), i32> {
    poll(call, call.epfd, wake, timeout)
}

/// Sleeps until the engine has a completion, or the time is up.
pub(crate) fn sleep_for_completion(
    call: &WaitCall,
    wake: Wake,
    timeout: Timeout,
) -> Result<(), i32> {
    // `poll(2)` ignores a negative fd.
    poll(call, -1, wake, timeout)
}

fn poll(call: &WaitCall, epfd: RawFd, wake: Wake, timeout: Timeout) -> Result<(), i32> {
    let pollfd = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds = [epfd, wake.completion, wake.timer].map(pollfd);
    // The last one is left out where there is none.
    let count = if wake.timer < 0 { 2 } else { 3 };
    let time = timeout.map(timespec);
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mask = call.mask.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let Some(original) = originals::ppoll::ORIGINAL.function() else { return Err(libc::ENOSYS) };
    // SAFETY: `count` pollfds at least, a valid time or none, a valid mask or none.
    let result = unsafe { original(fds.as_mut_ptr(), count, time, mask) };
    if result < 0 { Err(errno()) } else { Ok(()) }
}

/// What is left of a wait that began then.
pub(crate) fn remaining(timeout: Timeout, began: &mut Option<Instant>) -> Timeout {
    let timeout = timeout?;
    if timeout.is_zero() {
        return Some(timeout);
    }
    let began = began.get_or_insert_with(Instant::now);
    Some(timeout.saturating_sub(began.elapsed()))
}

fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(duration.subsec_nanos().cast_signed()),
    }
}
