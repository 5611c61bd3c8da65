//! The real zlib: what both tests call, and its structures.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong};

use interlude_deflate::ZStream;

type Stream = *mut ZStream;

/// The size that `deflateInit2_` and `inflateInit2_` are told.
pub(crate) const SIZE: c_int = size_of::<ZStream>() as c_int;

#[link(name = "z")]
unsafe extern "C-unwind" {
    pub(crate) fn deflateInit2_(
        z: Stream,
        level: c_int,
        method: c_int,
        window: c_int,
        memory: c_int,
        strategy: c_int,
        version: *const c_char,
        size: c_int,
    ) -> c_int;
    pub(crate) fn deflate(z: Stream, flush: c_int) -> c_int;
    pub(crate) fn deflateEnd(z: Stream) -> c_int;
    pub(crate) fn deflateSetDictionary(z: Stream, bytes: *const u8, len: c_uint) -> c_int;
    pub(crate) fn inflateInit2_(z: Stream, w: c_int, version: *const c_char, size: c_int) -> c_int;
    pub(crate) fn inflate(z: Stream, flush: c_int) -> c_int;
    pub(crate) fn inflateEnd(z: Stream) -> c_int;
    pub(crate) fn inflateSetDictionary(z: Stream, bytes: *const u8, len: c_uint) -> c_int;
    fn zlibVersion() -> *const c_char;
}

/// The version that the tests are linked with.
pub(crate) fn version() -> *const c_char {
    // SAFETY: no preconditions.
    unsafe { zlibVersion() }
}

/// Text of `z_stream.msg`.
pub(crate) fn message(z: &ZStream) -> Option<CString> {
    // SAFETY: null, or a terminated text of either library's.
    (!z.message.is_null()).then(|| unsafe { CStr::from_ptr(z.message) }.to_owned())
}

/// `gz_header`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) text: c_int,
    pub(crate) time: c_ulong,
    pub(crate) xflags: c_int,
    pub(crate) os: c_int,
    pub(crate) extra: *mut u8,
    pub(crate) extra_len: c_uint,
    pub(crate) extra_max: c_uint,
    pub(crate) name: *mut u8,
    pub(crate) name_max: c_uint,
    pub(crate) comment: *mut u8,
    pub(crate) comment_max: c_uint,
    pub(crate) hcrc: c_int,
    pub(crate) done: c_int,
}

impl Header {
    /// With a name, which is terminated.
    pub(crate) fn named(name: &mut [u8]) -> Self {
        let null = std::ptr::null_mut();
        Self {
            text: 0,
            time: 0,
            xflags: 0,
            os: 3,
            extra: null,
            extra_len: 0,
            extra_max: 0,
            name: name.as_mut_ptr(),
            name_max: 0,
            comment: null,
            comment_max: 0,
            hcrc: 0,
            done: 0,
        }
    }
}
