//! Whose code a thread is running: the server's, or the shim's.
//!
//! A hook that is called from inside the shim, or from inside an original that the shim runs in
//! place, must go straight through. The flag is set by [`enter`] and cleared by the guard that it
//! returns. It is not saved with a coroutine, because it need not be: a coroutine is suspended
//! only inside the shim, and only there continues; so wherever a switch happens, it is set.
//!
//! No hook allocates, locks or logs before it has entered.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::page;
use crate::thread::Thread;

struct Local {
    inside: Cell<bool>,
    shard: Cell<usize>,
    thread: Cell<*const Thread>,
    stack_base: Cell<usize>,
}

thread_local! {
    // Constant and without a destructor: safe to use at any moment of a thread's life.
    static LOCAL: Local = const {
        Local {
            inside: Cell::new(false),
            shard: Cell::new(page::SHARED),
            thread: Cell::new(std::ptr::null()),
            stack_base: Cell::new(0),
        }
    };
}

static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Lets hooks act, from now on.
pub(crate) fn activate() {
    ACTIVE.store(true, Ordering::Release);
}

/// Makes every hook pass through, for good.
pub(crate) fn deactivate() {
    ACTIVE.store(false, Ordering::Release);
}

/// The shim is running; dropped, the server is.
#[must_use]
pub(crate) struct Shadow(());

impl Drop for Shadow {
    #[inline]
    fn drop(&mut self) {
        LOCAL.with(|local| local.inside.set(false));
    }
}

/// Enters the shim, or `None` where the hook must pass through: it is nested, or nothing acts.
#[inline]
pub(crate) fn enter() -> Option<Shadow> {
    if !ACTIVE.load(Ordering::Acquire) {
        return None;
    }
    LOCAL.with(|local| (!local.inside.replace(true)).then_some(Shadow(())))
}

/// Enters the shim for the part of a hook that comes after its original.
#[inline]
pub(crate) fn enter_again() -> Shadow {
    LOCAL.with(|local| local.inside.set(true));
    Shadow(())
}

/// This thread's event loop, if it has one.
#[inline]
pub(crate) fn thread() -> Option<&'static Thread> {
    let thread = LOCAL.with(|local| local.thread.get());
    // SAFETY: set by `set_thread` to a `Thread` that lives until `clear_thread`, which the
    // thread's own end calls.
    unsafe { thread.as_ref() }
}

/// Gives this thread its event loop, and a shard of counters.
pub(crate) fn set_thread(thread: &'static Thread) {
    LOCAL.with(|local| {
        local.thread.set(thread);
        if local.shard.get() == page::SHARED {
            local.shard.set(page::take_shard());
        }
    });
}

/// This thread ends.
pub(crate) fn clear_thread() {
    LOCAL.with(|local| local.thread.set(std::ptr::null()));
}

/// Which shard of the counters this thread uses.
#[inline]
pub(crate) fn shard() -> usize {
    LOCAL.with(|local| local.shard.get())
}

/// An address on this thread's stack above every frame of the server; 0 if unknown.
pub(crate) fn stack_base() -> usize {
    LOCAL.with(|local| local.stack_base.get())
}

/// Records [`stack_base`], in the frame that calls the thread's first function.
pub(crate) fn set_stack_base(base: usize) {
    LOCAL.with(|local| local.stack_base.set(base));
}
