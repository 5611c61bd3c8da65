//! Ambient state: what a thread has one of and every coroutine needs for itself.
//!
//! `errno` and the floating-point control words (from `interlude-fiber`), OpenSSL's error queue,
//! and C++'s exception globals (`__cxa_get_globals` of the Itanium C++ ABI, 2.2.2: a pointer to the
//! caught exceptions and a count).

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::{errors, original};

/// The state of a coroutine, or of the loop, while another one runs.
pub(crate) struct Ambient {
    basic: interlude_fiber::Ambient,
    errors: Option<errors::Queue>,
    exceptions: [usize; 2],
}

/// The state of the loop itself. Its error queue is the running coroutine's, which empties it.
pub(crate) struct LoopAmbient {
    basic: interlude_fiber::Ambient,
    exceptions: [usize; 2],
}

impl LoopAmbient {
    /// Reads this thread's state.
    pub(crate) fn save() -> Self {
        Self { basic: interlude_fiber::Ambient::save(), exceptions: exceptions() }
    }

    /// Makes it this thread's state again.
    pub(crate) fn restore(&self) {
        exchange_exceptions(self.exceptions);
        self.basic.restore();
    }
}

impl Ambient {
    /// Takes this thread's state; what could be inherited by mistake is left empty.
    pub(crate) fn take() -> Self {
        Self {
            basic: interlude_fiber::Ambient::save(),
            errors: errors::take(),
            exceptions: exchange_exceptions([0; 2]),
        }
    }

    /// Makes it this thread's state again, after [`Ambient::take`] has emptied it.
    pub(crate) fn put(self) {
        errors::put(self.errors);
        exchange_exceptions(self.exceptions);
        self.basic.restore();
    }
}

fn exceptions() -> [usize; 2] {
    // SAFETY: as below.
    exception_globals().map_or([0; 2], |globals| unsafe { globals.read() })
}

fn exchange_exceptions(new: [usize; 2]) -> [usize; 2] {
    let Some(globals) = exception_globals() else { return [0; 2] };
    // SAFETY: this thread's `__cxa_eh_globals`, two words; nobody else touches them.
    unsafe { globals.replace(new) }
}

/// `std::uncaught_exceptions` is an `unsigned int`: its word's upper half is padding.
fn exception_globals() -> Option<*mut [usize; 2]> {
    static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut function = FUNCTION.load(Ordering::Relaxed);
    if function.is_null() {
        function = original::find_if_loaded(c"__cxa_get_globals");
        // A dangling pointer says: looked for, not there. A C++ runtime that is loaded later than
        // the first park serves modules that do not offload (it would be linked by them).
        let remembered = if function.is_null() { ABSENT } else { function };
        FUNCTION.store(remembered, Ordering::Relaxed);
        function = remembered;
    }
    if function == ABSENT {
        return None;
    }
    // SAFETY: `__cxa_eh_globals *__cxa_get_globals(void)`.
    let get = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *mut [usize; 2]>(function)
    };
    // SAFETY: no preconditions.
    let globals = unsafe { get() };
    (!globals.is_null()).then_some(globals)
}

const ABSENT: *mut c_void = std::ptr::without_provenance_mut(1);
