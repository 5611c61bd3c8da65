//! What is known of zlib's `internal_state` (`deflate.h` of 1.2.13), and the proof that it is so.
//!
//! Only the beginning of the structure is named here. Whether a loaded zlib has it is found out by having
//! it do things and looking at what changed ([`is_as_known`]); where anything is otherwise, no
//! stream is taken over.
//!
//! Must not: be believed of a stream before [`is_as_known`] said so.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::piece::{LONGEST, MARKER, STORED};
use crate::zlib::{self, Long, Originals, ZStream};

/// `INIT_STATE`: a zlib header comes next, or nothing for a raw stream.
pub(crate) const INIT: c_int = 42;
/// `GZIP_STATE`: a gzip header comes next.
pub(crate) const GZIP: c_int = 57;
/// `BUSY_STATE`: compressing.
pub(crate) const BUSY: c_int = 113;
/// `FINISH_STATE`: all input is compressed.
pub(crate) const FINISHED: c_int = 666;
/// `last_flush` before the first call of `deflate`.
pub(crate) const NOT_BEGUN: c_int = -2;

/// The beginning of `internal_state`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct State {
    /// The `z_stream` that it belongs to.
    pub stream: *mut ZStream,
    pub(crate) status: c_int,
    pub(crate) pending_buf: *mut u8,
    pub(crate) pending_buf_size: c_ulong,
    pub(crate) pending_out: *mut u8,
    pub(crate) pending: c_ulong,
    pub(crate) wrap: c_int,
    gzhead: *mut c_void,
    gzindex: c_ulong,
    method: u8,
    pub(crate) last_flush: c_int,
    pub(crate) w_size: c_uint,
    pub(crate) w_bits: c_uint,
    w_mask: c_uint,
    pub(crate) window: *mut u8,
    window_size: c_ulong,
    prev: *mut u16,
    pub(crate) head: *mut u16,
    ins_h: c_uint,
    pub(crate) hash_size: c_uint,
    hash_bits: c_uint,
    pub(crate) hash_mask: c_uint,
    hash_shift: c_uint,
    pub(crate) block_start: Long,
    match_length: c_uint,
    prev_match: c_uint,
    pub(crate) match_available: c_int,
    pub(crate) strstart: c_uint,
    match_start: c_uint,
    pub(crate) lookahead: c_uint,
    prev_length: c_uint,
    max_chain: c_uint,
    max_lazy: c_uint,
    pub(crate) level: c_int,
    pub(crate) strategy: c_int,
    good_match: c_uint,
    nice_match: c_int,
}

/// `configuration_table`: good, lazy, nice and chain of each level.
const CONFIGURATIONS: [[c_int; 4]; 10] = [
    [0, 0, 0, 0],
    [4, 4, 8, 4],
    [4, 5, 16, 8],
    [4, 6, 32, 32],
    [4, 4, 16, 16],
    [8, 16, 32, 32],
    [8, 16, 128, 128],
    [8, 32, 128, 256],
    [32, 128, 258, 1024],
    [32, 258, 258, 4096],
];

impl State {
    /// good, lazy, nice and chain.
    fn tuning(&self) -> [c_int; 4] {
        [self.good_match as c_int, self.max_lazy as c_int, self.nice_match, self.max_chain as c_int]
    }

    /// Bytes of input that make a piece: stored, it fits into `pending_buf` with what a flush adds.
    pub(crate) fn longest(&self) -> usize {
        let room = self.pending_buf_size as usize;
        LONGEST.min(room.saturating_sub(STORED + MARKER.len() + 8))
    }

    /// Entries of the hash table.
    pub(crate) fn entries(&self) -> c_uint {
        // Also while `hash_size` says otherwise (`unswept`).
        self.hash_mask.wrapping_add(1)
    }

    /// Has it a gzip header of the application's (`deflateSetHeader`)?
    pub(crate) fn has_header(&self) -> bool {
        !self.gzhead.is_null()
    }

    /// Has `deflateTune` set what its level would not?
    pub(crate) fn is_tuned(&self) -> bool {
        let level = usize::try_from(self.level).unwrap_or(usize::MAX);
        CONFIGURATIONS.get(level) != Some(&self.tuning())
    }
}

/// The `configuration_table`'s function of a level: stored, fast, slow.
pub(crate) fn function_of(level: c_int) -> u8 {
    match level {
        0 => 0,
        1..=3 => 1,
        _ => 2,
    }
}

const NOT_ASKED: u8 = 0;
const BEING_ASKED: u8 = 1;
const KNOWN: u8 = 2;
const UNKNOWN: u8 = 3;
static LAYOUT: AtomicU8 = AtomicU8::new(NOT_ASKED);

/// Is the loaded zlib the version that is known, with states as above? Asked once; meanwhile it is not
/// (zlib's functions call one another through hooks, so this may be asked from within).
pub(crate) fn is_as_known(zlib: &Originals) -> bool {
    match LAYOUT.load(Ordering::Acquire) {
        KNOWN => return true,
        NOT_ASKED => {}
        _ => return false,
    }
    let relaxed = Ordering::Relaxed;
    if LAYOUT.compare_exchange(NOT_ASKED, BEING_ASKED, relaxed, relaxed).is_err() {
        return false;
    }
    let is_known = Probe::new(zlib).is_some_and(Probe::all_fits);
    LAYOUT.store(if is_known { KNOWN } else { UNKNOWN }, Ordering::Release);
    is_known
}

/// Has [`is_as_known`] said so before? Nothing is asked.
#[inline]
pub(crate) fn is_known() -> bool {
    LAYOUT.load(Ordering::Acquire) == KNOWN
}

/// The version that the shadow was compared with, call by call.
const VERSION: &CStr = c"1.2.13";

/// Does the loaded zlib say that it is that version?
pub(crate) fn is_known_version(zlib: &Originals) -> bool {
    // SAFETY: no preconditions.
    let version = unsafe { (zlib.version)() };
    // SAFETY: zlib's own, terminated text.
    !version.is_null() && unsafe { CStr::from_ptr(version) } == VERSION
}

/// A stream of our own, to look at.
struct Probe<'a> {
    zlib: &'a Originals,
    stream: Box<ZStream>,
}

impl<'a> Probe<'a> {
    fn new(zlib: &'a Originals) -> Option<Self> {
        if !is_known_version(zlib) {
            return None;
        }
        // SAFETY: no preconditions.
        let version = unsafe { (zlib.version)() };
        let mut stream = Box::new(ZStream::zeroed());
        let (bits, size) = (12, size_of::<ZStream>() as c_int);
        // SAFETY: a zeroed stream, which asks for zlib's own allocator.
        let result = unsafe { (zlib.init)(&raw mut *stream, 7, 8, bits, 3, 0, version, size) };
        (result == zlib::OK && !stream.state.is_null()).then_some(Self { zlib, stream })
    }

    fn state(&self) -> State {
        // SAFETY: a state that was initialised; any zlib's is longer than this beginning, and all bit
        // patterns are values of it.
        unsafe { self.stream.state.read() }
    }

    /// Everything is where it should be, before and after each call that changes it.
    fn all_fits(mut self) -> bool {
        self.fits_at_first() && self.fits_configured() && self.fits_compressing()
    }

    fn fits_at_first(&mut self) -> bool {
        let first = self.state();
        first.stream == &raw mut *self.stream
            && (first.status, first.wrap, first.method) == (INIT, 1, 8)
            && first.last_flush == NOT_BEGUN
            && first.pending_out == first.pending_buf
            && !first.pending_buf.is_null()
            // 1 << (memLevel + 6) symbols of 4 bytes.
            && (first.pending_buf_size, first.pending) == (4 << 9, 0)
            && (first.w_size, first.w_bits, first.w_mask) == (1 << 12, 12, (1 << 12) - 1)
            && (first.window_size, first.window.is_null()) == (2 << 12, false)
            && !first.prev.is_null()
            && !first.head.is_null()
            && (first.hash_size, first.hash_bits, first.hash_mask) == (1 << 10, 10, (1 << 10) - 1)
            && first.hash_shift == 4
            && (first.block_start, first.strstart, first.lookahead) == (0, 0, 0)
            && (first.match_length, first.prev_length, first.match_available) == (2, 2, 0)
            && (first.level, first.strategy) == (7, 0)
            && !first.is_tuned()
    }

    fn fits_configured(&mut self) -> bool {
        let z = &raw mut *self.stream;
        // SAFETY: an initialised stream.
        let tuned = unsafe { (self.zlib.tune)(z, 11, 12, 13, 14) };
        let tuning = self.state().tuning();
        // SAFETY: as above.
        let changed = unsafe { (self.zlib.params)(z, 5, 1) };
        let after = self.state();
        let text: [u8; 300] = std::array::from_fn(|i| (i % 7) as u8);
        // SAFETY: as above, and so many bytes.
        let set = unsafe { (self.zlib.set_dictionary)(z, text.as_ptr(), text.len() as c_uint) };
        let with = self.state();
        // SAFETY: as above.
        let reset = unsafe { (self.zlib.reset)(z) };
        (tuned, changed, set, reset) == (zlib::OK, zlib::OK, zlib::OK, zlib::OK)
            && tuning == [11, 12, 13, 14]
            && (after.level, after.strategy, after.is_tuned()) == (5, 1, false)
            && (with.strstart, with.block_start, with.lookahead) == (300, 300, 0)
            // SAFETY: so many bytes were put at the window's beginning, by the two counts.
            && unsafe { std::slice::from_raw_parts(with.window, text.len()) } == text
            && (self.state().strstart, self.state().block_start) == (0, 0)
    }

    fn fits_compressing(&mut self) -> bool {
        let text: [u8; 400] = std::array::from_fn(|i| (i * i % 251) as u8);
        let mut out = [0u8; 1];
        self.stream.next_in = text.as_ptr();
        self.stream.avail_in = text.len() as c_uint;
        self.stream.next_out = out.as_mut_ptr();
        self.stream.avail_out = 1;
        // SAFETY: an initialised stream, with both buffers of the sizes that are said.
        let one = unsafe { (self.zlib.deflate)(&raw mut *self.stream, 2) };
        let header = self.state();
        let mut out = [0u8; 600];
        self.stream.next_out = out.as_mut_ptr();
        self.stream.avail_out = 100;
        // SAFETY: as above.
        let two = unsafe { (self.zlib.deflate)(&raw mut *self.stream, 2) };
        let busy = self.state();
        self.stream.avail_out = 500;
        // SAFETY: as above.
        let three = unsafe { (self.zlib.deflate)(&raw mut *self.stream, 4) };
        let end = self.state();
        (one, two, three) == (zlib::OK, zlib::OK, zlib::STREAM_END)
            && (header.status, header.pending, header.last_flush) == (BUSY, 1, -1)
            && header.pending_out.addr() == header.pending_buf.addr() + 1
            && (busy.status, busy.strstart, busy.last_flush) == (BUSY, 400, -1)
            && busy.pending > 0
            && busy.pending_out.addr() == busy.pending_buf.addr() + 99
            && (end.status, end.wrap, end.pending, end.last_flush) == (FINISHED, -1, 0, 4)
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, and ended once.
        unsafe { (self.zlib.end)(&raw mut *self.stream) };
    }
}
