//! One input through one compressor, in the way in which a stream that was taken over would be: for
//! calibrations.
//!
//! Whatever compresses, zlib initialises and ends a stream for it, as it does for those that are taken over. A
//! [`Stream`] is zlib's alone, of which nothing but its calls of `deflate` is to be measured.
//!
//! Must not: be used where a stream is compressed for an application.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use crate::isal::End;
use crate::piece::{self, LONGEST, MARKER, STORED, Way};
use crate::policy::Compressor;
use crate::zlib::{self, FINISH, Originals, ZStream};

/// The longest whole buffer of a stream with a `memLevel` of 8, in bytes.
pub const LONGEST_WHOLE: usize = LONGEST + 1 - STORED - MARKER.len() - 8;

const WINDOW_BITS: u8 = 15;
/// zlib's window, in bytes.
const WINDOW: usize = 1 << WINDOW_BITS;

/// Compresses with whatever is to be compared. Output is raw deflate.
pub struct Trial {
    zlib: Originals,
    output: Vec<u8>,
}

impl Trial {
    /// With the system's zlib, which is opened; `None` where there is none.
    #[must_use]
    pub fn open() -> Option<Self> {
        Originals::find(find).map(|zlib| Self { zlib, output: Vec::new() })
    }

    /// zlib's version.
    #[must_use]
    pub fn version(&self) -> String {
        // SAFETY: no preconditions.
        let version = unsafe { (self.zlib.version)() };
        if version.is_null() {
            return String::new();
        }
        // SAFETY: zlib's own, terminated text.
        unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
    }

    /// Compresses `input` by `compressor`, in the stead of zlib's `level`. Libdeflate: as one buffer, of at
    /// most [`LONGEST_WHOLE`] bytes; ISA-L: in the pieces of a stream. Returns the bytes put out; `None`
    /// where the compressor cannot do it.
    pub fn compress(
        &mut self,
        compressor: Compressor,
        level: c_int,
        input: &[u8],
    ) -> Option<&[u8]> {
        let room = input.len() + input.len() / 1000 + 1000;
        if self.output.len() < room {
            self.output.resize(room, 0);
        }
        let mut stream = Stream::new(self.zlib, level)?;
        let way = Way { compressor, window_bits: WINDOW_BITS };
        let len = match compressor {
            Compressor::Zlib => stream.finish(input, &mut self.output)?,
            Compressor::Isal(_) => in_pieces(way, input, &mut self.output)?,
            Compressor::Libdeflate(_) if input.len() > LONGEST_WHOLE => return None,
            Compressor::Libdeflate(_) => {
                piece::compress(way, &[], input, End::Last, &mut self.output)?.len
            }
        };
        self.output.get(..len)
    }
}

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The address of a function of the system's zlib; null where there is none.
fn find(name: &CStr) -> *mut c_void {
    const RTLD_NOW: c_int = 2;
    static LIBRARY: OnceLock<usize> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        // SAFETY: a terminated name; zlib has no constructors that do anything.
        unsafe { dlopen(c"libz.so.1".as_ptr(), RTLD_NOW) }.expose_provenance()
    });
    if *library == 0 {
        return std::ptr::null_mut();
    }
    // SAFETY: a library that is never closed, and a terminated name.
    unsafe { dlsym(std::ptr::with_exposed_provenance_mut(*library), name.as_ptr()) }
}

/// The first piece fills the room of history and input, others what history leaves of it.
fn in_pieces(way: Way, input: &[u8], output: &mut [u8]) -> Option<usize> {
    let (mut at, mut put_out) = (0, 0);
    loop {
        let longest = if at == 0 { LONGEST_WHOLE } else { WINDOW };
        let until = input.len().min(at + longest);
        let history = input.get(at.saturating_sub(WINDOW)..at)?;
        let piece = input.get(at..until)?;
        let end = if until == input.len() { End::Last } else { End::Flush };
        put_out += piece::compress(way, history, piece, end, output.get_mut(put_out..)?)?.len;
        at = until;
        if end == End::Last {
            return Some(put_out);
        }
    }
}

/// A stream of the system's zlib, raw deflate, for one input after the other.
pub struct Stream {
    zlib: Originals,
    stream: Box<ZStream>,
}

// SAFETY: zlib binds a stream to no thread; its buffers are named for one call only, and it is used
// through `&mut`.
unsafe impl Send for Stream {}

impl Stream {
    /// A stream at zlib's `level`; `None` where there is no zlib.
    #[must_use]
    pub fn open(level: u8) -> Option<Self> {
        Self::new(Originals::find(find)?, level.into())
    }

    /// As it was when it was opened; false where zlib does not want to.
    pub fn reset(&mut self) -> bool {
        // SAFETY: a stream that was initialised.
        unsafe { (self.zlib.reset)(&raw mut *self.stream) == zlib::OK }
    }

    fn new(zlib: Originals, level: c_int) -> Option<Self> {
        let mut stream = Box::new(ZStream::zeroed());
        let (bits, size) = (-c_int::from(WINDOW_BITS), size_of::<ZStream>() as c_int);
        // SAFETY: no preconditions.
        let version = unsafe { (zlib.version)() };
        // SAFETY: a zeroed stream, which asks for zlib's own allocator.
        let made = unsafe { (zlib.init)(&raw mut *stream, level, 8, bits, 8, 0, version, size) };
        (made == zlib::OK).then_some(Self { zlib, stream })
    }

    /// All of the input by one call, which ends the stream; returns the bytes put out, `None` where there is
    /// not room enough.
    pub fn finish(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = c_uint::try_from(input.len()).ok()?;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = c_uint::try_from(output.len()).ok()?;
        // SAFETY: a stream with both buffers.
        let ended = unsafe { (self.zlib.deflate)(&raw mut *self.stream, FINISH) };
        (ended == zlib::STREAM_END).then_some(self.stream.total_out as usize)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and ended once.
        unsafe { (self.zlib.end)(&raw mut *self.stream) };
    }
}
