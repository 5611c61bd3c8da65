//! OpenSSL's error queue: one a thread, but every coroutine needs its own, and a job that fails on
//! a helper thread leaves its errors there.
//!
//! Followed: `struct err_state_st` in OpenSSL 3's `<openssl/err.h>` (a public structure, unchanged
//! since 3.0), `ERR_get_error_all(3)`, `ERR_set_error(3)`. Another major version is left alone.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::{ending, original};

const ENTRIES: usize = 16;

/// `struct err_state_st`.
#[repr(C)]
#[derive(Clone, Copy)]
struct State {
    flags: [c_int; ENTRIES],
    marks: [c_int; ENTRIES],
    codes: [c_ulong; ENTRIES],
    data: [*mut c_char; ENTRIES],
    data_size: [usize; ENTRIES],
    data_flags: [c_int; ENTRIES],
    file: [*mut c_char; ENTRIES],
    line: [c_int; ENTRIES],
    function: [*mut c_char; ENTRIES],
    top: c_int,
    bottom: c_int,
}

/// A thread's error queue, taken out of it.
pub(crate) struct Queue(Box<State>);

type GetState = unsafe extern "C" fn() -> *mut State;
type GetErrorAll = unsafe extern "C" fn(
    *mut *const c_char,
    *mut c_int,
    *mut *const c_char,
    *mut *const c_char,
    *mut c_int,
) -> c_ulong;
type Peek = unsafe extern "C" fn() -> c_ulong;
type New = unsafe extern "C" fn();
type SetDebug = unsafe extern "C" fn(*const c_char, c_int, *const c_char);
type SetError = unsafe extern "C" fn(c_int, c_int, *const c_char, ...);

struct Functions {
    state: Option<GetState>,
    get_all: GetErrorAll,
    peek: Peek,
    clear: New,
    new: New,
    set_debug: SetDebug,
    set_error: SetError,
}

/// Has the server called OpenSSL? Until then its libraries need not be looked for.
static IN_USE: AtomicBool = AtomicBool::new(false);
/// `OPENSSL_init_crypto`, from then on.
static INITIALISE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// The server calls OpenSSL: from now on there are errors to be kept apart.
#[inline]
pub(crate) fn in_use() {
    if !IN_USE.load(Ordering::Relaxed) && !IN_USE.swap(true, Ordering::Relaxed) {
        // It has initialised itself by now.
        ending::register();
        INITIALISE.store(original::find(c"OPENSSL_init_crypto"), Ordering::Release);
    }
}

/// Is it OpenSSL 3 that the server uses?
pub(crate) fn is_openssl_3() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    *IS.get_or_init(|| {
        let version = original::find(c"OpenSSL_version_num");
        // SAFETY: `unsigned long OpenSSL_version_num(void)`, OpenSSL 1.1 and later.
        let version = (!version.is_null()).then(|| unsafe { symbol::<Peek>(version) });
        // SAFETY: no preconditions.
        version.is_some_and(|version| unsafe { version() } >> 28 == 3)
    })
}

/// Has OpenSSL, in use before, cleaned up after itself (`OPENSSL_init_crypto(3)`: 0 after `OPENSSL_cleanup`)?
pub(crate) fn is_no_more() -> bool {
    type Initialise = unsafe extern "C" fn(u64, *const c_void) -> c_int;
    /// `OPENSSL_INIT_BASE_ONLY` of `<openssl/crypto.h>`: nothing is made, and no error raised.
    const BASE_ONLY: u64 = 0x40000;
    // (Looked up by then: who asks may be waited for by who holds the loader's lock.)
    let address = INITIALISE.load(Ordering::Acquire);
    if address.is_null() {
        return false;
    }
    // SAFETY: OpenSSL's function of that name (1.1 and later) has this type.
    let initialise = unsafe { symbol::<Initialise>(address) };
    // SAFETY: no settings.
    unsafe { initialise(BASE_ONLY, std::ptr::null()) == 0 }
}

/// The functions, once OpenSSL is in use.
fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    if !IN_USE.load(Ordering::Relaxed) {
        return None;
    }
    FUNCTIONS.get_or_init(load).as_ref()
}

fn load() -> Option<Functions> {
    if !is_openssl_3() {
        return None;
    }
    let find = |name: &CStr| {
        let address = original::find(name);
        (!address.is_null()).then_some(address)
    };
    Some(Functions {
        // SAFETY: here and below: the types are those of OpenSSL 3's `<openssl/err.h>`.
        state: find(c"ERR_get_state").map(|a| unsafe { symbol::<GetState>(a) }),
        // SAFETY: as above.
        get_all: unsafe { symbol::<GetErrorAll>(find(c"ERR_get_error_all")?) },
        // SAFETY: as above.
        peek: unsafe { symbol::<Peek>(find(c"ERR_peek_error")?) },
        // SAFETY: as above.
        clear: unsafe { symbol::<New>(find(c"ERR_clear_error")?) },
        // SAFETY: as above.
        new: unsafe { symbol::<New>(find(c"ERR_new")?) },
        // SAFETY: as above.
        set_debug: unsafe { symbol::<SetDebug>(find(c"ERR_set_debug")?) },
        // SAFETY: as above.
        set_error: unsafe { symbol::<SetError>(find(c"ERR_set_error")?) },
    })
}

/// # Safety
/// `address` is a function of type `F`.
unsafe fn symbol<F: Copy>(address: *mut c_void) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: same size; the caller vouches for the type.
    unsafe { std::mem::transmute_copy(&address) }
}

fn state() -> Option<*mut State> {
    let get = functions()?.state?;
    // SAFETY: returns this thread's queue, or null.
    let state = unsafe { get() };
    (!state.is_null()).then_some(state)
}

/// Takes this thread's errors away; `None` where there are none.
pub(crate) fn take() -> Option<Queue> {
    let state = state()?;
    // SAFETY: this thread's queue; nobody else touches it.
    let here = unsafe { &mut *state };
    if here.top == here.bottom {
        return None;
    }
    let taken = Box::new(*here);
    // SAFETY: all zero is how OpenSSL itself makes an empty queue (`OPENSSL_zalloc`); the
    // strings that it owned belong to the copy now.
    *here = unsafe { std::mem::zeroed() };
    Some(Queue(taken))
}

/// Puts errors back that [`take`] took. What others have left in the queue since is dropped: to a
/// coroutine that goes on, it would look like an error of its own.
pub(crate) fn put(queue: Option<Queue>) {
    let (Some(state), Some(functions)) = (state(), functions()) else { return };
    // SAFETY: this thread's queue; nobody else touches it.
    let here = unsafe { &*state };
    if here.top != here.bottom {
        // SAFETY: no preconditions; it frees the strings of the queue.
        unsafe { (functions.clear)() };
    }
    if let Some(queue) = queue {
        // SAFETY: this thread's queue, empty now; the strings go back to it.
        unsafe { *state = *queue.0 };
    }
}

/// One error, owned.
struct Raised {
    code: c_ulong,
    file: CString,
    line: c_int,
    function: CString,
    data: Option<CString>,
}

/// Errors that a job raised on the thread that ran it.
#[derive(Default)]
pub(crate) struct Errors(Vec<Raised>);

impl Errors {
    /// Runs a call on this thread and collects the errors that it leaves. What was in the queue
    /// before (the engine may run a job on the submitting thread) stays there.
    pub(crate) fn of<T>(call: impl FnOnce() -> T) -> (T, Self) {
        let before = take();
        let value = call();
        let errors = functions().map_or_else(Self::default, collect);
        put(before);
        (value, errors)
    }

    /// Raises them on this thread, behind what it has already.
    pub(crate) fn raise(&self) {
        let Some(functions) = functions() else { return };
        for error in &self.0 {
            // ERR_GET_LIB and ERR_GET_REASON of OpenSSL 3.
            let library = ((error.code >> 23) & 0xff) as c_int;
            let reason = (error.code & 0x7f_ffff) as c_int;
            // SAFETY: no preconditions.
            unsafe { (functions.new)() };
            // SAFETY: terminated strings; OpenSSL copies them.
            unsafe {
                (functions.set_debug)(error.file.as_ptr(), error.line, error.function.as_ptr());
            }
            match &error.data {
                // SAFETY: a format with one string, and that string.
                Some(data) => unsafe {
                    (functions.set_error)(library, reason, c"%s".as_ptr(), data.as_ptr());
                },
                // SAFETY: no format is allowed.
                None => unsafe { (functions.set_error)(library, reason, std::ptr::null()) },
            }
        }
    }
}

fn collect(functions: &Functions) -> Errors {
    let mut errors = Vec::new();
    // SAFETY: no preconditions.
    while unsafe { (functions.peek)() } != 0 {
        let (mut file, mut function, mut data) =
            (std::ptr::null(), std::ptr::null(), std::ptr::null());
        let (mut line, mut flags): (c_int, c_uint) = (0, 0);
        // SAFETY: five places for results; the strings live until the queue changes.
        let code = unsafe {
            (functions.get_all)(
                &raw mut file,
                &raw mut line,
                &raw mut function,
                &raw mut data,
                (&raw mut flags).cast(),
            )
        };
        // ERR_TXT_STRING: the data is text.
        let data = (flags & 0x02 != 0 && !data.is_null()).then(|| owned(data));
        errors.push(Raised { code, file: owned(file), line, function: owned(function), data });
    }
    Errors(errors)
}

fn owned(text: *const c_char) -> CString {
    if text.is_null() {
        return CString::default();
    }
    // SAFETY: OpenSSL's strings are terminated.
    unsafe { CStr::from_ptr(text) }.to_owned()
}
