//! libdeflate's own `*_compress` functions: one whole buffer by one call.
//!
//! The blocks are made by the libdeflate that is linked here, at the caller's level, or by ISA-L, as the policy
//! says; what stands around them is what libdeflate writes. The caller's compressor is not touched, and where
//! nobody here does it, or the output has no room for what came of it, the caller's own libdeflate is called
//! with the caller's own arguments: so there is an output wherever there would have been one. No output is longer
//! than `libdeflate_*_compress_bound` says: pieces cost no more than the stored blocks that could hold them.
//!
//! Must not: keep a compressor's address; know how its level is found out.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::event::{Buffer, Event, happened};
use crate::isal::End;
use crate::libdeflate;
use crate::piece::{self, LONGEST, MARKER, SHORTEST_WHOLE, STORED, Way};
use crate::policy::Compressor;
use crate::scan;
use crate::takeover::policy;
use crate::zlib::find;

/// libdeflate's blocks have so many bytes of input at least, but for the last, and pieces have more.
const LEAST_BLOCK: usize = 5000;
/// Bytes for header and trailer, and to spare.
const AROUND: usize = 64;
/// The smallest page there is here.
const PAGE: usize = 4096;

type Compress =
    unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize;

/// Says which level the compressor at an address has, if that is known.
pub type LevelOf = fn(usize) -> Option<u8>;

static LEVEL_OF: OnceLock<LevelOf> = OnceLock::new();

/// From now on compressors' levels are found by `level_of`; without it all calls are the real library's. Only the
/// first word counts.
pub fn levels_by(level_of: LevelOf) {
    // A second one is ignored.
    let _ = LEVEL_OF.set(level_of);
}

/// What stands around the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951, nothing.
    Raw,
}

impl Format {
    /// As libdeflate writes it at that level (`gzip_compress.c`, `zlib_compress.c`).
    fn header(self, level: u8) -> ([u8; 10], usize) {
        let mut bytes = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        match self {
            Self::Gzip => {
                bytes[8] = match level {
                    ..2 => 4,
                    2..8 => 0,
                    8.. => 2,
                };
                (bytes, 10)
            }
            Self::Zlib => {
                let flags = match level {
                    ..2 => 0x01,
                    2..6 => 0x5e,
                    6..8 => 0x9c,
                    8.. => 0xda,
                };
                bytes[..2].copy_from_slice(&[0x78, flags]);
                (bytes, 2)
            }
            Self::Raw => (bytes, 0),
        }
    }

    fn trailer(self, input: &[u8]) -> ([u8; 8], usize) {
        let mut bytes = [0; 8];
        match self {
            Self::Gzip => {
                let words = [scan::crc32(0, input), input.len() as u32];
                bytes.copy_from_slice(words.map(u32::to_le_bytes).as_flattened());
                (bytes, 8)
            }
            Self::Zlib => {
                bytes[..4].copy_from_slice(&scan::adler32(1, input).to_be_bytes());
                (bytes, 4)
            }
            Self::Raw => (bytes, 0),
        }
    }
}

/// `input` in that format by `compressor`, in the stead of libdeflate's `level`. Returns the bytes put out; `None` where
/// there is no room, or it cannot be done. zlib compresses no buffers.
pub fn compress(
    compressor: Compressor,
    format: Format,
    level: u8,
    input: &[u8],
    output: &mut [u8],
) -> Option<usize> {
    let (header, begin) = format.header(level);
    let (trailer, end) = match format {
        // The sums are dear: not for what then has no room.
        Format::Raw => ([0; 8], 0),
        _ => format.trailer(input),
    };
    let room = output.len().checked_sub(begin + end)?;
    let len = blocks(compressor, input, output.get_mut(begin..begin + room)?)?;
    output.get_mut(..begin)?.copy_from_slice(header.get(..begin)?);
    let total = begin + len + end;
    output.get_mut(begin + len..total)?.copy_from_slice(trailer.get(..end)?);
    Some(total)
}

fn blocks(compressor: Compressor, input: &[u8], output: &mut [u8]) -> Option<usize> {
    match compressor {
        Compressor::Zlib => None,
        Compressor::Libdeflate(level) => {
            libdeflate::with_compressor(level, |it| it.compress(input, output)).flatten()
        }
        Compressor::Isal(_) => pieces(Way { compressor, window_bits: 15 }, input, output),
    }
}

/// In pieces, each of which has those before it as its history.
fn pieces(way: Way, input: &[u8], output: &mut [u8]) -> Option<usize> {
    let mut done = 0;
    // Where there is no room to store a piece, it may still fit compressed.
    let mut aside = Vec::new();
    let mut from = 0;
    while from < input.len() {
        let to = input.len().min(from + LONGEST);
        let (piece, history) = (input.get(from..to)?, input.get(..from)?);
        let end = if to == input.len() { End::Last } else { End::Flush };
        let room = output.get_mut(done..)?;
        let most = piece.len() + STORED + MARKER.len();
        if room.len() >= most {
            done += put(way, history, piece, end, room)?;
        } else {
            if aside.len() < most {
                aside.try_reserve(most).ok()?;
                aside.resize(most, 0);
            }
            let len = put(way, history, piece, end, &mut aside)?;
            room.get_mut(..len)?.copy_from_slice(aside.get(..len)?);
            done += len;
        }
        from = to;
    }
    Some(done)
}

fn put(way: Way, history: &[u8], piece: &[u8], end: End, room: &mut [u8]) -> Option<usize> {
    // What is stored ends on a byte's boundary as well: the next piece goes on from there.
    piece::compress(way, history, piece, end, room).map(|piece| piece.len)
}

/// Why a call is the real library's.
fn decide(compressor: *mut c_void, len: usize) -> Result<(Compressor, u8), Buffer> {
    let level = LEVEL_OF.get().and_then(|level_of| level_of(compressor.addr()));
    let level = level.ok_or(Buffer::Unknown)?;
    let chosen = policy().and_then(|policy| policy.choose_for_buffer(level));
    let chosen = chosen.ok_or(Buffer::Level)?;
    if len < SHORTEST_WHOLE { Err(Buffer::Short) } else { Ok((chosen, level)) }
}

/// Each page of both is touched before a compressor or a scratch is taken. A server may map files for both, and jump
/// out of a call whose access faults because a file is too short (lighttpd's mod_deflate: `SIGBUS`, `siglongjmp`):
/// what is taken then would never be put back. A file that gets shorter between this and the call's end still costs
/// one compressor or scratch.
fn touch(input: &[u8], output: &mut [u8]) {
    let pages = |address: usize, len: usize| {
        let second = (PAGE - address % PAGE).min(len);
        std::iter::once(0).filter(move |_| len > 0).chain((second..len).step_by(PAGE))
    };
    for at in pages(input.as_ptr().addr(), input.len()) {
        if let Some(byte) = input.get(at) {
            // SAFETY: a reference is good to read from.
            unsafe { std::ptr::from_ref(byte).read_volatile() };
        }
    }
    for at in pages(output.as_ptr().addr(), output.len()) {
        if let Some(byte) = output.get_mut(at) {
            let byte = std::ptr::from_mut(byte);
            // SAFETY: a reference is good to read from.
            let same = unsafe { byte.read_volatile() };
            // SAFETY: and to write to.
            unsafe { byte.write_volatile(same) };
        }
    }
}

/// `None`: it is the real library's.
///
/// # Safety
/// `len` bytes at `data`, room for `available` bytes at `out`.
unsafe fn call(
    format: Format,
    compressor: *mut c_void,
    (data, len): (*const c_void, usize),
    (out, available): (*mut c_void, usize),
) -> Option<usize> {
    if compressor.is_null() || data.is_null() || out.is_null() {
        return None;
    }
    let (chosen, level) = match decide(compressor, len) {
        Ok(decided) => decided,
        Err(why) => {
            happened(Event::NotBuffer(why));
            return None;
        }
    };
    // SAFETY: by this function's contract.
    let input = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    // The caller may say that there is room without end: so much is enough for whatever comes of it.
    let room = available.min(len + (len / LEAST_BLOCK + 1) * (STORED + MARKER.len()) + AROUND);
    // SAFETY: as above; what lies there before is written over and not looked at.
    let output = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), room) };
    touch(input, output);
    let done = compress(chosen, format, level, input, output);
    happened(if done.is_some() { Event::Buffer } else { Event::NotBuffer(Buffer::Room) });
    done
}

macro_rules! functions {
    ($($name:ident $symbol:literal $format:ident $original:ident;)*) => {
        $(
            static $original: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

            /// # Safety
            /// The contract of libdeflate's function of that name.
            unsafe extern "C-unwind" fn $name(
                compressor: *mut c_void,
                data: *const c_void,
                len: usize,
                out: *mut c_void,
                available: usize,
            ) -> usize {
                let body = || {
                    // SAFETY: the API's contract.
                    unsafe { call(Format::$format, compressor, (data, len), (out, available)) }
                };
                // A panic would be a fault of this crate; what it has written is written again.
                if let Ok(Some(done)) = catch_unwind(AssertUnwindSafe(body)) {
                    return done;
                }
                match real(&$original, $symbol) {
                    // SAFETY: the caller's own arguments.
                    Some(original) => unsafe { original(compressor, data, len, out, available) },
                    // As where there is no room.
                    None => 0,
                }
            }
        )*

        /// The function that stands for libdeflate's of that name.
        pub(crate) fn instead_of(name: &CStr) -> Option<*mut c_void> {
            $(if name == $symbol { return Some($name as *mut c_void); })*
            None
        }
    };
}

functions! {
    gzip c"libdeflate_gzip_compress" Gzip GZIP;
    zlib c"libdeflate_zlib_compress" Zlib ZLIB;
    raw c"libdeflate_deflate_compress" Raw RAW;
}

/// The real library's function of that name. What is not known is looked for again: libdeflate may be loaded later, and
/// nobody waits for somebody who looks, and may have been lost in a fork.
fn real(known: &AtomicPtr<c_void>, name: &CStr) -> Option<Compress> {
    let mut address = known.load(Ordering::Acquire);
    if address.is_null() {
        address = find(name);
        known.store(address, Ordering::Release);
    }
    // SAFETY: the address of the real library's function of that name, whose type `libdeflate.h` gives.
    (!address.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Compress>(address) })
}
