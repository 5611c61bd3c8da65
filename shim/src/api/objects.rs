//! Objects that are busy while a call is inside them (C4), and regions that belong to a coroutine
//! until it ends (C8). Both cost nothing outside of an event.

use std::ffi::c_void;

use interlude_core::Fd;
use interlude_core::claims::{Region, Want};
use libc::iovec;

use crate::context::{self, in_event};
use crate::scheduler;
use crate::thread::Thread;

/// What a call waited for was freed or closed meanwhile: its address or number may be another's now,
/// and is not to be touched (C4).
pub(crate) struct Gone;

/// A call on an object begins: waits until no parked coroutine is inside one.
#[inline]
pub(crate) fn enter(object: usize) {
    let Some(thread) = in_event().filter(|_| !is_on_stack(object)) else { return };
    wait_for(thread, || Want::Object(object));
    thread.claims.borrow_mut().entered(object);
}

/// Does a coroutine have it on its stack?
pub(crate) fn is_in_frame(address: usize) -> bool {
    in_event().is_some() && is_on_stack(address)
}

/// Is it on this stack? What is there is each coroutine's own, whatever its address.
fn is_on_stack(address: usize) -> bool {
    let here = 0u8;
    (std::ptr::from_ref(&here).addr()..context::stack_base()).contains(&address)
}

/// A call on an object begins, beside which others may be made on it: only its end has to wait.
pub(crate) fn share(object: usize) {
    if let Some(thread) = in_event().filter(|_| object != 0 && !is_on_stack(object)) {
        thread.claims.borrow_mut().entered(object);
    }
}

/// An object is about to be freed: waits until no parked coroutine is inside a call on it.
pub(crate) fn wait_to_free(object: usize) {
    if let Some(thread) = in_event().filter(|_| !is_on_stack(object)) {
        wait_for(thread, || Want::Object(object));
    }
}

/// As [`enter`], for an object that others may free meanwhile.
pub(crate) fn enter_unless_freed(object: usize) -> Result<(), Gone> {
    let Some(thread) = in_event().filter(|_| !is_on_stack(object)) else { return Ok(()) };
    let before = thread.claims.borrow().frees(object);
    enter(object);
    let is_same = thread.claims.borrow().frees(object) == before;
    if is_same {
        return Ok(());
    }
    leave(object);
    Err(Gone)
}

/// The running coroutine makes part of an answer, which events of other fds may end.
pub(crate) fn expose() {
    if let Some(thread) = in_event() {
        thread.claims.borrow_mut().expose();
    }
}

/// The running coroutine has put off something of its connection to the server's next turn.
pub(crate) fn puts_off() {
    if let Some(thread) = in_event() {
        thread.claims.borrow_mut().puts_off();
    }
}

/// The running coroutine frees an object. Those that wait for it find it gone.
pub(crate) fn freed(object: usize) {
    if let Some(thread) = in_event().filter(|_| !is_on_stack(object)) {
        thread.claims.borrow_mut().freed(object);
    }
}

/// A call on an object has ended.
#[inline]
pub(crate) fn leave(object: usize) {
    if let Some(thread) = in_event() {
        thread.claims.borrow_mut().left(object);
    }
}

/// Is the running coroutine inside a call on an object?
#[inline]
pub(crate) fn is_inside() -> bool {
    in_event().is_some_and(|thread| thread.claims.borrow().is_inside_object())
}

fn is_busy(thread: &Thread, fd: Fd, object: Option<usize>) -> bool {
    if thread.parked.get() == 0 {
        return false;
    }
    let claims = thread.claims.borrow();
    let is_connection = claims.links().is_connection(fd);
    (is_connection && claims.conflicts(&Want::Fd(fd)))
        || object.is_some_and(|object| claims.conflicts(&Want::Object(object)))
}

/// Before a call that sends these pieces of memory to `fd`, through an object or not: if it has to
/// wait for a parked coroutine, what lies there now lies there again when it goes on. A server may
/// have one buffer for all that it sends (lighttpd's mod_openssl has), and those that run meanwhile
/// use it; they are done with it when they wait themselves.
pub(crate) fn wait_to_send(fd: Fd, object: Option<usize>, pieces: &[iovec]) -> Result<(), Gone> {
    if let Some(thread) = in_event() {
        thread.claims.borrow_mut().sends(fd);
    }
    let Some(thread) = in_event().filter(|thread| is_busy(thread, fd, object)) else {
        return Ok(());
    };
    let pieces = pieces.iter().filter(|piece| {
        (1..=isize::MAX as usize).contains(&piece.iov_len) && !piece.iov_base.is_null()
    });
    let copies: Vec<(*mut u8, Vec<u8>)> = pieces
        .map(|piece| {
            let start = piece.iov_base.cast::<u8>();
            // SAFETY: the caller's own arguments: so many bytes are there to be sent.
            let bytes = unsafe { std::slice::from_raw_parts(start, piece.iov_len) };
            (start, bytes.to_vec())
        })
        .collect();
    wait_for_fd(thread, fd)?;
    if let Some(object) = object {
        let before = thread.claims.borrow().closes(fd);
        enter_unless_freed(object)?;
        leave(object);
        if thread.claims.borrow().closes(fd) != before {
            return Err(Gone);
        }
    }
    for (start, copy) in copies {
        // SAFETY: as above; the memory is still the caller's.
        let now = unsafe { std::slice::from_raw_parts(start, copy.len()) };
        // What nobody has written to may be memory that nobody can write to.
        if now != copy {
            // SAFETY: somebody has written there since, so it can be written to.
            unsafe { std::ptr::copy_nonoverlapping(copy.as_ptr(), start, copy.len()) };
        }
    }
    Ok(())
}

/// One piece of memory.
pub(crate) fn piece(start: *const c_void, len: usize) -> iovec {
    iovec { iov_base: start.cast_mut(), iov_len: len }
}

/// A call uses memory that may be shared between connections: waits until no parked coroutine
/// uses it, and keeps it from the others until this coroutine has ended.
pub(crate) fn claim_region(start: usize, len: usize, written: bool) {
    claim(Region { range: start..start.saturating_add(len), written, filled: true });
}

fn claim(region: Region) {
    let Some(thread) = in_event() else { return };
    if region.range.is_empty() || is_on_stack(region.range.start) {
        return;
    }
    wait_for(thread, || Want::Region(region.clone()));
    thread.claims.borrow_mut().uses(region);
}

/// A call reads `fd` into memory that may be shared between connections. (Where a server has one place for
/// all, it is the first.)
pub(crate) fn fill(fd: Fd, pieces: &[iovec]) {
    pieces.iter().for_each(|piece| expect(piece.iov_base.addr(), piece.iov_len, true));
    if let Some(first) = pieces.first() {
        filled(fd, first.iov_base.addr(), first.iov_len);
    }
}

/// A call will read into memory that may be shared between connections. `filled`: something of this
/// one's may be there already.
pub(crate) fn expect(start: usize, len: usize, filled: bool) {
    // Switched off with C1: a connection's own buffer would stand in for its fd.
    if in_event().is_some_and(|thread| thread.settings.rules.own_fd) {
        claim(Region { range: start..start.saturating_add(len), written: true, filled });
    }
}

/// What [`expect`] announced has come, or is about to.
pub(crate) fn filled(fd: Fd, start: usize, len: usize) {
    let Some(thread) = in_event() else { return };
    if thread.settings.rules.own_fd {
        let mut claims = thread.claims.borrow_mut();
        claims.filled(start);
        claims.fills(fd, start..start.saturating_add(len));
    }
}

/// Parks until nobody else is in the middle of using `fd`.
pub(crate) fn wait_for_fd(thread: &'static Thread, fd: Fd) -> Result<(), Gone> {
    let before = thread.claims.borrow().closes(fd);
    wait_for(thread, || Want::Fd(fd));
    let is_same = thread.claims.borrow().closes(fd) == before;
    if is_same { Ok(()) } else { Err(Gone) }
}

/// Parks until nobody else is parked, but for those that wait for the same.
pub(crate) fn wait_alone(thread: &'static Thread) {
    if thread.parked.get() > 0 {
        scheduler::park_for(thread, Want::Alone);
    }
}

/// Parks until what is wanted is free, or until there is no way to wait for it. True: it is free.
#[inline]
pub(crate) fn wait_for(thread: &'static Thread, want: impl Fn() -> Want) -> bool {
    while thread.claims.borrow().parked_len() > 0 && thread.claims.borrow().conflicts(&want()) {
        if !scheduler::park_for(thread, want()) {
            return false;
        }
    }
    true
}
