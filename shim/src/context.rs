//! Whose code a thread is running: the server's, or the shim's.
//!
//! A hook that is called from inside the shim, or from inside an original that the shim runs in
//! place, must go straight through. The flag is set by [`Local::enter`] and cleared by the guard
//! that it returns. It is not saved with a coroutine, because it need not be: a coroutine is
//! suspended only inside the shim, and only there continues; so wherever a switch happens, it is
//! set ([`Local::went_on`] tells where).
//!
//! The flag is an address in the frame that set it: a server may jump out of an original (lighttpd
//! does, by `siglongjmp` from a handler of `SIGBUS`), and no guard is dropped then. A hook that is
//! called from further up the same stack than that frame knows that it is gone.
//!
//! No hook allocates, locks or logs before it has entered. A hook looks its thread's [`Local`] up
//! once (that call is the dearest part of a hook that only observes) and hands it on.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use interlude_fiber::OfThread;

use crate::thread::Thread;
use crate::{page, signals};

/// What the shim keeps of an OS thread.
pub(crate) struct Local {
    /// An address in the frame that entered; 0 outside.
    inside: Cell<usize>,
    /// The frame of a hook that is not surely inside; 0: none.
    frame: Cell<usize>,
    /// Is a coroutine running: may it park?
    in_event: Cell<bool>,
    /// Does a handler of the server's run that has interrupted one?
    interrupts: Cell<bool>,
    thread: Cell<*const Thread>,
    stack_base: Cell<usize>,
    /// Its shard of the counters, counted from 1; 0 for the one that threads share.
    shard: Cell<usize>,
    /// This thread's counters, as of `generation`; null for the shared shard.
    counters: Cell<*const AtomicU64>,
    generation: Cell<usize>,
}

// SAFETY: cells of numbers and pointers; all zero is a thread that the shim does not know yet.
unsafe impl OfThread for Local {}

/// What a handler of the server's has interrupted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Interrupted {
    was_in_event: bool,
    /// The same of a handler that it has interrupted.
    interrupted: bool,
}

static ACTIVE: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Lets hooks act, from now on.
pub(crate) fn activate() {
    ACTIVE.store(true, Ordering::Release);
}

/// After a panic: nothing is offloaded or parked any more, for good. The hooks of the event loop go
/// on: the kernel holds our tokens, and the server needs its own `data`. True if it is the first.
pub(crate) fn stop_offloading() -> bool {
    !STOPPED.swap(true, Ordering::AcqRel)
}

/// Was [`stop_offloading`] called?
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Do hooks act?
#[inline]
pub(crate) fn is_active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

/// The shim is running; dropped, the server is.
#[must_use]
pub(crate) struct Shadow<'a>(&'a Local);

impl Drop for Shadow<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.inside.set(0);
    }
}

/// The calling thread's.
#[inline]
pub(crate) fn local() -> &'static Local {
    // SAFETY: lives as long as its thread, and a `Local` cannot be sent to another one (it is full
    // of cells and pointers).
    unsafe { &*interlude_fiber::of_thread::<Local>() }
}

impl Local {
    /// Is the shim running already? Frames that differ by no more than `slack` bytes count as equally
    /// deep.
    #[inline]
    pub(crate) fn is_inside(&self, slack: usize) -> bool {
        let entered = self.inside.get();
        if entered == 0 {
            return false;
        }
        let own = 0u8;
        let own = std::ptr::from_ref(&own).addr();
        let here = Some(self.frame.take()).filter(|frame| *frame != 0).unwrap_or(own);
        here + slack <= entered || !self.was_left(here, entered, slack)
    }

    /// Is the shim running already, as far as can be told without asking who has jumped out of it?
    #[inline(always)]
    pub(crate) fn is_surely_inside(&self) -> bool {
        interlude_fiber::stack_pointer() <= self.inside.get()
    }

    /// A hook is called whose frame ends there, while the shim has been entered, and does not lie above: the next
    /// [`Local::is_inside`] judges by that, not by its own frame.
    #[inline(always)]
    pub(crate) fn note_frame(&self) {
        self.frame.set(interlude_fiber::stack_pointer());
    }

    /// Has the shim been entered, as far as is known?
    #[inline]
    pub(crate) fn has_entered(&self) -> bool {
        self.inside.get() != 0
    }

    /// Did somebody jump out of the frame that entered?
    #[cold]
    fn was_left(&self, here: usize, entered: usize, slack: usize) -> bool {
        // The handler of a signal may run on a stack that lies in a frame further up.
        let left = here + slack > entered
            && here < self.stack_base.get()
            && !signals::is_on_alternate_stack();
        if left {
            self.inside.set(0);
        }
        left
    }

    /// Enters the shim. The caller has asked [`Local::is_inside`], or comes back from an original.
    #[inline]
    pub(crate) fn enter(&self) -> Shadow<'_> {
        self.went_on();
        Shadow(self)
    }

    /// Another continuation of the thread goes on in this frame, inside the shim.
    #[inline]
    pub(crate) fn went_on(&self) {
        let here = 0u8;
        self.inside.set(std::ptr::from_ref(&here).addr());
    }

    /// This thread's event loop, if it has one.
    #[inline]
    pub(crate) fn thread(&self) -> Option<&'static Thread> {
        // SAFETY: set by `set_thread` to a `Thread` that lives until `clear_thread`, which the
        // thread's own end calls.
        unsafe { self.thread.get().as_ref() }
    }

    /// Is it processing an event that may park?
    #[inline]
    pub(crate) fn in_event(&self) -> bool {
        self.in_event.get()
    }

    /// A coroutine begins or goes on, or none runs any more.
    #[inline]
    pub(crate) fn set_in_event(&self, value: bool) {
        self.in_event.set(value);
    }

    /// A handler of the server's begins, whatever it has interrupted: it is part of no event, so it
    /// may not park. Returns what its end needs.
    pub(crate) fn handler_begins(&self) -> Interrupted {
        let was_in_event = self.in_event.replace(false);
        Interrupted { was_in_event, interrupted: self.interrupts.replace(was_in_event) }
    }

    /// A handler has ended. (One that jumps away does not come here: what is left of its event does
    /// not park.)
    pub(crate) fn handler_ended(&self, before: Interrupted) {
        self.in_event.set(before.was_in_event);
        self.interrupts.set(before.interrupted);
    }

    /// The running handler, if one runs, will not end: what it does is the end of the event that it
    /// has interrupted, and of that thread. (On a stack of its own it cannot be parked.)
    pub(crate) fn handler_stays(&self) {
        if self.interrupts.replace(false) && !signals::is_on_alternate_stack() {
            self.in_event.set(true);
        }
    }

    /// As [`Local::counters`], as far as is known without asking: a thread that has none does not
    /// know of any event loop of its own, or hooks do not act.
    #[inline]
    pub(crate) fn known_counters(&self) -> Option<*const AtomicU64> {
        let own = self.counters.get();
        (self.generation.get() == page::generation() && !own.is_null()).then_some(own)
    }

    /// This thread's own counters, if it has a shard to itself.
    #[inline]
    pub(crate) fn counters(&self) -> *const AtomicU64 {
        let generation = page::generation();
        if self.generation.get() != generation {
            self.generation.set(generation);
            let shard = self.shard.get().checked_sub(1).unwrap_or(page::SHARED);
            self.counters.set(page::shard(shard));
        }
        self.counters.get()
    }
}

/// This thread, if it is processing an event that may park.
#[inline]
pub(crate) fn in_event() -> Option<&'static Thread> {
    let local = local();
    if local.in_event() { local.thread() } else { None }
}

/// This thread's event loop, if it has one.
#[inline]
pub(crate) fn thread() -> Option<&'static Thread> {
    local().thread()
}

/// Gives this thread its event loop, and a shard of counters.
pub(crate) fn set_thread(thread: &'static Thread) {
    let local = local();
    local.thread.set(thread);
    if local.shard.get() == 0 {
        local.shard.set(page::take_shard() + 1);
        local.generation.set(0);
    }
}

/// This thread ends.
pub(crate) fn clear_thread() {
    local().thread.set(std::ptr::null());
    local().in_event.set(false);
}

/// An address on this thread's stack above every frame of the server; 0 if unknown.
pub(crate) fn stack_base() -> usize {
    local().stack_base.get()
}

/// Records [`stack_base`], in the frame that calls the thread's first function.
pub(crate) fn set_stack_base(base: usize) {
    local().stack_base.set(base);
}
