//! `deflate` for a stream that was taken over: zlib's own function (`deflate.c` of 1.2.13), step by step,
//! with pieces of ISA-L's or libdeflate's in place of its blocks.
//!
//! Output goes through zlib's `pending_buf`, and a piece is compressed only when that is empty, as there. So
//! what is returned when is zlib's, whatever the sizes are.
//!
//! Must not: call zlib, allocate (but for what compresses), or keep anything outside of the stream.

use std::ffi::{c_int, c_uint, c_ulong};

use crate::event::{Event, happened};
use crate::isal::End;
use crate::piece::{self, MARKER, Piece, Way};
use crate::policy::Compressor;
use crate::scan::{adler32, crc32, kind_of};
use crate::shadow::{IN_PIECES, Last, MASK, Shadow};
use crate::state::{BUSY, FINISHED, State};
use crate::zlib::{self, BLOCK, BUF_ERROR, FINISH, FULL_FLUSH, NO_FLUSH, OK, STREAM_END, ZStream};

/// zlib's `block_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    NeedMore,
    BlockDone,
    FinishStarted,
    FinishDone,
}

/// Where a piece lies.
#[derive(Debug, Clone, Copy)]
enum From {
    /// In the window, behind the history.
    Collected,
    /// Where the application has it.
    Caller,
}

/// A stream that was taken over, for the time of one call.
pub(crate) struct Taken<'a> {
    pub(crate) z: &'a mut ZStream,
    pub(crate) s: &'a mut State,
    pub(crate) shadow: Shadow,
}

impl<'a> Taken<'a> {
    /// The stream, if it was taken over.
    ///
    /// # Safety
    /// `z` is null, or a stream that nobody else uses during `'a`.
    #[inline]
    pub(crate) unsafe fn open(z: *mut ZStream) -> Option<Self> {
        // SAFETY: null, or a stream, by this function's contract.
        let z = unsafe { z.as_mut() }?;
        let address = std::ptr::from_mut(z);
        // SAFETY: null, or the state of a stream, whose beginning every zlib has.
        let s = unsafe { z.state.as_mut() }?;
        if s.status != MASK || s.stream != address {
            return None;
        }
        let shadow = Shadow::load(s)?;
        Some(Self { z, s, shadow })
    }

    /// Ends the use: what has changed is kept.
    pub(crate) fn close(self) {
        self.shadow.store(self.s);
    }

    /// `deflate`, once the header is written.
    pub(crate) fn deflate(&mut self, flush: c_int) -> c_int {
        let is_finished = self.shadow.status == FINISHED;
        if !(NO_FLUSH..=BLOCK).contains(&flush) {
            return zlib::STREAM_ERROR;
        }
        let z = &*self.z;
        if z.next_out.is_null()
            || (z.avail_in != 0 && z.next_in.is_null())
            || (is_finished && flush != FINISH)
        {
            return self.fails(zlib::STREAM_ERROR);
        }
        if z.avail_out == 0 {
            return self.fails(BUF_ERROR);
        }
        let before = std::mem::replace(&mut self.s.last_flush, flush);
        if self.s.pending != 0 {
            self.flush_pending();
            if self.is_out_full() {
                return OK;
            }
        } else if self.z.avail_in == 0 && zlib::rank(flush) <= zlib::rank(before) && flush != FINISH
        {
            return self.fails(BUF_ERROR);
        }
        if is_finished && self.z.avail_in != 0 {
            return self.fails(BUF_ERROR);
        }
        self.go_on(flush)
    }

    /// The rest of `deflate`, from where it looks at its input.
    pub(crate) fn go_on(&mut self, flush: c_int) -> c_int {
        let is_finished = self.shadow.status == FINISHED;
        let has_input = self.z.avail_in != 0 || self.shadow.collected != 0;
        if has_input || (flush != NO_FLUSH && !is_finished) {
            let Some(progress) = self.compress(flush) else { return zlib::STREAM_ERROR };
            match progress {
                Progress::NeedMore => {
                    self.is_out_full();
                    return OK;
                }
                Progress::FinishStarted => {
                    self.shadow.status = FINISHED;
                    self.is_out_full();
                    return OK;
                }
                Progress::FinishDone => self.shadow.status = FINISHED,
                Progress::BlockDone => {
                    self.end_flush(flush);
                    if self.is_out_full() {
                        return OK;
                    }
                }
            }
        }
        if flush != FINISH {
            return OK;
        }
        self.end_stream()
    }

    fn fails(&mut self, error: c_int) -> c_int {
        self.z.message = zlib::message(error);
        error
    }

    /// Is there no room left? Then the next call is not the second in a row of its kind.
    fn is_out_full(&mut self) -> bool {
        let is_full = self.z.avail_out == 0;
        if is_full {
            self.s.last_flush = -1;
        }
        is_full
    }

    /// What ends a flush, where its piece has not put it out.
    fn end_flush(&mut self, flush: c_int) {
        let is_marked = std::mem::replace(&mut self.shadow.is_marked, false);
        if flush != BLOCK && !is_marked {
            self.put(&MARKER);
        }
        if flush == FULL_FLUSH {
            self.shadow.history = 0;
        }
        self.flush_pending();
    }

    fn end_stream(&mut self) -> c_int {
        if self.s.wrap <= 0 {
            return STREAM_END;
        }
        if self.s.pending == 0 {
            // Behind the blocks, where these are kept.
            let kept = self.shadow.last.blocks as usize;
            // SAFETY: within zlib's buffer: so many bytes were put out there.
            self.s.pending_out = unsafe { self.s.pending_buf.add(kept) };
        }
        let sum = self.z.adler as u32;
        if self.s.wrap == 2 {
            self.put(&sum.to_le_bytes());
            self.put(&(self.z.total_in as u32).to_le_bytes());
        } else {
            self.put(&sum.to_be_bytes());
        }
        self.flush_pending();
        // So that the trailer is written once.
        self.s.wrap = -self.s.wrap;
        if self.s.pending != 0 { OK } else { STREAM_END }
    }

    /// Compresses what there is, as far as `flush` asks for it and the output has room. `None`: something
    /// is not as it can be.
    fn compress(&mut self, flush: c_int) -> Option<Progress> {
        loop {
            let available = self.z.avail_in as usize;
            let longest = self.s.longest();
            if self.shadow.collected == 0 && available > 0 {
                if flush != NO_FLUSH && available <= longest {
                    return self.finish_piece(From::Caller, available, flush);
                }
                if available >= longest {
                    self.put_piece(From::Caller, longest, End::Flush)?;
                    if self.z.avail_out == 0 {
                        return Some(Progress::NeedMore);
                    }
                    continue;
                }
            }
            self.collect()?;
            if self.z.avail_in == 0 {
                if flush == NO_FLUSH {
                    return Some(Progress::NeedMore);
                }
                let collected = self.shadow.collected as usize;
                return self.finish_piece(From::Collected, collected, flush);
            }
            let collected = self.shadow.collected as usize;
            self.put_piece(From::Collected, collected, End::Flush)?;
            if self.z.avail_out == 0 {
                return Some(Progress::NeedMore);
            }
        }
    }

    /// The last piece of a flush, or of the stream.
    fn finish_piece(&mut self, from: From, len: usize, flush: c_int) -> Option<Progress> {
        if flush == FINISH {
            self.put_piece(from, len, End::Last)?;
            let is_full = self.z.avail_out == 0;
            return Some(if is_full { Progress::FinishStarted } else { Progress::FinishDone });
        }
        if len > 0 {
            let is_small = len < self.shadow.history as usize / 16;
            let piece = self.put_piece(from, len, End::Flush)?;
            self.shadow.is_marked = piece.is_marked;
            self.shadow.small_flushes =
                if is_small { self.shadow.small_flushes.saturating_add(1) } else { 0 };
            if self.z.avail_out == 0 {
                return Some(Progress::NeedMore);
            }
        }
        Some(Progress::BlockDone)
    }

    /// Input was taken: what the application sees of that.
    pub(crate) fn consume(&mut self, len: usize) {
        // SAFETY: `len` is at most `avail_in`, by the callers; so many bytes lie there.
        let bytes = unsafe { std::slice::from_raw_parts(self.z.next_in, len) };
        match self.s.wrap {
            1 => self.z.adler = adler32(self.z.adler as u32, bytes).into(),
            2 => self.z.adler = crc32(self.z.adler as u32, bytes).into(),
            _ => {}
        }
        // SAFETY: as above.
        self.z.next_in = unsafe { self.z.next_in.add(len) };
        self.z.avail_in -= len as c_uint;
        self.z.total_in = self.z.total_in.wrapping_add(len as c_ulong);
    }

    /// Compresses one piece into the empty `pending_buf`, and gives the application what it has room for.
    fn put_piece(&mut self, from: From, len: usize, end: End) -> Option<Piece> {
        if self.s.pending != 0 {
            return None;
        }
        let history_len = self.shadow.history as usize;
        // It is the only piece of its stream, where it is a whole buffer.
        let whole = std::mem::replace(&mut self.shadow.whole, IN_PIECES);
        let code = if whole == IN_PIECES { self.shadow.pieces } else { whole };
        let compressor = Compressor::of_code(code);
        let way = Way { compressor, window_bits: self.s.w_bits as u8 };
        // SAFETY: the window's first bytes, which are zlib's memory, initialised by `remember` or zlib.
        let history = unsafe { std::slice::from_raw_parts(self.s.window, history_len) };
        let start = match from {
            From::Caller => self.z.next_in,
            // SAFETY: `collect` has put `collected` bytes there, within the window.
            From::Collected => unsafe { self.s.window.add(history_len) },
        };
        // SAFETY: `len` bytes lie there: `avail_in`, or `collected`, is not less.
        let input = unsafe { std::slice::from_raw_parts(start, len) };
        let size = self.s.pending_buf_size as usize;
        // SAFETY: zlib's buffer of that size, which nothing else refers to.
        let output = unsafe { std::slice::from_raw_parts_mut(self.s.pending_buf, size) };
        if self.z.data_type == zlib::UNKNOWN {
            self.z.data_type = kind_of(input);
        }
        let piece = piece::compress(way, history, input, end, output)?;
        if piece.is_whole {
            happened(Event::Whole);
        }
        self.s.pending_out = self.s.pending_buf;
        self.s.pending = piece.len as c_ulong;
        self.shadow.is_marked = false;
        match from {
            From::Caller => {
                // Also at the end: `deflateGetDictionary` may be asked for it.
                if end == End::Last && history_len == 0 {
                    self.shadow.last = Last { blocks: piece.len as u32, input: len as u32 };
                } else {
                    self.remember_callers(len);
                }
                self.consume(len);
            }
            From::Collected => {
                self.shadow.collected = 0;
                self.shadow.history += len as u32;
                self.slide();
            }
        }
        self.flush_pending();
        Some(piece)
    }

    /// Adds to what is pending; there is room, by `longest`.
    fn put(&mut self, bytes: &[u8]) {
        let begun = self.s.pending_out.addr() - self.s.pending_buf.addr();
        let at = begun + self.s.pending as usize;
        if at + bytes.len() > self.s.pending_buf_size as usize {
            return;
        }
        // SAFETY: within zlib's buffer, as just looked at.
        let to = unsafe { self.s.pending_buf.add(at) };
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        self.s.pending += bytes.len() as c_ulong;
    }

    /// zlib's `flush_pending`.
    fn flush_pending(&mut self) {
        let len = (self.s.pending as usize).min(self.z.avail_out as usize);
        if len == 0 {
            return;
        }
        // SAFETY: so many bytes are pending, and the application has room for them.
        unsafe { std::ptr::copy_nonoverlapping(self.s.pending_out, self.z.next_out, len) };
        // SAFETY: within the application's buffer, or just behind it.
        self.z.next_out = unsafe { self.z.next_out.add(len) };
        self.z.avail_out -= len as c_uint;
        self.z.total_out = self.z.total_out.wrapping_add(len as c_ulong);
        // SAFETY: within `pending_buf`, or just behind it.
        self.s.pending_out = unsafe { self.s.pending_out.add(len) };
        self.s.pending -= len as c_ulong;
        if self.s.pending == 0 {
            self.s.pending_out = self.s.pending_buf;
        }
    }

    /// Compresses what was collected, though nobody has asked for it, where there is room.
    pub(crate) fn settle(&mut self) -> bool {
        let collected = self.shadow.collected as usize;
        collected == 0
            || (self.s.pending == 0
                && self.put_piece(From::Collected, collected, End::Flush).is_some())
    }

    /// The stream's own level and strategy.
    pub(crate) fn set_up(&self) -> (c_int, c_int) {
        (self.s.level, self.s.strategy)
    }

    /// Input that is not compressed yet, here or with the application.
    pub(crate) fn has_input(&self) -> bool {
        self.z.avail_in != 0 || self.shadow.collected != 0
    }

    /// Lets zlib see its own status; the shadow stays.
    pub(crate) fn unmask(self) {
        self.s.status = self.shadow.status;
        self.shadow.store(self.s);
    }

    /// As [`Taken::close`], after zlib has written the header.
    pub(crate) fn begin(&mut self) {
        self.shadow.in_header = false;
        self.shadow.status = BUSY;
    }

    /// The state, for what zlib's functions change.
    pub(crate) fn state(&mut self) -> &mut State {
        self.s
    }
}
