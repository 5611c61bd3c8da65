//! Thread cancellation (`pthread_cancel(3)`) unwinds the stack, and neither the scheduler's stack
//! nor a handler's frames can be unwound by it. So a thread is not cancelled while the shim does
//! something that contains a cancellation point; it is at the server's next one.

use std::ffi::c_int;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// While it lives, this thread cannot be cancelled.
#[must_use]
pub(crate) struct NotCancelled(c_int);

impl NotCancelled {
    pub(crate) fn new() -> Self {
        let mut before = 0;
        // SAFETY: a valid state, and a place for the one before.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) };
        Self(before)
    }
}

impl Drop for NotCancelled {
    fn drop(&mut self) {
        // SAFETY: the state that `new` was given.
        unsafe { pthread_setcancelstate(self.0, std::ptr::null_mut()) };
    }
}
