//! zlib's functions as they are called: one each, for streams that were taken over and for others.
//!
//! They stand where the real functions would. What is not ours goes to the real function, with the
//! caller's own arguments. No panic leaves them: it would be a fault of this crate, and the stream it
//! happened to is of no use any more, which `Z_STREAM_ERROR` says.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::buffer;
use crate::event::Reason;
use crate::inflate::inflate;
use crate::state::{NOT_BEGUN, function_of};
use crate::taken::Taken;
use crate::takeover::{self, MANY_FLUSHES};
use crate::unswept;
use crate::zlib::{
    BLOCK, BUF_ERROR, LAST_STRATEGY, OK, Originals, STREAM_ERROR, ZStream, originals,
};

/// The function that stands for zlib's or libdeflate's of that name; `None` for those that need none.
#[must_use]
pub fn instead_of(name: &CStr) -> Option<*mut c_void> {
    Some(match name.to_bytes() {
        b"deflate" => deflate as *mut c_void,
        b"deflateInit2_" => init as *mut c_void,
        b"deflateEnd" => end as *mut c_void,
        b"deflateReset" => reset as *mut c_void,
        b"deflateResetKeep" => reset_keep as *mut c_void,
        b"deflateParams" => params as *mut c_void,
        b"deflateTune" => tune as *mut c_void,
        b"deflateSetDictionary" => set_dictionary as *mut c_void,
        b"deflateGetDictionary" => get_dictionary as *mut c_void,
        b"deflateSetHeader" => set_header as *mut c_void,
        b"deflatePrime" => prime as *mut c_void,
        b"deflatePending" => pending as *mut c_void,
        b"deflateCopy" => copy as *mut c_void,
        b"deflateBound" => bound as *mut c_void,
        b"inflate" => inflate as *mut c_void,
        _ => return buffer::instead_of(name),
    })
}

fn guarded(body: impl FnOnce() -> Option<c_int>) -> Option<c_int> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Some(STREAM_ERROR))
}

/// # Safety
/// The contract of zlib's function of that name, as that of all here.
pub unsafe extern "C-unwind" fn deflate(z: *mut ZStream, flush: c_int) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract: nobody else uses the stream.
    let done = guarded(|| unsafe { deflate_taken(zlib, z, flush) });
    done.unwrap_or_else(|| {
        // SAFETY: as above.
        unsafe { unswept::sweep(z) };
        // SAFETY: the caller's own arguments.
        unsafe { (zlib.deflate)(z, flush) }
    })
}

/// `None`: it is zlib's.
unsafe fn deflate_taken(zlib: &Originals, z: *mut ZStream, flush: c_int) -> Option<c_int> {
    // SAFETY: by this function's contract, which is the API's.
    let Some(mut taken) = (unsafe { Taken::open(z) }) else {
        // SAFETY: as above.
        if !unsafe { takeover::take(zlib, z, flush) } {
            return None;
        }
        // SAFETY: as above; it was just taken over.
        return Some(unsafe { takeover::write_header(zlib, z, flush) });
    };
    if taken.shadow.in_header {
        // SAFETY: as above.
        return Some(unsafe { takeover::write_header(zlib, z, flush) });
    }
    let result = taken.deflate(flush);
    let goes_back = taken.shadow.small_flushes >= MANY_FLUSHES && taken.shadow.collected == 0;
    taken.close();
    if goes_back {
        // SAFETY: as above.
        unsafe { takeover::hand_over(zlib, z, Reason::Flushes) };
    }
    Some(result)
}

/// # Safety
/// See [`deflate`].
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C-unwind" fn init(
    z: *mut ZStream,
    level: c_int,
    method: c_int,
    bits: c_int,
    memory: c_int,
    strategy: c_int,
    version: *const c_char,
    size: c_int,
) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the caller's own arguments.
    let init = || unsafe { (zlib.init)(z, level, method, bits, memory, strategy, version, size) };
    unswept::initialising(z, init)
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn end(z: *mut ZStream) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    unsafe { takeover::give_back(z) };
    // SAFETY: the caller's own arguments.
    unsafe { (zlib.end)(z) }
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn reset(z: *mut ZStream) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    let was_taken = unsafe { takeover::give_back(z) };
    // SAFETY: the caller's own arguments.
    unsafe { unswept::reset(zlib, z, was_taken) }
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn reset_keep(z: *mut ZStream) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    guarded(|| unsafe { leave(zlib, z) });
    // SAFETY: the caller's own arguments.
    unsafe { (zlib.reset_keep)(z) }
}

/// Gives a stream back, wherever it stands; what was collected becomes history.
unsafe fn leave(zlib: &Originals, z: *mut ZStream) -> Option<c_int> {
    // SAFETY: by this function's contract, which is the API's.
    let taken = unsafe { Taken::open(z) }?;
    let in_header = taken.shadow.in_header;
    taken.close();
    if in_header {
        // SAFETY: as above.
        unsafe { takeover::give_back(z) };
    } else {
        // SAFETY: as above.
        unsafe { takeover::hand_over(zlib, z, Reason::Changed) };
    }
    None
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn params(z: *mut ZStream, level: c_int, strategy: c_int) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    let done = guarded(|| unsafe { params_taken(zlib, z, level, strategy) });
    done.unwrap_or_else(|| {
        // SAFETY: the API's contract.
        unsafe { unswept::sweep(z) };
        // SAFETY: the caller's own arguments.
        unsafe { (zlib.params)(z, level, strategy) }
    })
}

unsafe fn params_taken(
    zlib: &Originals,
    z: *mut ZStream,
    level: c_int,
    strategy: c_int,
) -> Option<c_int> {
    // SAFETY: by this function's contract, which is the API's.
    let mut taken = unsafe { Taken::open(z) }?;
    if taken.shadow.in_header {
        taken.unmask();
        return None;
    }
    let level = if level == -1 { 6 } else { level };
    if !(0..=9).contains(&level) || !(0..=LAST_STRATEGY).contains(&strategy) {
        return Some(STREAM_ERROR);
    }
    let (level_before, strategy_before) = taken.set_up();
    let is_other = strategy != strategy_before || function_of(level) != function_of(level_before);
    if is_other {
        let flushed = taken.deflate(BLOCK);
        let has_input = taken.has_input();
        taken.close();
        if flushed == STREAM_ERROR {
            return Some(STREAM_ERROR);
        }
        if has_input {
            return Some(BUF_ERROR);
        }
        // SAFETY: as above.
        unsafe { takeover::hand_over(zlib, z, Reason::Changed) };
    } else {
        taken.close();
    }
    // What zlib would flush is flushed. It flushes nothing for a stream that has not begun.
    // SAFETY: by this function's contract.
    let state = unsafe { (*z).state };
    // SAFETY: the state of a stream that was taken over.
    let flush = unsafe { std::mem::replace(&mut (*state).last_flush, NOT_BEGUN) };
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.params)(z, level, strategy) };
    // SAFETY: as above.
    let result = unsafe { takeover::unmasked(z, call) };
    // SAFETY: as above.
    unsafe { (*state).last_flush = flush };
    Some(result)
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn tune(
    z: *mut ZStream,
    good: c_int,
    lazy: c_int,
    nice: c_int,
    chain: c_int,
) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.tune)(z, good, lazy, nice, chain) };
    // SAFETY: the API's contract. How zlib looks for matches changes nothing for ISA-L.
    unsafe { takeover::unmasked(z, call) }
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn set_dictionary(
    z: *mut ZStream,
    dictionary: *const u8,
    len: c_uint,
) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    let done = guarded(|| {
        // SAFETY: the API's contract.
        let mut taken = unsafe { Taken::open(z) }?;
        let wrap = taken.state().wrap;
        if taken.shadow.in_header {
            taken.unmask();
            return None;
        }
        if dictionary.is_null() || wrap > 0 || taken.shadow.collected > 0 {
            return Some(STREAM_ERROR);
        }
        // SAFETY: as above.
        unsafe { takeover::hand_over(zlib, z, Reason::Changed) };
        None
    });
    done.unwrap_or_else(|| {
        // SAFETY: the API's contract.
        unsafe { unswept::sweep(z) };
        // SAFETY: the caller's own arguments.
        unsafe { (zlib.set_dictionary)(z, dictionary, len) }
    })
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn get_dictionary(
    z: *mut ZStream,
    dictionary: *mut u8,
    len: *mut c_uint,
) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    let taken = unsafe { Taken::open(z) }.filter(|taken| !taken.shadow.in_header);
    let Some(mut taken) = taken else {
        // SAFETY: the caller's own arguments, on a stream of zlib's.
        let call = || unsafe { (zlib.get_dictionary)(z, dictionary, len) };
        // SAFETY: the API's contract.
        return unsafe { takeover::unmasked(z, call) };
    };
    let bytes = taken.dictionary();
    if !dictionary.is_null() {
        // SAFETY: the API's contract: room for 32 KiB, which is the most that there is.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), dictionary, bytes.len()) };
    }
    // SAFETY: the API's contract: null, or a place.
    if let Some(len) = unsafe { len.as_mut() } {
        *len = bytes.len() as c_uint;
    }
    taken.close();
    OK
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn set_header(z: *mut ZStream, header: *mut c_void) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.set_header)(z, header) };
    // SAFETY: the API's contract.
    unsafe { takeover::unmasked(z, call) }
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn prime(z: *mut ZStream, bits: c_int, value: c_int) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    let done = guarded(|| {
        // SAFETY: the API's contract.
        let mut taken = unsafe { Taken::open(z) }?;
        if taken.shadow.in_header {
            taken.unmask();
            return None;
        }
        let is_settled = taken.settle();
        taken.close();
        if !is_settled {
            return Some(BUF_ERROR);
        }
        // SAFETY: as above.
        unsafe { takeover::hand_over(zlib, z, Reason::Changed) };
        None
    });
    // SAFETY: the caller's own arguments.
    done.unwrap_or_else(|| unsafe { (zlib.prime)(z, bits, value) })
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn pending(
    z: *mut ZStream,
    pending: *mut c_uint,
    bits: *mut c_int,
) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.pending)(z, pending, bits) };
    // SAFETY: the API's contract.
    unsafe { takeover::unmasked(z, call) }
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn copy(to: *mut ZStream, from: *mut ZStream) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract.
    let is_taken = unsafe { Taken::open(from) }.is_some();
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.copy)(to, from) };
    // SAFETY: as above.
    let result = unsafe { takeover::unmasked(from, call) };
    if is_taken && result == OK {
        // SAFETY: zlib has copied the window, and the shadow with it.
        unsafe { takeover::mask_again(to) };
    }
    result
}

/// # Safety
/// See [`deflate`].
pub unsafe extern "C-unwind" fn bound(z: *mut ZStream, len: c_ulong) -> c_ulong {
    let Some(zlib) = originals() else { return len + (len >> 3) + 64 };
    // SAFETY: the caller's own arguments, on a stream of zlib's.
    let call = || unsafe { (zlib.bound)(z, len) };
    // SAFETY: the API's contract. What zlib promises, a piece keeps (`piece`).
    unsafe { takeover::unmasked(z, call) }
}
