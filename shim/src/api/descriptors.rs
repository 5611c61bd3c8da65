//! When a number begins to mean another file (C7): calls that close and duplicate fds.

use std::ffi::{c_int, c_long, c_uint};

use interlude_core::Fd;
use interlude_core::ready::{Delivered, has_parts};

use crate::api::io::{gone, is_anothers, observe, touch};
use crate::api::objects;
use crate::bypass::Bypass;
use crate::context;
use crate::epolls;
use crate::hook::{Call, Outcome, set_errno};

pub(crate) fn close<F>(_: &Call<F>, fd: c_int) -> Outcome<c_int> {
    if !epolls::is_marked(fd) && context::in_event().is_none() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    if epolls::is_kept(fd) {
        // The server closes whatever numbers it finds; to it, this one was never open.
        set_errno(libc::EBADF);
        return Outcome::Handled(-1);
    }
    if let Some(thread) = context::in_event().filter(|_| fd >= 0) {
        let fd = Fd(fd);
        thread.fence.borrow_mut().acts();
        if is_anothers(thread, fd) && objects::wait_for_fd(thread, fd).is_err() {
            return gone();
        }
        let has_rest = |event: &Delivered| event.fd == fd && has_parts(event.flags);
        if thread.delivery.borrow().iter().any(has_rest) {
            // It comes to the rest of this event yet, for whoever has the connection's memory by then.
            objects::puts_off();
        }
        thread.claims.borrow_mut().ends(fd);
    }
    if let Some(thread) = context::thread()
        && thread.claims.borrow().links().is_listener(Fd(fd))
    {
        // The server ends, or this part of it.
        if context::local().in_event() {
            objects::wait_alone(thread);
        }
        thread.winding_down.told();
    }
    forget(fd);
    Outcome::PassThrough(Bypass::Observed)
}

/// The number `fd` ends: before the original, since another thread may have it the moment after.
fn forget(fd: c_int) {
    epolls::closed(Fd(fd));
    if let Some(thread) = context::thread() {
        thread.claims.borrow_mut().closed(Fd(fd));
        thread.habits.borrow_mut().closed(Fd(fd));
        if thread.loop_epfd.get() == fd {
            // The loop is over: there is nothing to return to, so what follows is no event.
            context::local().set_in_event(false);
            thread.loop_epfd.set(-1);
            if thread.resting.get() {
                // The next one's first wait is the scheduler's.
                thread.armed.set(true);
                thread.stirred.set(true);
            }
        }
    }
}

type CloseRange = unsafe extern "C-unwind" fn(c_uint, c_uint, c_int) -> c_int;
type CloseFrom = unsafe extern "C-unwind" fn(c_int);

pub(crate) fn close_range(
    call: &Call<CloseRange>,
    first: c_uint,
    last: c_uint,
    flags: c_int,
) -> Outcome<c_int> {
    // With CLOSE_RANGE_CLOEXEC nothing is closed yet, and a wrong range is the kernel's to refuse.
    if flags & libc::CLOSE_RANGE_CLOEXEC.cast_signed() != 0 || first > last {
        return Outcome::PassThrough(Bypass::Observed);
    }
    forget_range(first, last);
    let kept = kept_in(first, last);
    if kept.is_empty() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    // Around the shim's own numbers, which to the server are not open.
    let mut next = first;
    for fd in kept {
        if fd > next {
            // SAFETY: the caller's own call, on a part of its range.
            let result = call.made(unsafe { (call.original)(next, fd - 1, flags) });
            if result != 0 {
                return Outcome::Handled(result);
            }
        }
        next = fd + 1;
    }
    if next > last {
        return Outcome::Handled(0);
    }
    // SAFETY: as above.
    Outcome::Handled(call.made(unsafe { (call.original)(next, last, flags) }))
}

pub(crate) fn close_from(call: &Call<CloseFrom>, first: c_int) -> Outcome<()> {
    let from = c_uint::try_from(first).unwrap_or(0);
    forget_range(from, c_uint::MAX);
    let kept = kept_in(from, c_uint::MAX);
    let Some(highest) = kept.last() else { return Outcome::PassThrough(Bypass::Observed) };
    for fd in (from..*highest).filter(|fd| !kept.contains(fd)) {
        // SAFETY: the caller wants every number closed that is open.
        unsafe { libc::close(fd.cast_signed()) };
    }
    // SAFETY: the caller's own call, on the rest of its range.
    unsafe { (call.original)(highest.cast_signed() + 1) };
    call.made(());
    Outcome::Handled(())
}

/// The shim's own fds in a range, in order.
fn kept_in(first: c_uint, last: c_uint) -> Vec<c_uint> {
    let kept = epolls::kept().filter_map(|fd| c_uint::try_from(fd).ok());
    let mut kept: Vec<c_uint> = kept.filter(|fd| (first..=last).contains(fd)).collect();
    kept.sort_unstable();
    kept
}

fn forget_range(first: c_uint, last: c_uint) {
    // SAFETY: no preconditions.
    let limit = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
    let limit = c_uint::try_from(limit).unwrap_or(1024).min(1 << 20);
    for fd in (first..=last.min(limit)).filter(|fd| !epolls::is_kept(fd.cast_signed())) {
        forget(fd.cast_signed());
    }
}

pub(crate) fn dup<F>(_: &Call<F>, fd: c_int) -> Outcome<c_int> {
    observe(fd)
}

/// A duplicate of an epoll instance is that instance.
pub(crate) fn duplicated(to: c_int, from: c_int) {
    if to >= 0 && to != from {
        epolls::duplicated(from, to);
    }
}

pub(crate) fn duplicated2(result: c_int, from: c_int, _: c_int) {
    duplicated(result, from);
}

pub(crate) fn duplicated3(result: c_int, from: c_int, _: c_int, _: c_int) {
    duplicated(result, from);
}

/// `fcntl` takes one argument more or none; either way it is passed on as it came, in the register
/// that the ABI gives it.
pub(crate) fn control<F>(_: &Call<F>, _: c_int, _: c_int, _: c_long) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn controlled(result: c_int, fd: c_int, command: c_int, _: c_long) {
    if command == libc::F_DUPFD || command == libc::F_DUPFD_CLOEXEC {
        duplicated(result, fd);
    }
}

pub(crate) fn dup2<F>(_: &Call<F>, from: c_int, to: c_int) -> Outcome<c_int> {
    replace(from, to)
}

pub(crate) fn dup3<F>(_: &Call<F>, from: c_int, to: c_int, _flags: c_int) -> Outcome<c_int> {
    replace(from, to)
}

fn replace(from: c_int, to: c_int) -> Outcome<c_int> {
    if epolls::is_kept(to) {
        // Helper threads write to what has this number. `dup2(2)` knows this error as a passing one.
        set_errno(libc::EBUSY);
        return Outcome::Handled(-1);
    }
    // SAFETY: no preconditions; tells whether `from` is open.
    if from != to && unsafe { libc::fcntl(from, libc::F_GETFD) } >= 0 {
        if touch(Fd(to)).is_err() {
            return gone();
        }
        forget(to);
    }
    Outcome::PassThrough(Bypass::Observed)
}
