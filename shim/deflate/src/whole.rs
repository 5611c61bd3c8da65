//! A stream that is one whole buffer, compressed by somebody else.
//!
//! ```text
//!  plan:  the stream has not begun, and this call brings all of it ──> what is to be compressed, and the room for it
//!  ...    somebody makes raw deflate of it; the stream is not touched, and the call may still be zlib's
//!  end:   zlib writes the header ── the blocks go into its pending_buf ── zlib puts them out, and the trailer
//! ```
//!
//! The stream stays zlib's own, before and after: `end` leaves it where zlib would, had it compressed the same
//! input to these blocks, with the output as far as there is room for it. So whatever is called next
//! (`deflate` for the rest, `deflateReset`, `deflateCopy`, `deflateEnd`) is zlib's business. It is the way of
//! [`crate::libdeflate`] with a stream that was taken over, but for the mask, which nobody needs here.
//!
//! Must not: be told lies. Blocks are put out as they are.

use std::ffi::{c_int, c_uint, c_ulong};

use crate::policy::Compressor;
use crate::scan;
use crate::scan::kind_of;
use crate::state::{BUSY, FINISHED, State, is_as_known};
use crate::takeover::{is_first, is_plain, is_wrong, why_in_pieces};
use crate::unswept;
use crate::zlib::{self, FINISH, NO_FLUSH, Originals, ZStream, originals};

/// So much room there has to be in the first call: zlib's header goes out whole.
const HEADER: c_uint = 16;

/// What is to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// zlib's level, 1 to 9.
    pub level: u8,
    /// No match is to be from farther back than `1 << window_bits` bytes. (None can be: 15 bits are all of
    /// deflate's, and what has fewer is no longer than that.)
    pub window_bits: u8,
    /// So many bytes of blocks may come of it; stored, it fits.
    pub room: usize,
}

/// Is the stream, with this call, one whole buffer that others may compress? All of its input is `avail_in`.
///
/// # Safety
/// `z` is null, or a stream that nobody else uses now.
#[must_use]
pub unsafe fn plan(z: *mut ZStream, flush: c_int) -> Option<Whole> {
    let zlib = originals()?;
    // SAFETY: by this function's contract.
    let stream = unsafe { z.as_ref() }?;
    // SAFETY: null, or the state of a stream, whose beginning every zlib has.
    let state = unsafe { stream.state.as_ref() }?;
    // Most calls end here: no probing for a stream that has begun.
    if flush != FINISH || !is_first(z, state) || is_wrong(stream, flush) {
        return None;
    }
    if !is_as_known(zlib) || is_plain(zlib, z, stream, state).is_err() {
        return None;
    }
    let is_whole = why_in_pieces(stream, state, flush, Compressor::Zlib).is_none();
    let has_room = stream.avail_out >= HEADER && !state.has_header();
    let level = u8::try_from(state.level).ok().filter(|level| *level > 0)?;
    (is_whole && has_room).then_some(Whole {
        level,
        window_bits: state.w_bits as u8,
        room: state.pending_buf_size as usize,
    })
}

/// Ends a stream that [`plan`] has found whole, with its input compressed to `blocks`: the result of the call.
/// `input` is what lies at `next_in`. `None`: nothing has happened, and zlib can do it.
///
/// # Safety
/// `z` is a stream that nobody else uses now, in the state in which `plan` has found it.
#[must_use]
pub unsafe fn end(z: *mut ZStream, input: &[u8], blocks: &[u8]) -> Option<c_int> {
    let zlib = originals()?;
    // SAFETY: by this function's contract.
    let stream = unsafe { z.as_mut() }?;
    // SAFETY: as above: it has a state.
    let room = unsafe { stream.state.as_ref() }?.pending_buf_size as usize;
    if blocks.is_empty() || blocks.len() > room || input.len() != stream.avail_in as usize {
        return None;
    }
    let is_begun = write_header(zlib, stream);
    // SAFETY: as above; the borrow of before has ended.
    let state = unsafe { stream.state.as_mut() }?;
    if is_begun && state.status == BUSY && state.pending == 0 {
        load(stream, state, input, blocks);
    }
    // Else zlib goes on with what it has begun.
    // SAFETY: by this function's contract.
    unsafe { unswept::sweep(z) };
    // SAFETY: a consistent stream, with the application's buffers.
    Some(unsafe { (zlib.deflate)(z, FINISH) })
}

/// zlib writes it where it has no input.
fn write_header(zlib: &Originals, stream: &mut ZStream) -> bool {
    let input = std::mem::take(&mut stream.avail_in);
    // SAFETY: a consistent stream without input: all that is done is the header.
    let result = unsafe { (zlib.deflate)(stream, NO_FLUSH) };
    stream.avail_in = input;
    result == zlib::OK
}

/// The blocks become zlib's pending output, and the input what it has compressed.
fn load(stream: &mut ZStream, state: &mut State, input: &[u8], blocks: &[u8]) {
    // SAFETY: zlib's buffer, which is empty and has room for them, by `end`.
    unsafe { std::ptr::copy_nonoverlapping(blocks.as_ptr(), state.pending_buf, blocks.len()) };
    state.pending_out = state.pending_buf;
    state.pending = blocks.len() as c_ulong;
    state.status = FINISHED;
    // `deflateGetDictionary` may be asked for what was last.
    let last = input.len().saturating_sub(state.w_size as usize);
    let last = input.get(last..).unwrap_or_default();
    // SAFETY: the window has twice as many bytes.
    unsafe { std::ptr::copy_nonoverlapping(last.as_ptr(), state.window, last.len()) };
    state.strstart = last.len() as c_uint;
    state.block_start = last.len() as zlib::Long;
    match state.wrap {
        1 => stream.adler = scan::adler32(stream.adler as u32, input).into(),
        2 => stream.adler = scan::crc32(stream.adler as u32, input).into(),
        _ => {}
    }
    if stream.data_type == zlib::UNKNOWN {
        stream.data_type = kind_of(input);
    }
    // SAFETY: so many bytes lie there, by `end`.
    stream.next_in = unsafe { stream.next_in.add(input.len()) };
    stream.avail_in = 0;
    stream.total_in = stream.total_in.wrapping_add(input.len() as c_ulong);
}
