//! Objects that are busy while a call is inside them (C4), and regions that belong to a coroutine
//! until it ends (C8). Both cost nothing outside of an event.

use interlude_core::Fd;
use interlude_core::claims::{Region, Want};

use crate::context;
use crate::scheduler;
use crate::thread::Thread;

/// This thread, if it is processing an event that may park.
#[inline]
pub(crate) fn in_event() -> Option<&'static Thread> {
    context::thread().filter(|thread| thread.in_event.get())
}

/// A call on an object begins: waits until no parked coroutine is inside one.
#[inline]
pub(crate) fn enter(object: usize) {
    let Some(thread) = in_event() else { return };
    wait_for(thread, || Want::Object(object));
    thread.claims.borrow_mut().entered(object);
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

/// A call uses memory that may be shared between connections: waits until no parked coroutine
/// uses it, and keeps it from the others until this coroutine has ended.
pub(crate) fn claim_region(start: usize, len: usize, written: bool) {
    let Some(thread) = in_event() else { return };
    let here = 0u8;
    // Memory on this stack is each coroutine's own, whatever its address.
    let stack = std::ptr::from_ref(&here).addr()..context::stack_base();
    if len == 0 || stack.contains(&start) {
        return;
    }
    let region = Region { range: start..start.saturating_add(len), written };
    wait_for(thread, || Want::Region(region.clone()));
    thread.claims.borrow_mut().uses(region);
}

/// A call reads `fd` into memory that may be shared between connections.
pub(crate) fn fill(fd: Fd, start: usize, len: usize) {
    let Some(thread) = in_event() else { return };
    // Switched off with C1: a connection's own buffer would stand in for its fd.
    if thread.settings.rules.own_fd {
        claim_region(start, len, true);
        thread.claims.borrow_mut().fills(fd, start..start.saturating_add(len));
    }
}

/// Parks until nobody else is parked, but for those that wait for the same.
pub(crate) fn wait_alone(thread: &'static Thread) {
    if thread.parked.get() > 0 {
        scheduler::park_for(thread, Want::Alone);
    }
}

/// Parks until what is wanted is free, or until there is no way to wait for it.
#[inline]
pub(crate) fn wait_for(thread: &'static Thread, want: impl Fn() -> Want) {
    while thread.claims.borrow().parked_len() > 0 && thread.claims.borrow().conflicts(&want()) {
        if !scheduler::park_for(thread, want()) {
            return;
        }
    }
}
