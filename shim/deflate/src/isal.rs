//! ISA-L: one piece of input to one run of deflate blocks, from nothing but a history.
//!
//! ISA-L's own state (82 KB, and up to 340 KB for its tokens) is used within one call only. Between calls
//! a stream has no more than zlib's own memory, so an idle connection costs what it costs without us, and
//! one that is abandoned without `deflateEnd` leaves nothing behind.
//!
//! Linked statically, from the source that the crate `isal-sys` carries: a preloaded library may not
//! fail to load where `libisal.so` is missing; and what was compared with zlib, call by call, and
//! calibrated, is this version of it. (BSD-3-Clause; its symbols are not exported.)
//!
//! Must not: keep anything of one piece for the next. Every use begins with `isal_deflate_init`, and what
//! it compresses comes out the same whatever was compressed there before (`tests/scratch.rs`).

use std::sync::Mutex;

use isal_sys::igzip_lib as isal;

/// How a run of blocks ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With an empty stored block: on a byte's boundary, and the decompressor has all of it.
    Flush,
    /// With the stream's last block.
    Last,
}

/// The highest level of ISA-L.
pub const MAX_LEVEL: u8 = 3;

/// Memory for the tokens of each level, in bytes; the longest piece fits into one block.
const TOKENS: [usize; MAX_LEVEL as usize + 1] = [
    0,
    isal::ISAL_DEF_LVL1_LARGE as usize,
    isal::ISAL_DEF_LVL2_LARGE as usize,
    isal::ISAL_DEF_LVL3_LARGE as usize,
];

/// The longest history that is used, in bytes.
const HISTORY: usize = isal::ISAL_DEF_HIST_SIZE as usize;

/// ISA-L's state, for one use after the other.
pub struct Scratch {
    stream: Box<isal::isal_zstream>,
    tokens: Vec<u8>,
}

// SAFETY: its pointers are set anew with each use, and lead to its own memory and to what is borrowed then.
unsafe impl Send for Scratch {}

impl Scratch {
    /// Memory for one use at a time.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: C structures of numbers, pointers and arrays of these: zero is a value.
        let stream = unsafe { Box::<isal::isal_zstream>::new_zeroed().assume_init() };
        Self { stream, tokens: Vec::new() }
    }

    /// Compresses `input` at `level` (0 to 3) into `output`, with matches up to `1 << window_bits` bytes
    /// back, also in `history`. Returns the bytes put out, `None` where there is not room enough.
    pub fn compress(
        &mut self,
        level: u8,
        window_bits: u8,
        history: &[u8],
        input: &[u8],
        end: End,
        output: &mut [u8],
    ) -> Option<usize> {
        let tokens = *TOKENS.get(usize::from(level))?;
        if self.tokens.len() < tokens {
            self.tokens = vec![0; tokens];
        }
        let stream = &mut *self.stream;
        // SAFETY: a stream of ours.
        unsafe { isal::isal_deflate_init(stream) };
        stream.level = u32::from(level);
        stream.level_buf = self.tokens.as_mut_ptr();
        stream.level_buf_size = u32::try_from(self.tokens.len()).ok()?;
        stream.hist_bits = if window_bits < 15 { u16::from(window_bits) } else { 0 };
        if !history.is_empty() {
            let history = history.get(history.len().saturating_sub(HISTORY)..)?;
            let len = u32::try_from(history.len()).ok()?;
            // SAFETY: so many bytes, which are copied and not written to.
            let set =
                unsafe { isal::isal_deflate_set_dict(stream, history.as_ptr().cast_mut(), len) };
            if set != isal::COMP_OK as i32 {
                return None;
            }
        }
        stream.next_in = input.as_ptr().cast_mut();
        stream.avail_in = u32::try_from(input.len()).ok()?;
        stream.next_out = output.as_mut_ptr();
        stream.avail_out = u32::try_from(output.len()).ok()?;
        // As a sync flush, but for what would follow; and a short piece clears a short table.
        stream.flush = isal::FULL_FLUSH as u16;
        stream.end_of_stream = u16::from(end == End::Last);
        let aim = match end {
            End::Flush => isal::isal_zstate_state_ZSTATE_NEW_HDR,
            End::Last => isal::isal_zstate_state_ZSTATE_END,
        };
        loop {
            let before = (stream.avail_in, stream.avail_out);
            // SAFETY: set up above; both buffers are borrowed for the time of this call.
            if unsafe { isal::isal_deflate(stream) } != isal::COMP_OK as i32 {
                return None;
            }
            let state = &stream.internal_state;
            let is_all_read =
                stream.avail_in == 0 && state.b_bytes_valid == state.b_bytes_processed;
            if is_all_read && state.state == aim {
                return output.len().checked_sub(stream.avail_out as usize);
            }
            // It may return with some left where it has moved its history, but not for ever.
            if stream.avail_out == 0 || before == (stream.avail_in, stream.avail_out) {
                return None;
            }
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Scratches that nobody uses; so many are kept.
static IDLE: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());
const KEPT: usize = 8;

/// Lends a scratch to `body`.
pub(crate) fn with_scratch<T>(body: impl FnOnce(&mut Scratch) -> T) -> T {
    let idle = IDLE.try_lock().ok().and_then(|mut idle| idle.pop());
    let mut scratch = idle.unwrap_or_default();
    let result = body(&mut scratch);
    // Whoever finds it locked does without: nobody waits here, in a signal handler or after a fork.
    if let Ok(mut idle) = IDLE.try_lock()
        && idle.len() < KEPT
    {
        idle.push(scratch);
    }
    result
}

/// Is `blocks` one whole deflate stream that stands for `input`, and nothing behind it?
#[must_use]
pub fn stands_for(blocks: &[u8], input: &[u8]) -> bool {
    decompress(blocks, input.len()).is_some_and(|output| output == input)
}

/// The `len` bytes that `blocks` stands for, where it is one whole deflate stream, and nothing behind it.
pub(crate) fn decompress(blocks: &[u8], len: usize) -> Option<Vec<u8>> {
    // SAFETY: a C structure of numbers, pointers and arrays of these: zero is a value.
    let mut state = unsafe { Box::<isal::inflate_state>::new_zeroed().assume_init() };
    // More than that does not come out: it would be another.
    let mut output = vec![0; len + 1];
    // SAFETY: a state of ours.
    unsafe { isal::isal_inflate_init(&raw mut *state) };
    state.next_in = blocks.as_ptr().cast_mut();
    state.avail_in = u32::try_from(blocks.len()).ok()?;
    state.next_out = output.as_mut_ptr();
    state.avail_out = u32::try_from(output.len()).ok()?;
    // SAFETY: set up above, with both buffers of the sizes that are said.
    let result = unsafe { isal::isal_inflate_stateless(&raw mut *state) };
    let is_whole = result == isal::ISAL_DECOMP_OK as i32
        && state.block_state == isal::isal_block_state_ISAL_BLOCK_FINISH
        && (state.avail_in, state.avail_out) == (0, 1);
    output.truncate(len);
    is_whole.then_some(output)
}
