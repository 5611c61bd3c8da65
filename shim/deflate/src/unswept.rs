//! zlib's hash table, for which a stream that is taken over has no use.
//!
//! `deflateReset` clears it, and so does `deflateInit2_`, which calls that: 64 KiB for a `memLevel` of 8, which
//! also drive out of the caches what is there. For a stream that is likely to be taken over it is left as it is, and
//! that is written at its beginning. Should zlib compress with it after all, it is cleared then ([`sweep`]).
//! A copy of the stream has what is written there, too.
//!
//! ```text
//!  deflateInit2_ (hook) ──> zlib: deflateInit2_ ──> deflateReset (hook) ──> zlib: deflateReset, with a table of one entry
//!  deflate (hook): taken over ──> the table is never looked at; deflateReset, deflateEnd
//!                  zlib's     ──> sweep ──> zlib: deflate
//! ```
//!
//! Only a stream whose `deflateInit2_` has come through the hook, or that was taken over before: whoever has found
//! zlib's functions by other ways calls its `deflate` by these, too, and with a table that was not cleared it would
//! put out nonsense.
//!
//! Must not: be used where the loaded zlib is not known.

use std::cell::Cell;
use std::ffi::c_int;

use crate::policy::{Choice, Compressor};
use crate::state::{self, State};
use crate::takeover::policy;
use crate::zlib::{self, DEFAULT_STRATEGY, Originals, ZStream};

/// What is written at the beginning of a table that was not cleared. In one that zlib uses it may stand by chance,
/// or because somebody wants it to: to clear that loses matches, and nothing else.
const MARK: [u16; 8] = [0x1e7e, 0x510d, 0xd1a7, 0x7e57, 0x0b57, 0x9c3d, 0x62e1, 0xfab1];

/// A smaller table is not worth it.
const LEAST: u32 = 1 << 10;

thread_local! {
    /// The stream that this thread is initialising.
    static INITIALISING: Cell<*mut ZStream> = const { Cell::new(std::ptr::null_mut()) };
}

/// Calls zlib's `deflateInit2_` for the stream at that address.
pub(crate) fn initialising<T>(z: *mut ZStream, call: impl FnOnce() -> T) -> T {
    // A thread that is about to end has it no more: the table is cleared there.
    let before = INITIALISING.try_with(|stream| stream.replace(z)).unwrap_or_default();
    let result = call();
    let _ = INITIALISING.try_with(|stream| stream.set(before));
    result
}

/// zlib's `deflateReset`. `was_taken`: the stream was taken over until now.
///
/// # Safety
/// The contract of zlib's function.
pub(crate) unsafe fn reset(zlib: &Originals, z: *mut ZStream, was_taken: bool) -> c_int {
    let is_new = || INITIALISING.try_with(|stream| stream.get() == z).unwrap_or(false);
    // SAFETY: by this function's contract; nothing is looked at where no stream can be taken over.
    let place = (was_taken || is_new()).then(|| unsafe { expected(z) }).flatten();
    let Some(place) = place else {
        // SAFETY: the caller's own argument.
        return unsafe { (zlib.reset)(z) };
    };
    // SAFETY: the state of a stream, as `expected` has found.
    unsafe { (*place).hash_size = 1 };
    // SAFETY: the caller's own argument. Of the table the first entry is cleared.
    let result = unsafe { (zlib.reset)(z) };
    // SAFETY: as above.
    let state = unsafe { &mut *place };
    state.hash_size = state.entries();
    if result == zlib::OK {
        // SAFETY: the table has more entries.
        unsafe { state.head.cast::<[u16; 8]>().write_unaligned(MARK) };
    }
    result
}

/// The state of a stream that will be taken over, as things stand.
///
/// # Safety
/// As [`reset`].
unsafe fn expected(z: *mut ZStream) -> Option<*mut State> {
    let policy = policy().filter(|_| state::is_known())?;
    // SAFETY: null, or a stream, by this function's contract.
    let stream = unsafe { z.as_ref() }?;
    // SAFETY: null, or the state of a stream, of a zlib that is known.
    let state = unsafe { stream.state.as_ref() }?;
    let is_expected = state.stream == z
        && !state.head.is_null()
        && state.entries() >= LEAST
        && state.strategy == DEFAULT_STRATEGY
        && policy.choose(state.level)
            != Choice { pieces: Compressor::Zlib, whole: Compressor::Zlib };
    is_expected.then_some(stream.state)
}

/// Before zlib compresses with it: clears the table of a stream if that was left out.
///
/// # Safety
/// `z` is null, or a stream that nobody else uses now.
pub(crate) unsafe fn sweep(z: *mut ZStream) {
    // Without either, none was left out.
    if policy().is_none() || !state::is_known() {
        return;
    }
    // SAFETY: by this function's contract.
    let Some(stream) = (unsafe { z.as_ref() }) else { return };
    // SAFETY: null, or the state of a stream, of a zlib that is known.
    let Some(state) = (unsafe { stream.state.as_ref() }) else { return };
    if state.head.is_null() || state.entries() < LEAST {
        return;
    }
    let mark = state.head.cast::<[u16; 8]>();
    // SAFETY: the table's beginning; it was cleared, marked or written to.
    if unsafe { mark.read_unaligned() } == MARK {
        // SAFETY: so many entries.
        unsafe { state.head.write_bytes(0, state.entries() as usize) };
    }
}
