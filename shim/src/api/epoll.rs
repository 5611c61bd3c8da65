//! The event loop's calls: `epoll_*` taken over, `poll` and `select` counted.
//!
//! Followed: `epoll_ctl(2)`, `epoll_wait(2)`.

use std::ffi::{c_int, c_ulong};
use std::mem::MaybeUninit;
use std::time::Duration;

use interlude_core::Fd;
use interlude_core::interest::{InterestList, Token};
use interlude_core::nesting::{Place, WaitKind};
use interlude_core::ready::Ready;
use interlude_settings::Mode;
use libc::{epoll_event, fd_set, pollfd, sigset_t, timespec, timeval};

use crate::api::{io, objects};
use crate::bypass::Bypass;
use crate::clocks;
use crate::context;
use crate::ending;
use crate::epolls::{self, Epoll};
use crate::hook::{Call, Outcome, set_errno};
use crate::scheduler::{self, Timeout, WaitCall};
use crate::signals;
use crate::start;
use crate::thread::Thread;

fn takes_over() -> bool {
    start::settings().is_some_and(|settings| settings.mode == Mode::Coroutine)
}

pub(crate) fn create<F>(_: &Call<F>, _size: c_int) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn create1<F>(_: &Call<F>, _flags: c_int) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn created(fd: c_int, _: c_int) {
    if fd >= 0 && takes_over() {
        epolls::created(fd);
    }
}

/// `epoll_ctl`: the kernel gets a token where the server gave its `data`.
pub(crate) fn control<F>(
    call: &Call<F>,
    epfd: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> Outcome<c_int> {
    let rests = |thread: &&Thread| thread.resting.get();
    if operation == libc::EPOLL_CTL_ADD
        && let Some(thread) = context::thread().filter(rests)
        && epolls::of(epfd).is_some()
    {
        thread.stir(None);
    }
    if let Some(thread) = context::in_event().filter(|_| epolls::of(epfd).is_some()) {
        let mut claims = thread.claims.borrow_mut();
        if operation == libc::EPOLL_CTL_DEL {
            claims.ends(Fd(fd))
        } else {
            claims.touch(Fd(fd))
        }
        drop(claims);
        thread.fence.borrow_mut().acts();
    }
    match control_alone(epfd, operation, fd, event) {
        Outcome::Handled(result) => Outcome::Handled(call.made(result)),
        passed => passed,
    }
}

/// As [`control`], for a coroutine that claims nothing, where that has panicked.
pub(crate) fn control_instead(
    _: Option<c_int>,
    epfd: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> Outcome<c_int> {
    control_alone(epfd, operation, fd, event)
}

fn control_alone(
    epfd: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> Outcome<c_int> {
    let Some(epoll) = epolls::of(epfd) else {
        return Outcome::PassThrough(Bypass::UnknownEpoll);
    };
    let fd = Fd(fd);
    if operation == libc::EPOLL_CTL_DEL {
        return Outcome::Handled(delete(&epoll, epfd, fd));
    }
    // SAFETY: the contract of epoll_ctl(2): a valid event for the other operations. Null and what
    // is no operation get the kernel's own error.
    let Some(event) = (unsafe { event.cast_const().as_ref() }) else {
        return Outcome::PassThrough(Bypass::Query);
    };
    let (mask, data) = (event.events, event.u64);
    match operation {
        libc::EPOLL_CTL_ADD => Outcome::Handled(add(&epoll, epfd, fd, mask, data)),
        libc::EPOLL_CTL_MOD => Outcome::Handled(modify(&epoll, epfd, fd, mask, data)),
        _ => Outcome::PassThrough(Bypass::Query),
    }
}

fn add(epoll: &Epoll, epfd: c_int, fd: Fd, mask: u32, data: u64) -> c_int {
    let mut interest = epoll.interest();
    restore(epoll, &mut interest, fd);
    register(&mut interest, epfd, libc::EPOLL_CTL_ADD, fd, mask, data)
}

/// What a hold took out of the kernel's list is there again, so that the kernel answers the server as
/// it should.
fn restore(epoll: &Epoll, interest: &mut InterestList, fd: Fd) {
    if let Some(operation) = interest.restore(fd) {
        epoll.apply(operation);
    }
}

/// Makes a registration, if the kernel accepts it.
fn register(
    interest: &mut InterestList,
    epfd: c_int,
    operation: c_int,
    fd: Fd,
    mask: u32,
    data: u64,
) -> c_int {
    let Some(added) = interest.add(fd, mask, data) else {
        // A negative fd: the kernel says so.
        return epolls::control(epfd, operation, fd, mask, data);
    };
    epolls::mark(fd.0);
    let result = epolls::control(epfd, operation, fd, mask, added.token.0);
    if result != 0 {
        interest.undo_add(fd, added.before);
    } else if carries_orders(fd) {
        interest.carries_orders(fd);
    }
    result
}

/// May orders of the server's starter come by `fd`? By what it has before it serves anybody: pipes,
/// pairs of sockets (nginx's workers), signalfds. (Connections, and pipes to programs that an event has
/// started, are registered in events.)
fn carries_orders(fd: Fd) -> bool {
    let serves = |thread: &Thread| {
        context::local().in_event() || thread.claims.borrow().links().is_connection(fd)
    };
    if context::thread().is_some_and(serves) {
        return false;
    }
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: a place for the answer.
    if unsafe { libc::fstat(fd.0, stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: all zero is valid, and the call has filled it.
    match unsafe { stat.assume_init() }.st_mode & libc::S_IFMT {
        libc::S_IFIFO => true,
        libc::S_IFSOCK => {
            io::option(fd.0, libc::SO_DOMAIN) == Some(libc::AF_UNIX)
                && io::option(fd.0, libc::SO_ACCEPTCONN) == Some(0)
        }
        0 => is_signalfd(fd),
        _ => false,
    }
}

/// What has no type, the kernel knows by a name (`proc(5)`, `/proc/pid/fd`).
fn is_signalfd(fd: Fd) -> bool {
    let name = std::fs::read_link(format!("/proc/self/fd/{}", fd.0));
    name.is_ok_and(|name| name.as_os_str() == "anon_inode:[signalfd]")
}

fn modify(epoll: &Epoll, epfd: c_int, fd: Fd, mask: u32, data: u64) -> c_int {
    let mut interest = epoll.interest();
    restore(epoll, &mut interest, fd);
    if let Some(token) = interest.token(fd) {
        let result = epolls::control(epfd, libc::EPOLL_CTL_MOD, fd, mask, token.0);
        if result == 0 {
            interest.modified(fd, mask, data);
        }
        return result;
    }
    // The number may have been closed and given to a duplicate of the same file: then the kernel
    // has the registration still, and this call takes it up.
    let result = register(&mut interest, epfd, libc::EPOLL_CTL_MOD, fd, mask, data);
    if result == 0 {
        interest.taken_up(fd);
    }
    result
}

fn delete(epoll: &Epoll, epfd: c_int, fd: Fd) -> c_int {
    let mut interest = epoll.interest();
    restore(epoll, &mut interest, fd);
    let result = epolls::control(epfd, libc::EPOLL_CTL_DEL, fd, 0, 0);
    if result == 0 {
        interest.remove(fd);
    }
    result
}

pub(crate) fn wait<F>(
    call: &Call<F>,
    epfd: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: c_int,
) -> Outcome<c_int> {
    let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    serve(call, epfd, events, max, timeout, std::ptr::null())
}

pub(crate) fn pwait<F>(
    call: &Call<F>,
    epfd: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> Outcome<c_int> {
    let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    serve(call, epfd, events, max, timeout, mask)
}

pub(crate) fn pwait2<F>(
    call: &Call<F>,
    epfd: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> Outcome<c_int> {
    // SAFETY: the contract of epoll_pwait2(2): a valid time, or null for ever.
    let timeout = match unsafe { timeout.as_ref() } {
        None => None,
        Some(time) => {
            let seconds = u64::try_from(time.tv_sec);
            let nanos = u32::try_from(time.tv_nsec).ok().filter(|n| *n < 1_000_000_000);
            match (seconds, nanos) {
                (Ok(seconds), Some(nanos)) => Some(Duration::new(seconds, nanos)),
                // Not a time: the kernel says so.
                _ => return Outcome::PassThrough(Bypass::Query),
            }
        }
    };
    serve(call, epfd, events, max, timeout, mask)
}

fn serve<F>(
    call: &Call<F>,
    epfd: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: Timeout,
    mask: *const sigset_t,
) -> Outcome<c_int> {
    let Some(thread) = Thread::of_this() else {
        return Outcome::PassThrough(Bypass::Settings);
    };
    thread.has_waited.set(true);
    if !thread.is_armed() {
        // Of one that is, the scheduler knows.
        ending::rests(thread);
    }
    let max = usize::try_from(max).unwrap_or(0);
    let is_known = thread.with_epoll(epfd, |epoll| epoll.waits(thread)).is_some();
    if !is_known || max == 0 || events.is_null() {
        if let Some(thread) = context::in_event() {
            // It may block, and the parked coroutines with it.
            objects::wait_alone(thread);
        }
        return Outcome::PassThrough(Bypass::UnknownEpoll);
    }
    // SAFETY: the contract of epoll_pwait(2): a valid mask, or null.
    let mask = unsafe { mask.as_ref() }.copied();
    let here = 0u8;
    let depth = std::ptr::from_ref(&here).addr();
    let idle = thread.claims.borrow().parked_len() == 0;
    let kind = thread.nesting.borrow_mut().classify(Place { epfd, depth }, idle);
    let wait = WaitCall { epfd, events, max, timeout, mask, depth };
    // A thread's first wait under the scheduler has to be its loop's.
    let begun = !thread.fiber.get().is_null() && !thread.resting.get();
    if thread.is_armed() && (begun || kind == WaitKind::Loop) {
        thread.winding_down.waits();
        if let Some(result) = scheduler::wait(thread, wait, kind) {
            call.made(result);
            // The handlers run here, on the server's own stack.
            signals::send_again(thread);
            return Outcome::Handled(result);
        }
    }
    // Nothing was ever parked, or not for long: the kernel's events as they come, into the server's buffer. The
    // original runs outside of the shim, since the thread may be cancelled in it.
    ending::rests(thread);
    if thread.resting.get() {
        thread.winding_down.waits();
        thread.began.set(clocks::now());
    }
    Outcome::PassThrough(Bypass::Observed)
}

/// Replaces the tokens in a buffer of kernel events by the server's `data`; returns how many are
/// left. (None are, where all were for registrations that are gone: then the wait is over early,
/// as by its timeout.)
fn translate(result: c_int, epfd: c_int, events: *mut epoll_event) -> c_int {
    if let Some(thread) = context::thread().filter(|thread| thread.resting.get()) {
        let began = thread.began.replace(clocks::now());
        thread.has_slept(began, thread.began.get());
    }
    let count = usize::try_from(result).unwrap_or(0);
    if count == 0 || !takes_over() {
        return result;
    }
    let Some(thread) = Thread::of_this() else { return result };
    thread.fetched.set(count);
    if thread.resting.get() {
        // Whoever was accepted in this turn has an event of his own now.
        thread.claims.borrow_mut().forget_newcomer();
    }
    let kept = thread.with_epoll(epfd, |epoll| resolve(&mut epoll.interest(), events, count));
    kept.map_or(result, |kept| c_int::try_from(kept).unwrap_or(c_int::MAX))
}

/// The wait of a thread on which something has panicked is interrupted, as by a signal. Events that
/// were on their way to it come again: also those that the kernel has `made` of it already, and reports
/// once only.
fn interrupted(made: Option<c_int>, epfd: c_int, events: *mut epoll_event) -> Outcome<c_int> {
    if let Some(epoll) = epolls::of(epfd) {
        let mut ready = Ready::default();
        let fetch = epoll.interest().fetch();
        for i in 0..made.and_then(|made| usize::try_from(made).ok()).unwrap_or(0) {
            // SAFETY: the kernel has just filled so many events of this buffer.
            let event = unsafe { events.add(i) };
            // SAFETY: as above. What is the server's by now is no token: nothing comes of it.
            let event = unsafe { event.read() };
            ready.push(Token(event.u64), event.events, fetch);
        }
        let operations = ready.give_back(&mut epoll.interest());
        operations.into_iter().for_each(|operation| epoll.apply(operation));
        epoll.ask_again();
    }
    set_errno(libc::EINTR);
    Outcome::Handled(-1)
}

pub(crate) fn interrupted4<A, B>(
    made: Option<c_int>,
    epfd: c_int,
    events: *mut epoll_event,
    _: A,
    _: B,
) -> Outcome<c_int> {
    interrupted(made, epfd, events)
}

pub(crate) fn interrupted5<A, B, C>(
    made: Option<c_int>,
    epfd: c_int,
    events: *mut epoll_event,
    _: A,
    _: B,
    _: C,
) -> Outcome<c_int> {
    interrupted(made, epfd, events)
}

/// The first `count` of `events`, as the server knows them; returns how many are left.
fn resolve(interest: &mut InterestList, events: *mut epoll_event, count: usize) -> usize {
    let fetch = interest.fetch();
    let mut kept = 0;
    for i in 0..count {
        // SAFETY: the kernel has just filled `count` events of this buffer.
        let from = unsafe { events.add(i) };
        // SAFETY: as above.
        let event = unsafe { from.read() };
        let token = Token(event.u64);
        let Some(resolved) = interest.resolve(token, event.events, fetch) else { continue };
        // SAFETY: `kept` is at most `i`.
        let to = unsafe { events.add(kept) };
        // SAFETY: as above.
        unsafe { to.write(epoll_event { events: resolved.flags, u64: resolved.data }) };
        kept += 1;
    }
    kept
}

pub(crate) fn waited(
    result: c_int,
    epfd: c_int,
    events: *mut epoll_event,
    _: c_int,
    _: c_int,
) -> c_int {
    translate(result, epfd, events)
}

pub(crate) fn pwaited(
    result: c_int,
    epfd: c_int,
    events: *mut epoll_event,
    _: c_int,
    _: c_int,
    _: *const sigset_t,
) -> c_int {
    translate(result, epfd, events)
}

pub(crate) fn pwaited2(
    result: c_int,
    epfd: c_int,
    events: *mut epoll_event,
    _: c_int,
    _: *const timespec,
    _: *const sigset_t,
) -> c_int {
    translate(result, epfd, events)
}

pub(crate) fn poll<F>(_: &Call<F>, _: *mut pollfd, _: c_ulong, _: c_int) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::OtherWait)
}

pub(crate) fn ppoll<F>(
    _: &Call<F>,
    _: *mut pollfd,
    _: c_ulong,
    _: *const timespec,
    _: *const sigset_t,
) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::OtherWait)
}

pub(crate) fn select<F>(
    _: &Call<F>,
    _: c_int,
    _: *mut fd_set,
    _: *mut fd_set,
    _: *mut fd_set,
    _: *mut timeval,
) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::OtherWait)
}

pub(crate) fn pselect<F>(
    _: &Call<F>,
    _: c_int,
    _: *mut fd_set,
    _: *mut fd_set,
    _: *mut fd_set,
    _: *const timespec,
    _: *const sigset_t,
) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::OtherWait)
}
