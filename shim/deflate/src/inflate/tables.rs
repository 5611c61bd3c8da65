//! ISA-L's tables from zlib's code lengths.
//!
//! ISA-L makes its tables as it reads a block's header, and offers no other way. zlib has read that header,
//! and has accepted it. So one is written here with the same code lengths, each as it is, with a code of four
//! bits a length: what ISA-L makes of it depends on the lengths alone.

use std::ffi::c_uint;

use super::state::{LENGTHS, State};

/// The longest header, in bytes: 3 + 14 + 19 * 3 bits, and four for each length.
pub(super) const LONGEST: usize = (3 + 14 + 19 * 3 + 4 * LENGTHS).div_ceil(8);

/// What tables are made from.
#[allow(clippy::large_enum_variant, reason = "one of a decoder, compared with one on the stack")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Codes {
    /// RFC 1951, 3.2.6.
    Fixed,
    /// Lengths of literal and length codes, and behind them of distance codes.
    Dynamic { literals: c_uint, distances: c_uint, lengths: [u16; LENGTHS] },
}

impl Codes {
    /// Those of the block that a state is in; `None` if they are none that zlib accepts.
    pub(super) fn of(state: &State) -> Option<Self> {
        if state.is_fixed() {
            return Some(Self::Fixed);
        }
        let (literals, distances) = (state.nlen, state.ndist);
        if !(257..=286).contains(&literals) || !(1..=30).contains(&distances) {
            return None;
        }
        let mut lengths = state.lens;
        // Behind them lies what an earlier block has left.
        lengths.get_mut((literals + distances) as usize..)?.fill(0);
        Some(Self::Dynamic { literals, distances, lengths })
    }

    /// A header of a block with these codes, `is_last` or not.
    pub(super) fn header(&self, is_last: bool) -> Header {
        let mut header = Header { bytes: [0; LONGEST + 8], bits: 0 };
        header.put(u32::from(is_last), 1);
        match self {
            Self::Fixed => header.put(1, 2),
            Self::Dynamic { literals, distances, lengths } => {
                header.put(2, 2);
                header.put(literals - 257, 5);
                header.put(distances - 1, 5);
                // All 19 lengths of codes for lengths: 16, 17 and 18, which repeat, have none.
                header.put(15, 4);
                for i in 0..19 {
                    header.put(if i < 3 { 0 } else { 4 }, 3);
                }
                for length in lengths.iter().take((literals + distances) as usize) {
                    // The code of a length is the length, its highest bit first.
                    header.put(u32::from((*length as u8).reverse_bits() >> 4), 4);
                }
            }
        }
        header
    }
}

/// Bits, the first one lowest.
pub(super) struct Header {
    bytes: [u8; LONGEST + 8],
    bits: usize,
}

impl Header {
    /// `count` bits, 5 at most.
    fn put(&mut self, value: u32, count: usize) {
        let [low, high] = ((value as u16) << (self.bits % 8)).to_le_bytes();
        if let Some([first, second, ..]) = self.bytes.get_mut(self.bits / 8..) {
            *first |= low;
            *second |= high;
        }
        self.bits += count;
    }

    /// The first bits, and how many, so that what follows is whole bytes; and those.
    pub(super) fn parts(&self) -> (u64, u32, Vec<u8>) {
        let first = self.bits % 8;
        let head = u64::from(self.bytes.first().copied().unwrap_or(0)) & ((1 << first) - 1);
        let tail = (first..self.bits).step_by(8).map(|at| {
            let pair = self.bytes.get(at / 8).copied().unwrap_or(0);
            let next = self.bytes.get(at / 8 + 1).copied().unwrap_or(0);
            (u16::from_le_bytes([pair, next]) >> (at % 8)) as u8
        });
        (head, first as u32, tail.collect())
    }
}
