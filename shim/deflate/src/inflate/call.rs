//! A call of `inflate`: zlib and the decoder by turns.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decoder::with_decoder;
use super::probe::is_as_known;
use super::run::{Run, Session};
use super::state::{
    BAD, CHECK, COPY, DISTEXT, HEAD, LEN, LEN_, LENEXT, LIT, MATCH, MEM, STORED, State, TYPE,
    TYPEDO,
};
use crate::event::{Event, Left, happened};
use crate::zlib::{
    BLOCK, BUF_ERROR, FINISH, MEM_ERROR, NO_FLUSH, OK, Originals, STREAM_ERROR, TREES, ZStream,
    originals,
};

/// With less input than this, in bytes, zlib is as fast.
const LEAST_INPUT: u32 = 256;
/// With less room for output.
const LEAST_ROOM: u32 = 1024;

/// In `data_type`: between two blocks.
const AT_BLOCK: c_int = 128;

/// zlib's function of that name.
///
/// # Safety
/// The contract of zlib's.
pub unsafe extern "C-unwind" fn inflate(z: *mut ZStream, flush: c_int) -> c_int {
    let Some(zlib) = originals() else { return STREAM_ERROR };
    // SAFETY: the API's contract: nobody else uses the stream.
    let body = AssertUnwindSafe(|| unsafe { decoded(zlib, z, flush) });
    let done = catch_unwind(body).unwrap_or(Some(STREAM_ERROR));
    // SAFETY: the caller's own arguments.
    done.unwrap_or_else(|| unsafe { (zlib.inflate)(z, flush) })
}

/// `None`: it is zlib's call.
unsafe fn decoded(zlib: &Originals, z: *mut ZStream, flush: c_int) -> Option<c_int> {
    // SAFETY: by this function's contract, which is the API's.
    match unsafe { examine(zlib, z, flush) } {
        Ok(()) => {}
        Err(left) => {
            if let Some(why) = left {
                happened(Event::NotDecoded(why));
            }
            return None;
        }
    }
    with_decoder(|decoder| {
        let mut session = Session::new(zlib, z, decoder);
        let (result, left) = play(&mut session, flush);
        let is_decoded = session.decoded > 0;
        happened(if is_decoded { Event::Decoded } else { Event::NotDecoded(left) });
        Some(result)
    })
}

/// Is this a call for the decoder? If not: why, unless zlib refuses it anyway.
unsafe fn examine(zlib: &Originals, z: *mut ZStream, flush: c_int) -> Result<(), Option<Left>> {
    // SAFETY: null, or a stream.
    let stream = unsafe { z.as_ref() }.ok_or(None)?;
    if stream.next_in.is_null() || stream.next_out.is_null() || stream.state.is_null() {
        return Err(None);
    }
    if stream.avail_in < LEAST_INPUT || stream.avail_out < LEAST_ROOM {
        return Err(Some(Left::Little));
    }
    if flush == BLOCK || flush == TREES {
        return Err(Some(Left::Blocks));
    }
    if !is_as_known(zlib) {
        return Err(Some(Left::Unknown));
    }
    let state = stream.state.cast::<State>();
    // SAFETY: a state of zlib's, be it of `inflate` or `deflate`: both begin with these two.
    let owner = unsafe { (*state).stream };
    // SAFETY: as above.
    let mode = unsafe { (*state).mode };
    if owner != z || !(HEAD..CHECK).contains(&mode) {
        return Err(None);
    }
    // SAFETY: by its mode, a state of `inflate`.
    if !has_full_window(unsafe { &*state }) {
        return Err(Some(Left::Window));
    }
    Ok(())
}

/// Is the window the longest that there is, or will it be what the header says? In a shorter one zlib refuses
/// distances that ISA-L does not. (`inflateSync` passes over a header that was to say it: the window has
/// one byte then.)
fn has_full_window(state: &State) -> bool {
    state.wbits == 15 || (state.wbits == 0 && state.mode == HEAD)
}

/// The call's result, and why the decoder has not gone on.
fn play(session: &mut Session<'_>, flush: c_int) -> (c_int, Left) {
    let begun = session.stream();
    let begun_mode = session.state().mode;
    let had_window = session.state().wsize != 0;
    let mut left = Left::Stored;
    let mut early = None;
    loop {
        let before = session.stream();
        let mode = session.state().mode;
        let is_enough = before.avail_in >= LEAST_INPUT && before.avail_out >= LEAST_ROOM;
        if !is_enough || !has_full_window(session.state()) {
            break;
        }
        match mode {
            LEN_ | LEN | MATCH | LIT => match session.run() {
                Run::Block => {}
                Run::Enough => break,
                Run::Little => {
                    left = Left::Little;
                    break;
                }
                Run::Refused => {
                    left = Left::Refused;
                    break;
                }
            },
            TYPE | TYPEDO if session.state().last != 0 => break,
            CHECK.. => break,
            // zlib copies, and would make a window, which it may not need at the call's end.
            STORED..=COPY if !had_window && flush == FINISH => break,
            STORED..=COPY => {
                session.keep_window();
                if !session.show() {
                    return (no_memory(session), left);
                }
                early = zlib_goes_on(session, TREES);
            }
            LENEXT..=DISTEXT => early = nudge(session),
            _ => early = zlib_goes_on(session, TREES),
        }
        let now = session.stream();
        let is_stuck = (now.avail_in, now.avail_out) == (before.avail_in, before.avail_out)
            && session.state().mode == mode;
        if early.is_some() || is_stuck {
            break;
        }
    }
    let is_further = begun_mode != TYPE || session.stream().avail_in != begun.avail_in;
    let is_between = is_further && session.state().mode == TYPE;
    let result = early.unwrap_or_else(|| end(session, &begun, flush));
    if is_between && session.state().mode == TYPEDO {
        // It has come to the end of a block in this call, which zlib shows until it is called again.
        session.state().mode = TYPE;
        // SAFETY: the application's stream.
        unsafe { (*session.z).data_type |= AT_BLOCK };
    }
    (if settle(session, had_window, flush) { result } else { no_memory(session) }, left)
}

/// The window has this call's output, or has it not, as it would have after one call of zlib's. False: no memory.
fn settle(session: &mut Session<'_>, had_window: bool, flush: c_int) -> bool {
    let message = session.stream().message;
    let State { mode, wrap, .. } = *session.state();
    if mode == MEM {
        return true;
    }
    // Where zlib has checked the trailer, it has forgotten how much the call has put out.
    // SAFETY: null, or one of zlib's texts.
    let text = (!message.is_null()).then(|| unsafe { CStr::from_ptr(message) });
    let is_refused = matches!(
        text.map(CStr::to_bytes),
        Some(b"incorrect data check" | b"incorrect length check")
    );
    let is_checked = wrap != 0 && ((CHECK + 1..BAD).contains(&mode) || mode == BAD && is_refused);
    let goes_on = mode < BAD && (mode < CHECK || flush != FINISH);
    if !is_checked && (had_window || goes_on) {
        return session.show();
    }
    session.restore_window();
    true
}

/// One step of zlib's; an answer other than that there is more to be done.
fn zlib_goes_on(session: &Session<'_>, flush: c_int) -> Option<c_int> {
    // SAFETY: the application's stream, with its own buffers.
    let result = unsafe { (session.zlib.inflate)(session.z, flush) };
    (result != OK && result != BUF_ERROR).then_some(result)
}

/// zlib reads the rest of the symbol in whose midst it is: without room it stops there.
fn nudge(session: &Session<'_>) -> Option<c_int> {
    let room = session.stream().avail_out;
    // SAFETY: the application's stream.
    unsafe { (*session.z).avail_out = 0 };
    let early = zlib_goes_on(session, NO_FLUSH);
    // SAFETY: as above.
    unsafe { (*session.z).avail_out = room };
    early
}

/// zlib ends the call, and says what it would say of all of it.
fn end(session: &mut Session<'_>, begun: &ZStream, flush: c_int) -> c_int {
    let State { mode, last, .. } = *session.state();
    let only_trailer = mode >= CHECK || (last != 0 && matches!(mode, TYPE | TYPEDO));
    if !only_trailer && !session.show() {
        return no_memory(session);
    }
    // SAFETY: the application's stream, with its own buffers.
    let result = unsafe { (session.zlib.inflate)(session.z, flush) };
    let now = session.stream();
    let is_further = (now.avail_in, now.avail_out) != (begun.avail_in, begun.avail_out);
    if result == BUF_ERROR && flush != FINISH && is_further { OK } else { result }
}

/// What zlib does where it finds no memory for its window at a call's end.
fn no_memory(session: &mut Session<'_>) -> c_int {
    session.state().mode = MEM;
    MEM_ERROR
}
