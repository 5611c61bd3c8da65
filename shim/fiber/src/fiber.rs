//! The two sides of a thread: [`Fiber`] as the server's hooks see it, [`Seat`] as the scheduler
//! sees it.
//!
//! Invariants:
//! - While the scheduler runs, the server's stack is at rest, and the parent link holds its `rsp`.
//! - `enter` returns in whichever continuation was laid back last, not necessarily the one that
//!   called it last. So what is borrowed across `enter` must belong to that continuation alone.
//! - A `Fiber` never moves and is never dropped while a slice of its thread exists.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::mem::size_of;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::Slice;

/// Room for the scheduler, the hooks' slow paths, and a signal handler that interrupts them.
const STACK_BYTES: usize = 256 * 1024;

// The parent link is where the `Yielder` points, and it is one word: the pinned corosensei's
// documented layout, on which taking and laying back slices relies.
const _: () = assert!(size_of::<Yielder<(), ()>>() == size_of::<usize>());

/// A thread's scheduler, from the server's side. `Q` is what the server asks, `A` the answer.
pub struct Fiber<Q, A> {
    coroutine: Coroutine<Q, A, Infallible, DefaultStack>,
}

impl<Q: 'static, A: 'static> Fiber<Q, A> {
    /// Makes a scheduler for this thread; it begins at the first [`Fiber::enter`]. `base` is an
    /// address on this thread's stack above every frame that slices are to hold.
    ///
    /// # Errors
    /// The system has no memory for its stack.
    pub fn new<F>(base: usize, body: F) -> io::Result<Self>
    where
        F: FnOnce(Seat<'_, Q, A>, Q) -> Infallible + 'static,
    {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<Q, A>, first: Q| {
            // Slices are whole cache lines. What the last one holds above `base` belongs to
            // frames that are at rest as long as the server runs.
            let base = base.next_multiple_of(64);
            body(Seat { yielder, base, thread: PhantomData }, first)
        });
        Ok(Self { coroutine })
    }

    /// Puts the server to rest and lets the scheduler go on. Returns its answer, in the
    /// continuation that the scheduler chose.
    ///
    /// # Safety
    /// `this` is this thread's fiber, alive, and the caller runs on the server's stack below the
    /// fiber's base. Several continuations may be inside `enter` at once: each touches the fiber
    /// only before it is put to rest and after it goes on.
    #[inline]
    pub unsafe fn enter(this: *mut Self, question: Q) -> A {
        // SAFETY: the caller vouches for the pointer; see above for the other continuations.
        let fiber = unsafe { &mut *this };
        match fiber.coroutine.resume(question) {
            CoroutineResult::Yield(answer) => answer,
            CoroutineResult::Return(never) => match never {},
        }
    }

    /// Gives the scheduler's stack back without running what is on it.
    ///
    /// # Safety
    /// No slice of this thread will be continued any more.
    pub unsafe fn abandon(mut self) {
        // SAFETY: the caller's contract; what the scheduler's frames own is leaked.
        unsafe { self.coroutine.force_reset() };
    }
}

/// The scheduler's side.
pub struct Seat<'a, Q, A> {
    yielder: &'a Yielder<Q, A>,
    base: usize,
    thread: PhantomData<*mut ()>,
}

impl<Q, A> Seat<'_, Q, A> {
    /// Continues what lies on the server's stack; returns its next question.
    #[inline]
    pub fn resume(&self, answer: A) -> Q {
        self.yielder.suspend(answer)
    }

    /// The server's stack pointer, at rest.
    #[inline]
    #[must_use]
    pub fn server_sp(&self) -> usize {
        // SAFETY: the parent link is one initialised word (see the assertion above); only this
        // thread writes it.
        unsafe { self.link().read() }
    }

    /// The address up to which slices reach.
    #[must_use]
    pub fn base(&self) -> usize {
        self.base
    }

    /// Can slices be taken here? The server's stack pointer has to lie below the base by at most
    /// `most` bytes, and just below `near`, an address in the frame that entered. This is also
    /// the check that the pinned corosensei keeps its parent link where this crate reads it.
    #[must_use]
    pub fn is_sound(&self, near: usize, most: usize) -> bool {
        let sp = self.server_sp();
        sp < self.base && self.base - sp <= most && sp < near && near - sp < 4096
    }

    /// Takes a copy of the server's stack at rest.
    #[inline]
    pub fn save(&self, slice: &mut Slice) {
        // SAFETY: the scheduler runs, so the server is at rest from its `rsp` up; `base` is on
        // the same stack (contract of `Fiber::new`).
        unsafe { slice.save(self.server_sp(), self.base) };
    }

    /// Lays a slice back: it is what [`Seat::resume`] will continue.
    ///
    /// # Safety
    /// The slice was saved by this seat, and what lies on the stack now was saved or is done.
    #[inline]
    pub unsafe fn lay_back(&self, slice: &Slice) {
        // SAFETY: the caller's contract, and the server is at rest.
        unsafe { slice.lay_back() };
        // SAFETY: as in `server_sp`; corosensei keeps the link in a `Cell`, so it may be written
        // through a shared reference.
        unsafe { self.link().write(slice.sp()) };
    }

    fn link(&self) -> *mut usize {
        std::ptr::from_ref(self.yielder).cast::<usize>().cast_mut()
    }
}

#[cfg(test)]
mod tests;
