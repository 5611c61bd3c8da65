//! One piece of input becomes a run of blocks that begins and ends on a byte's boundary.
//!
//! Whatever the data, a piece costs no more than the stored blocks that could hold it: so what
//! `deflateBound` promises of zlib holds of this, too.

use crate::isal::{self, End, MAX_LEVEL};
use crate::libdeflate;
use crate::policy::Compressor;

/// The longest piece, in bytes: one stored block.
pub(crate) const LONGEST: usize = 65535;
/// The shortest input that is a whole buffer, in bytes: libdeflate stores what is shorter, where zlib does
/// better, and promises to (`deflateBound` of less than 8 bytes may be four more). ISA-L's level 0 likewise.
pub(crate) const SHORTEST_WHOLE: usize = 64;
/// What is added to a piece that is stored.
pub(crate) const STORED: usize = 5;
/// An empty stored block, not the last: what a flush ends with.
pub(crate) const MARKER: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// An empty block of fixed codes, the last.
const EMPTY: [u8; 2] = [3, 0];

/// What came of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Bytes put out.
    pub(crate) len: usize,
    /// Does it end with [`MARKER`]?
    pub(crate) is_marked: bool,
    /// Is it libdeflate's?
    pub(crate) is_whole: bool,
}

/// How a piece is compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// By what. libdeflate only where there is no history, and the stream ends.
    pub(crate) compressor: Compressor,
    /// Matches go no further back than so many bits can say.
    pub(crate) window_bits: u8,
}

/// Compresses `input`, at most [`LONGEST`] bytes, into `output`, which has room for it stored.
pub(crate) fn compress(
    way: Way,
    history: &[u8],
    input: &[u8],
    end: End,
    output: &mut [u8],
) -> Option<Piece> {
    if input.is_empty() {
        let bytes: &[u8] = if end == End::Last { &EMPTY } else { &MARKER };
        output.get_mut(..bytes.len())?.copy_from_slice(bytes);
        return Some(Piece { len: bytes.len(), is_marked: end == End::Flush, is_whole: false });
    }
    let room = output.get_mut(..input.len() + STORED)?;
    let Way { compressor, window_bits } = way;
    if let Compressor::Libdeflate(level) = compressor
        && history.is_empty()
        && end == End::Last
    {
        // Without a compressor, which there was a moment ago, it is ISA-L's.
        match libdeflate::with_compressor(level, |compressor| compressor.compress(input, room)) {
            Some(Some(len)) => return Some(Piece { len, is_marked: false, is_whole: true }),
            Some(None) => return store(input, end, output),
            None => {}
        }
    }
    let level = match compressor {
        // Its level 0 puts out more of a few bytes than zlib promises to (`deflateBound`).
        Compressor::Isal(0) if input.len() < SHORTEST_WHOLE => 1,
        Compressor::Isal(level) => level,
        _ => MAX_LEVEL,
    };
    let done = isal::with_scratch(|scratch| {
        scratch.compress(level, window_bits, history, input, end, room)
    });
    match done {
        Some(len) => Some(Piece { len, is_marked: end == End::Flush, is_whole: false }),
        None => store(input, end, output),
    }
}

fn store(input: &[u8], end: End, output: &mut [u8]) -> Option<Piece> {
    let len = u16::try_from(input.len()).ok()?;
    let total = STORED + input.len();
    let (header, body) = output.get_mut(..total)?.split_at_mut_checked(STORED)?;
    let [low, high] = len.to_le_bytes();
    header.copy_from_slice(&[u8::from(end == End::Last), low, high, !low, !high]);
    body.copy_from_slice(input);
    Some(Piece { len: total, is_marked: false, is_whole: false })
}
