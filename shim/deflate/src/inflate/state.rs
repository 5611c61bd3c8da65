//! What is known of zlib's `inflate_state` (`inflate.h` of 1.2.13). Whether a loaded zlib has it,
//! [`super::probe`] finds out.

use std::ffi::{c_int, c_uint, c_ulong, c_void};

use crate::zlib::ZStream;

/// `HEAD`: the first mode.
pub(super) const HEAD: c_int = 16180;
/// `TYPE`: a block's header comes next.
pub(super) const TYPE: c_int = HEAD + 11;
/// `TYPEDO`: the same, whatever the flush.
pub(super) const TYPEDO: c_int = HEAD + 12;
/// `STORED`: lengths of a stored block come next.
pub(super) const STORED: c_int = HEAD + 13;
/// `COPY`: its bytes do.
pub(super) const COPY: c_int = HEAD + 15;
/// `LEN_`: the header of a block is read.
pub(super) const LEN_: c_int = HEAD + 19;
/// `LEN`: a symbol comes next.
pub(super) const LEN: c_int = HEAD + 20;
/// `LENEXT`: the first mode within a symbol.
pub(super) const LENEXT: c_int = HEAD + 21;
/// `DISTEXT`: the last one.
pub(super) const DISTEXT: c_int = HEAD + 23;
/// `MATCH`: some bytes of a match are still to be put out.
pub(super) const MATCH: c_int = HEAD + 24;
/// `LIT`: a literal is.
pub(super) const LIT: c_int = HEAD + 25;
/// `CHECK`: the trailer.
pub(super) const CHECK: c_int = HEAD + 26;
/// `DONE`: the stream's end.
pub(super) const DONE: c_int = HEAD + 28;
/// `BAD`: an error was found.
pub(super) const BAD: c_int = HEAD + 29;

/// `MEM`: there was no memory for a window.
pub(super) const MEM: c_int = HEAD + 30;

/// Code lengths that a state has room for.
pub(super) const LENGTHS: usize = 320;
/// `ENOUGH`: entries of the decoding tables, of 4 bytes.
const ENTRIES: usize = 852 + 592;

/// `inflate_state`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The `z_stream` that it belongs to.
    pub(super) stream: *mut ZStream,
    pub(super) mode: c_int,
    /// Is this the last block?
    pub(super) last: c_int,
    /// Bit 2: the check value is kept.
    pub(super) wrap: c_int,
    pub(super) havedict: c_int,
    /// 0: the check value is an Adler-32.
    pub(super) flags: c_int,
    dmax: c_uint,
    pub(super) check: c_ulong,
    pub(super) total: c_ulong,
    head: *mut c_void,
    pub(super) wbits: c_uint,
    /// 0: there is no window yet.
    pub(super) wsize: c_uint,
    pub(super) whave: c_uint,
    pub(super) wnext: c_uint,
    pub(super) window: *mut u8,
    pub(super) hold: c_ulong,
    pub(super) bits: c_uint,
    pub(super) length: c_uint,
    pub(super) offset: c_uint,
    extra: c_uint,
    pub(super) lencode: *const u32,
    pub(super) distcode: *const u32,
    pub(super) lenbits: c_uint,
    pub(super) distbits: c_uint,
    ncode: c_uint,
    pub(super) nlen: c_uint,
    pub(super) ndist: c_uint,
    pub(super) have: c_uint,
    pub(super) next: *mut u32,
    pub(super) lens: [u16; LENGTHS],
    work: [u16; 288],
    pub(super) codes: [u32; ENTRIES],
    pub(super) sane: c_int,
    pub(super) back: c_int,
    pub(super) was: c_uint,
}

impl State {
    /// Has the block fixed codes? Their tables are zlib's constants; others lie in the state.
    pub(super) fn is_fixed(&self) -> bool {
        self.lencode != self.codes.as_ptr()
    }

    /// Bits that are read and not used, and how many.
    pub(super) fn held(&self) -> (u64, u32) {
        (self.hold & ((1u64 << self.bits.min(63)) - 1), self.bits)
    }
}
