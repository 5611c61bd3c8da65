//! ISA-L's loop over the symbols of one block, in memory of its own.
//!
//! ```text
//!  buffer:  [ … history, up to 32 KiB ][ output of this call … ] free … [ SLOP ]
//!                                      ^ begun                 ^ end
//! ```
//!
//! The loop is `decode_huffman_code_block_stateless`, which `isal_inflate` calls for each block. It is no part of
//! ISA-L's interface, but it is one function in all versions, and the version is linked statically. It
//! decodes into this buffer only: a decoder writes beyond what it reports, which zlib never does.
//!
//! Invariant: `tables` says what ISA-L's tables were made from; they are used for these codes only.

use std::sync::Mutex;

use isal_sys::igzip_lib as isal;

use super::tables::Codes;

/// Matches reach so far back.
pub(super) const HISTORY: usize = 32 * 1024;
/// Room for output, in bytes, before the history is moved.
pub(super) const SEGMENT: usize = 64 * 1024;
/// What may be written beyond the limit of a step: literals of one look-up, and a match.
pub(super) const OVERHANG: usize = 3 + 258;
/// Kept free behind all of it.
const SLOP: usize = OVERHANG + 64;
/// With so little input left in the block it is not worth it to make tables of several symbols an entry.
const SHORT: usize = 3 * 1024;

const END_INPUT: i32 = isal::ISAL_END_INPUT as i32;
const OUT_OVERFLOW: i32 = isal::ISAL_OUT_OVERFLOW as i32;

unsafe extern "C" {
    /// `igzip_inflate.c`: decodes symbols until the block, the input or the room ends.
    fn decode_huffman_code_block_stateless(
        state: *mut isal::inflate_state,
        start_out: *mut u8,
    ) -> i32;
}

/// Why a step came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// With the block.
    Block,
    /// The rest of the input is no whole symbol.
    Input,
    /// The limit is reached.
    Room,
}

/// A place between two symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes of the input that are read.
    pub(super) read: usize,
    /// Bits of these that are not used, fewer than 8 after a step.
    pub(super) hold: u64,
    pub(super) bits: u32,
    /// Where in the buffer the next byte of output goes.
    pub(super) end: usize,
}

/// ISA-L's state and a buffer, for one call after the other.
pub(super) struct Decoder {
    state: Box<isal::inflate_state>,
    tables: Option<Codes>,
    buffer: Vec<u8>,
    /// Where the history begins.
    first: usize,
    /// A window, to be laid back.
    kept: Vec<u8>,
}

// SAFETY: its pointers are set anew with each step, and lead to its own memory and to what is borrowed then.
unsafe impl Send for Decoder {}

impl Decoder {
    fn new() -> Self {
        // SAFETY: a C structure of numbers, pointers and arrays of these: zero is a value.
        let state = unsafe { Box::<isal::inflate_state>::new_zeroed().assume_init() };
        let buffer = vec![0; HISTORY + SEGMENT + SLOP];
        Self { state, tables: None, buffer, first: HISTORY, kept: Vec::new() }
    }

    /// Begins anew, with a history in two parts, no longer than [`HISTORY`] together. Output goes behind it,
    /// from the place that is returned.
    pub(super) fn begin(&mut self, older: &[u8], newer: &[u8]) -> Option<usize> {
        self.first = HISTORY.checked_sub(older.len() + newer.len())?;
        let middle = HISTORY - newer.len();
        self.buffer.get_mut(self.first..middle)?.copy_from_slice(older);
        self.buffer.get_mut(middle..HISTORY)?.copy_from_slice(newer);
        Some(HISTORY)
    }

    /// Keeps a window.
    pub(super) fn keep(&mut self, window: &[u8]) {
        self.kept.clear();
        self.kept.extend_from_slice(window);
    }

    /// What was kept.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Bytes of output that fit behind `end`.
    pub(super) fn room(&self, end: usize) -> usize {
        (HISTORY + SEGMENT).saturating_sub(end)
    }

    /// Moves the history to the beginning; where its end is then.
    pub(super) fn slide(&mut self, end: usize) -> usize {
        let kept = (end - self.first).min(HISTORY);
        self.buffer.copy_within(end - kept..end, HISTORY - kept);
        self.first = HISTORY - kept;
        HISTORY
    }

    /// Output between two places.
    pub(super) fn output(&self, from: usize, to: usize) -> &[u8] {
        self.buffer.get(from..to).unwrap_or_default()
    }

    /// Puts out a literal.
    pub(super) fn put(&mut self, end: usize, byte: u8) -> Option<usize> {
        *self.buffer.get_mut(end)? = byte;
        Some(end + 1)
    }

    /// Puts out a match; `None` if it begins before the history.
    pub(super) fn repeat(&mut self, end: usize, distance: usize, len: usize) -> Option<usize> {
        let from = end.checked_sub(distance).filter(|from| *from >= self.first && distance > 0)?;
        for i in 0..len {
            *self.buffer.get_mut(end + i)? = *self.buffer.get(from + i)?;
        }
        Some(end + len)
    }

    /// Are ISA-L's tables those of these codes?
    pub(super) fn has(&self, codes: &Codes) -> bool {
        self.tables.as_ref() == Some(codes)
    }

    /// Makes ISA-L's tables, unless it has them. False: it does not take these codes.
    pub(super) fn load(&mut self, codes: &Codes, input: usize) -> bool {
        if self.has(codes) {
            return true;
        }
        self.tables = None;
        // In a last block with little input ISA-L makes simpler tables.
        let (hold, bits, bytes) = codes.header(input < SHORT).parts();
        let state = &mut *self.state;
        // SAFETY: a state of ours.
        unsafe { isal::isal_inflate_init(state) };
        let mut nowhere = [0u8; 8];
        state.read_in = hold;
        state.read_in_length = bits as i32;
        state.next_in = bytes.as_ptr().cast_mut();
        state.avail_in = bytes.len() as u32;
        state.next_out = nowhere.as_mut_ptr();
        state.avail_out = 0;
        // Its own buffer is full and put out: it decodes nothing into that.
        state.tmp_out_valid = 2 * HISTORY as i32;
        state.tmp_out_processed = 2 * HISTORY as i32;
        // SAFETY: a state with input as said, and no room. It reads the header, and finds no symbol behind it.
        unsafe { isal::isal_inflate(state) };
        if state.block_state != isal::isal_block_state_ISAL_BLOCK_CODED || state.avail_in != 0 {
            return false;
        }
        self.tables = Some(*codes);
        true
    }

    /// Decodes from `at` on, with the tables that were loaded: up to `limit` bytes, and what the last symbols
    /// put out beyond that. `None`: it is no valid input, or ISA-L takes it for none.
    pub(super) fn step(&mut self, at: Place, input: &[u8], limit: usize) -> Option<(Place, Stop)> {
        let rest = input.get(at.read..)?;
        // As much is written at most.
        if at.end.checked_add(limit)? + SLOP > self.buffer.len() || self.tables.is_none() {
            return None;
        }
        let start = self.buffer.as_mut_ptr();
        let state = &mut *self.state;
        state.read_in = at.hold;
        state.read_in_length = at.bits as i32;
        state.next_in = rest.as_ptr().cast_mut();
        state.avail_in = u32::try_from(rest.len()).ok()?;
        // SAFETY: within the buffer.
        state.next_out = unsafe { start.add(at.end) };
        state.avail_out = u32::try_from(limit).ok()?;
        state.block_state = isal::isal_block_state_ISAL_BLOCK_CODED;
        state.bfinal = 0;
        state.write_overflow_lits = 0;
        state.write_overflow_len = 0;
        // SAFETY: within the buffer, before the place for output.
        let first = unsafe { start.add(self.first) };
        // SAFETY: the state has input and room as said, tables, and history from `first` on; it writes between
        // `next_out` and the end of the room only.
        let result = unsafe { decode_huffman_code_block_stateless(state, first) };
        let is_end = state.block_state != isal::isal_block_state_ISAL_BLOCK_CODED;
        let stop = match result {
            0 if is_end => Stop::Block,
            END_INPUT if !is_end => Stop::Input,
            OUT_OVERFLOW if is_end => Stop::Block,
            OUT_OVERFLOW => Stop::Room,
            _ => return None,
        };
        // Whole bytes that were loaded and not used stay unread.
        let length = u32::try_from(state.read_in_length).ok()?;
        let read =
            rest.len().checked_sub(state.avail_in as usize)?.checked_sub(length as usize / 8)?;
        let bits = length % 8;
        let hold = state.read_in & ((1 << bits) - 1);
        let mut end = at.end + limit.checked_sub(state.avail_out as usize)?;
        let literals = state.write_overflow_lits.to_le_bytes();
        let count = usize::try_from(state.write_overflow_len).ok()?;
        let distance = usize::try_from(state.copy_overflow_distance).ok()?;
        let len = usize::try_from(state.copy_overflow_length).ok()?;
        if stop != Stop::Input && result != 0 {
            for byte in literals.get(..count)? {
                end = self.put(end, *byte)?;
            }
            if len > 0 {
                end = self.repeat(end, distance, len)?;
            }
        }
        Some((Place { read: at.read + read, hold, bits, end }, stop))
    }
}

/// Decoders that nobody uses; so many are kept.
static IDLE: Mutex<Vec<Decoder>> = Mutex::new(Vec::new());
const KEPT: usize = 8;

/// Lends a decoder to `body`.
pub(super) fn with_decoder<T>(body: impl FnOnce(&mut Decoder) -> T) -> T {
    let idle = IDLE.try_lock().ok().and_then(|mut idle| idle.pop());
    let mut decoder = idle.unwrap_or_else(Decoder::new);
    let result = body(&mut decoder);
    // Whoever finds it locked does without: nobody waits here, in a signal handler or after a fork.
    if let Ok(mut idle) = IDLE.try_lock()
        && idle.len() < KEPT
    {
        idle.push(decoder);
    }
    result
}
