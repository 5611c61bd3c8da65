//! From zlib to the shadow and back.
//!
//! A stream is zlib's own until its first call of `deflate` that brings input. Then what it is set up for is
//! read from its state, and either it is taken over, before its first byte, or it stays zlib's. zlib
//! itself writes the header of a stream that was taken over.
//!
//! A stream whose first call brings all of its input and ends it is one whole buffer, for which the policy may
//! choose otherwise. Should the application change its mind before the header is out, it is a stream
//! like any other.
//!
//! It goes back at a flush, where all input is compressed: a zlib stream that is reset, with the history as
//! its dictionary and the same output pending, would have come to the same place.

use std::ffi::{c_int, c_uint};
use std::sync::OnceLock;

use crate::event::{Event, Pieces, Reason, happened};
use crate::libdeflate;
use crate::piece::SHORTEST_WHOLE;
use crate::policy::{Choice, Compressor, Policy};
use crate::shadow::{IN_PIECES, MASK, Shadow};
use crate::state::{self, BUSY, GZIP, INIT, NOT_BEGUN, State};
use crate::taken::Taken;
use crate::unswept;
use crate::zlib::{self, BLOCK, DEFAULT_STRATEGY, FINISH, NO_FLUSH, Originals, ZStream};

static POLICY: OnceLock<Policy> = OnceLock::new();

/// Turns it on. The first policy counts.
pub(crate) fn start(policy: Policy) {
    // A second one is ignored.
    let _ = POLICY.set(policy);
}

/// The policy, once it is on.
pub(crate) fn policy() -> Option<Policy> {
    POLICY.get().copied()
}

/// The smallest `pending_buf` that is worth it, in bytes.
const LEAST_PENDING: u64 = 1024;
/// After so many small flushes in a row a stream is handed over.
pub(crate) const MANY_FLUSHES: u8 = 8;

/// Takes the stream over if this is the time for it, and it can be. True: it was.
///
/// # Safety
/// `z` is null, or a stream that nobody else uses now.
pub(crate) unsafe fn take(zlib: &Originals, z: *mut ZStream, flush: c_int) -> bool {
    let Some(policy) = POLICY.get() else { return false };
    // SAFETY: by this function's contract.
    let Some(stream) = (unsafe { z.as_ref() }) else { return false };
    // SAFETY: null, or the state of a stream, whose beginning every zlib has.
    let Some(state) = (unsafe { stream.state.as_ref() }) else { return false };
    if !is_first(z, state) || is_wrong(stream, flush) {
        return false;
    }
    let taken = examine(zlib, z, stream, state, *policy)
        .and_then(|choice| is_whole(stream, state, flush, choice).map(|whole| (choice, whole)));
    match taken {
        Ok((choice, whole)) => {
            let shadow = Shadow::new(state.status, state.strstart, choice, whole);
            let place = stream.state;
            // SAFETY: by this function's contract; the borrows above have ended.
            if let Some(state) = unsafe { place.as_mut() } {
                mask(state, shadow);
                happened(Event::Taken);
            }
            true
        }
        Err(reason) => {
            happened(Event::Left(reason));
            false
        }
    }
}

/// Is this the first call of `deflate` for the stream?
pub(crate) fn is_first(z: *mut ZStream, state: &State) -> bool {
    state.stream == z && matches!(state.status, INIT | GZIP) && state.last_flush == NOT_BEGUN
}

/// Will zlib refuse this call whatever the stream has come to?
pub(crate) fn is_wrong(stream: &ZStream, flush: c_int) -> bool {
    !(NO_FLUSH..=BLOCK).contains(&flush)
        || stream.next_out.is_null()
        || (stream.avail_in != 0 && stream.next_in.is_null())
        || stream.avail_out == 0
}

/// What compresses a stream that has not begun.
fn examine(
    zlib: &Originals,
    z: *mut ZStream,
    stream: &ZStream,
    state: &State,
    policy: Policy,
) -> Result<Choice, Reason> {
    if !state::is_as_known(zlib) {
        return Err(Reason::Version);
    }
    let choice = policy.choose(state.level);
    if choice == (Choice { pieces: Compressor::Zlib, whole: Compressor::Zlib }) {
        return Err(Reason::Level);
    }
    is_plain(zlib, z, stream, state)?;
    Ok(choice)
}

/// Is a stream that has not begun set up like most, so that others can compress for it? The reason where not. The
/// loaded zlib is known.
pub(crate) fn is_plain(
    zlib: &Originals,
    z: *mut ZStream,
    stream: &ZStream,
    state: &State,
) -> Result<(), Reason> {
    if state.strategy != DEFAULT_STRATEGY {
        return Err(Reason::Strategy);
    }
    if state.pending_buf_size < LEAST_PENDING || state.pending_buf_size * 2 < state.w_size.into() {
        return Err(Reason::Memory);
    }
    let (mut pending, mut bits) = (0, 0);
    // SAFETY: a stream of zlib's own, and two places.
    unsafe { (zlib.pending)(z, &raw mut pending, &raw mut bits) };
    let is_fresh = (pending, bits) == (0, 0)
        && state.block_start == state.strstart.into()
        && (state.lookahead, state.match_available) == (0, 0)
        && state.strstart <= state.w_size
        && !state.is_tuned();
    if !is_fresh {
        return Err(Reason::Prepared);
    }
    if stream.avail_in == 0 {
        return Err(Reason::NoInput);
    }
    Ok(())
}

/// Is the stream one whole buffer that is compressed as such? The reason where neither is for us.
fn is_whole(stream: &ZStream, state: &State, flush: c_int, choice: Choice) -> Result<bool, Reason> {
    let why = why_in_pieces(stream, state, flush, choice.whole);
    let chosen = if why.is_none() { choice.whole } else { choice.pieces };
    if let (Some(why), Compressor::Libdeflate(_)) = (why, choice.whole) {
        happened(Event::InPieces(why));
    }
    if chosen == Compressor::Zlib { Err(Reason::Level) } else { Ok(why.is_none()) }
}

/// Why a stream that has not begun is no whole buffer, if this is its first call.
pub(crate) fn why_in_pieces(
    stream: &ZStream,
    state: &State,
    flush: c_int,
    compressor: Compressor,
) -> Option<Pieces> {
    let len = stream.avail_in as usize;
    if flush != FINISH {
        Some(Pieces::Unfinished)
    } else if len > state.longest() {
        Some(Pieces::Long)
    } else if len < SHORTEST_WHOLE {
        Some(Pieces::Short)
    } else if len > state.w_size as usize && state.w_bits < 15 {
        Some(Pieces::Window)
    } else if state.strstart > 0 {
        Some(Pieces::History)
    } else if matches!(compressor, Compressor::Libdeflate(level) if !libdeflate::is_ready(level)) {
        Some(Pieces::Memory)
    } else {
        None
    }
}

fn mask(state: &mut State, shadow: Shadow) {
    shadow.store(state);
    state.status = MASK;
}

/// Has one of zlib's functions see the stream as zlib's own, and takes it back.
///
/// # Safety
/// `z` is null, or a stream that nobody else uses now.
pub(crate) unsafe fn unmasked<T>(z: *mut ZStream, call: impl FnOnce() -> T) -> T {
    // SAFETY: by this function's contract.
    let Some(taken) = (unsafe { Taken::open(z) }) else { return call() };
    taken.unmask();
    let result = call();
    // SAFETY: by this function's contract.
    unsafe { mask_again(z) };
    result
}

/// Takes a stream back that was unmasked, and whose shadow lies there still.
///
/// # Safety
/// As [`unmasked`].
pub(crate) unsafe fn mask_again(z: *mut ZStream) {
    // SAFETY: by this function's contract.
    let Some(stream) = (unsafe { z.as_ref() }) else { return };
    // SAFETY: the state of a stream.
    let Some(state) = (unsafe { stream.state.as_mut() }) else { return };
    if let Some(mut shadow) = Shadow::load(state) {
        shadow.status = state.status;
        mask(state, shadow);
    }
}

/// Gives a stream back to zlib whose header is not written yet, or that is about to be reset or ended. True: it was
/// taken over.
///
/// # Safety
/// As [`unmasked`].
pub(crate) unsafe fn give_back(z: *mut ZStream) -> bool {
    // SAFETY: by this function's contract.
    let taken = unsafe { Taken::open(z) };
    taken.map(Taken::unmask).is_some()
}

/// `deflate`, as long as the header is not written: zlib writes it.
///
/// # Safety
/// As [`unmasked`]; the stream was taken over.
pub(crate) unsafe fn write_header(zlib: &Originals, z: *mut ZStream, flush: c_int) -> c_int {
    // SAFETY: by this function's contract.
    let input = unsafe { (*z).avail_in };
    // SAFETY: as above.
    let wrong = is_wrong(unsafe { &*z }, flush);
    let step = || {
        if wrong {
            // SAFETY: the application's own call, which is refused.
            return unsafe { (zlib.deflate)(z, flush) };
        }
        // SAFETY: as above.
        unsafe { (*z).avail_in = 0 };
        // SAFETY: a stream without input: all that is done is the header.
        let result = unsafe { (zlib.deflate)(z, NO_FLUSH) };
        // SAFETY: as above.
        unsafe { (*z).avail_in = input };
        result
    };
    // SAFETY: by this function's contract.
    let result = unsafe { unmasked(z, step) };
    // SAFETY: by this function's contract.
    let Some(mut taken) = (unsafe { Taken::open(z) }) else { return result };
    let is_busy = taken.shadow.status == BUSY;
    let state = taken.state();
    let is_written = is_busy && state.pending == 0 && state.last_flush != -1;
    if wrong || result != zlib::OK || !is_written {
        return result;
    }
    if taken.shadow.whole != IN_PIECES {
        let compressor = Compressor::of_code(taken.shadow.whole);
        if why_in_pieces(taken.z, taken.s, flush, compressor).is_some() {
            happened(Event::InPieces(Pieces::Changed));
            taken.shadow.whole = IN_PIECES;
            if taken.shadow.pieces == Compressor::Zlib.code() {
                taken.unmask();
                // SAFETY: by this function's contract.
                return unsafe { go_on_with_zlib(zlib, z, flush) };
            }
        }
    }
    taken.state().last_flush = flush;
    taken.begin();
    let result = taken.go_on(flush);
    taken.close();
    result
}

/// `deflate` for a stream that was given back when its header was written.
///
/// # Safety
/// As [`unmasked`].
unsafe fn go_on_with_zlib(zlib: &Originals, z: *mut ZStream, flush: c_int) -> c_int {
    happened(Event::HandedOver(Reason::Pieces));
    // SAFETY: by this function's contract.
    let stream = unsafe { &mut *z };
    // SAFETY: the state of a stream that was taken over.
    let state = unsafe { &mut *stream.state };
    // What is done so far is the same call's.
    state.last_flush = -1;
    // zlib would go on without room; a call of its own may not.
    if stream.avail_out == 0 {
        return zlib::OK;
    }
    // SAFETY: a stream of zlib's.
    unsafe { unswept::sweep(z) };
    // SAFETY: the application's own call, the rest of it.
    unsafe { (zlib.deflate)(z, flush) }
}

/// Gives a stream back to zlib at a flush: nothing may be collected.
///
/// # Safety
/// As [`unmasked`].
pub(crate) unsafe fn hand_over(zlib: &Originals, z: *mut ZStream, reason: Reason) {
    // SAFETY: by this function's contract.
    let Some(mut taken) = (unsafe { Taken::open(z) }) else { return };
    let history = taken.dictionary().to_vec();
    let status = taken.shadow.status;
    taken.unmask();
    // SAFETY: by this function's contract.
    let before = unsafe { *z };
    // SAFETY: the state of a stream that was taken over.
    let state = unsafe { before.state.read() };
    // SAFETY: a stream of zlib's.
    unsafe { (zlib.reset)(z) };
    if !history.is_empty() {
        // A stream with a wrapper takes a dictionary at its beginning only.
        // SAFETY: the same state; `deflateReset` does not move it.
        unsafe { (*before.state).wrap = 0 };
        let len = history.len() as c_uint;
        // SAFETY: as above, and so many bytes.
        unsafe { (zlib.set_dictionary)(z, history.as_ptr(), len) };
    }
    // SAFETY: as above.
    let now = unsafe { &mut *before.state };
    now.wrap = state.wrap;
    now.status = status;
    now.last_flush = state.last_flush;
    now.pending = state.pending;
    now.pending_out = state.pending_out;
    // SAFETY: by this function's contract.
    unsafe { *z = before };
    happened(Event::HandedOver(reason));
}
