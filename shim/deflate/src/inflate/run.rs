//! One run of the decoder within a call: from zlib's fields into the decoder, and what it has done into
//! zlib's fields, as zlib would have left them between the same two symbols.
//!
//! Must not: change anything of the stream or the application's memory before the symbols are known to be good.

use std::ffi::{c_uint, c_ulong, c_void};

use super::decoder::{Decoder, HISTORY, OVERHANG, Place, Stop};
use super::state::{LEN, LIT, MATCH, State, TYPE};
use super::tables::Codes;
use crate::scan;
use crate::zlib::{self, Originals, ZStream};

/// Making tables takes as long as zlib takes for so much input, in bytes. They are found again by the next call.
const LEAST_FOR_TABLES: u32 = 2048;
/// And for this much output.
const LEAST_ROOM_FOR_TABLES: u32 = 4096;

/// The shortest trailer that is checked, in bytes.
const TRAILER: u32 = 4;

/// A call of `inflate` that is going on.
pub(super) struct Session<'a> {
    pub(super) zlib: &'a Originals,
    pub(super) z: *mut ZStream,
    pub(super) decoder: &'a mut Decoder,
    /// Output of this call that zlib's window does not have: so many bytes before `next_out`.
    unseen: usize,
    /// Is the window as the call has found it?
    original: Option<Original>,
    /// What the decoder's buffer ends with, by the stream's `total_out`, and where.
    known: Option<(c_ulong, usize)>,
    /// Bytes that were decoded here.
    pub(super) decoded: usize,
}

/// zlib's fields for its window; the bytes are the decoder's to keep.
#[derive(Clone, Copy)]
struct Original {
    wsize: c_uint,
    whave: c_uint,
    wnext: c_uint,
    window: *mut u8,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// The block is at its end.
    Block,
    /// As much as this call's input and room allow.
    Enough,
    /// They are not worth it to make tables.
    Little,
    /// ISA-L takes the codes or the input for invalid: zlib is to say.
    Refused,
}

impl<'a> Session<'a> {
    pub(super) fn new(zlib: &'a Originals, z: *mut ZStream, decoder: &'a mut Decoder) -> Self {
        Self { zlib, z, decoder, unseen: 0, original: None, known: None, decoded: 0 }
    }

    pub(super) fn stream(&self) -> ZStream {
        // SAFETY: the application's stream, which nobody else uses during its call.
        unsafe { *self.z }
    }

    pub(super) fn state(&mut self) -> &mut State {
        let state = self.stream().state.cast::<State>();
        // SAFETY: as above; `call` has checked that it has such a state.
        unsafe { &mut *state }
    }

    /// Decodes as much of the block as the call has input and room for.
    pub(super) fn run(&mut self) -> Run {
        let Some(codes) = Codes::of(self.state()) else { return Run::Refused };
        let ZStream { avail_in, avail_out, .. } = self.stream();
        let is_worth = avail_in >= LEAST_FOR_TABLES && avail_out >= LEAST_ROOM_FOR_TABLES;
        if !is_worth && !self.decoder.has(&codes) {
            return Run::Little;
        }
        match self.try_to_run(&codes) {
            Some(Stop::Block) => Run::Block,
            Some(_) => Run::Enough,
            None => Run::Refused,
        }
    }

    fn try_to_run(&mut self, codes: &Codes) -> Option<Stop> {
        let stream = self.stream();
        if !self.decoder.load(codes, stream.avail_in as usize) {
            return None;
        }
        let begun = self.begin()?;
        let (hold, bits) = self.state().held();
        // SAFETY: the API's contract: `avail_in` bytes at `next_in`.
        let input = unsafe { std::slice::from_raw_parts(stream.next_in, stream.avail_in as usize) };
        let mut from = Place { read: 0, hold, bits, end: begun };
        let mut at = Place { end: self.put_what_is_begun(begun)?, ..from };
        loop {
            let left = (self.stream().avail_out as usize).checked_sub(at.end - from.end)?;
            let room = left.min(self.decoder.room(at.end));
            let (mut to, mut stop) = match room.checked_sub(OVERHANG) {
                Some(limit) => self.decoder.step(at, input, limit)?,
                None => (at, Stop::Room),
            };
            if stop == Stop::Room && room == left {
                // The block may end in what is left of the room. Otherwise zlib fills it.
                let rest = left.checked_sub(to.end - at.end)?;
                if let Some((end, Stop::Block)) = self.decoder.step(to, input, rest)
                    && end.end <= to.end + rest
                {
                    (to, stop) = (end, Stop::Block);
                }
            }
            self.commit(from, to, stop)?;
            if stop != Stop::Room || room == left {
                return Some(stop);
            }
            let end = self.decoder.slide(to.end);
            self.known = Some((self.stream().total_out, end));
            from = Place { end, ..to };
            at = from;
        }
    }

    /// Where the decoder's output goes on: its history is the stream's.
    fn begin(&mut self) -> Option<usize> {
        let total = self.stream().total_out;
        if let Some((known, end)) = self.known
            && known == total
        {
            let end = if self.decoder.room(end) < HISTORY { self.decoder.slide(end) } else { end };
            self.known = Some((total, end));
            return Some(end);
        }
        if self.unseen > 0 {
            return None;
        }
        let State { window, whave, wnext, .. } = *self.state();
        let (have, next) = (whave as usize, wnext as usize);
        let older = have.checked_sub(next)?;
        let all: &[u8] = if window.is_null() {
            &[]
        } else {
            // SAFETY: zlib's window, of which so many bytes are filled.
            unsafe { std::slice::from_raw_parts(window, have) }
        };
        // A window that is full goes on at its beginning.
        let (newer, older) = (all.get(..next)?, all.get(next..next + older)?);
        self.decoder.begin(older, newer)
    }

    /// The symbol that the last call had no room for.
    fn put_what_is_begun(&mut self, end: usize) -> Option<usize> {
        let State { mode, length, offset, .. } = *self.state();
        match mode {
            MATCH => self.decoder.repeat(end, offset as usize, length as usize),
            LIT => self.decoder.put(end, length as u8),
            _ => Some(end),
        }
    }

    /// All that lies between the two places has been decoded.
    fn commit(&mut self, from: Place, to: Place, stop: Stop) -> Option<()> {
        let produced = to.end - from.end;
        let read = to.read - from.read;
        if produced > self.stream().avail_out as usize {
            return None;
        }
        let output = self.decoder.output(from.end, to.end);
        // SAFETY: the application's stream.
        let z = unsafe { &mut *self.z };
        // SAFETY: the state that `call` has checked.
        let state = unsafe { &mut *z.state.cast::<State>() };
        // SAFETY: room for `avail_out` bytes, by the API's contract; the decoder's memory is its own.
        unsafe { std::ptr::copy_nonoverlapping(output.as_ptr(), z.next_out, output.len()) };
        if state.wrap & 4 != 0 && produced > 0 {
            let before = state.check as u32;
            let sum = if state.flags != 0 { scan::crc32 } else { scan::adler32 };
            state.check = sum(before, output).into();
            z.adler = state.check;
        }
        // SAFETY: within the application's buffers.
        z.next_in = unsafe { z.next_in.add(read) };
        // SAFETY: as above.
        z.next_out = unsafe { z.next_out.add(produced) };
        z.avail_in -= read as c_uint;
        z.avail_out -= produced as c_uint;
        z.total_in = z.total_in.wrapping_add(read as c_ulong);
        z.total_out = z.total_out.wrapping_add(produced as c_ulong);
        state.total = state.total.wrapping_add(produced as c_ulong);
        state.hold = to.hold;
        state.bits = to.bits;
        if stop == Stop::Block {
            state.mode = TYPE;
            state.back = -1;
        } else if to != from {
            state.mode = LEN;
        }
        self.known = Some((z.total_out, to.end));
        self.decoded += produced;
        self.unseen += produced;
        Some(())
    }

    /// Has zlib put the output that it has not seen into its window. False: it has no memory for one.
    pub(super) fn show(&mut self) -> bool {
        if self.unseen == 0 {
            return true;
        }
        self.keep_window();
        let len = std::mem::take(&mut self.unseen).min(HISTORY);
        let (zlib, z) = (self.zlib, self.z);
        let end = self.stream().next_out.cast_const();
        let state = self.state();
        let State { mode, wrap, havedict, .. } = *state;
        // A stream with a wrapper takes a dictionary at its beginning only.
        state.wrap = 0;
        // SAFETY: all of this call's output lies in the application's buffer, the latest of it here.
        let start = unsafe { end.sub(len) };
        // SAFETY: the application's stream, between two symbols, and so many bytes.
        let result = unsafe { (zlib.inflate_set_dictionary)(z, start, len as c_uint) };
        let state = self.state();
        (state.mode, state.wrap, state.havedict) = (mode, wrap, havedict);
        result == zlib::OK
    }

    /// The window is about to change: should it have to be as it was.
    pub(super) fn keep_window(&mut self) {
        if self.original.is_some() {
            return;
        }
        let State { wsize, whave, wnext, window, .. } = *self.state();
        self.original = Some(Original { wsize, whave, wnext, window });
        // It will only where the stream ends, for which there is too little input.
        let may_end = self.stream().avail_in >= TRAILER;
        if wsize > 0 && may_end && !window.is_null() {
            // SAFETY: zlib's window, of which so many bytes are filled.
            let bytes = unsafe { std::slice::from_raw_parts(window, whave as usize) };
            self.decoder.keep(bytes);
        }
    }

    /// The window is what it was before the call.
    pub(super) fn restore_window(&mut self) {
        self.unseen = 0;
        let Some(Original { wsize, whave, wnext, window }) = self.original.take() else { return };
        let ZStream { free, opaque, state, .. } = self.stream();
        // SAFETY: the state that `call` has checked.
        let state = unsafe { &mut *state.cast::<State>() };
        (state.wsize, state.whave, state.wnext) = (wsize, whave, wnext);
        if window.is_null() && !state.window.is_null() && !free.is_null() {
            type Free = unsafe extern "C" fn(*mut c_void, *mut c_void);
            // SAFETY: `zfree`, by the API's contract.
            let free = unsafe { std::mem::transmute::<*mut c_void, Free>(free) };
            // SAFETY: memory that the counterpart has given in this call, and that nobody else knows.
            unsafe { free(opaque, state.window.cast()) };
            state.window = std::ptr::null_mut();
        }
        let bytes = self.decoder.kept();
        if wsize > 0 && bytes.len() == whave as usize {
            // SAFETY: zlib's window, which has room for what was there.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), state.window, bytes.len()) };
        }
    }
}
