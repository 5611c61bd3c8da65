//! zlib's own types and functions: `zlib.h` of 1.2.13.
//!
//! Must not: decide anything. The functions are looked up once, by name, by whoever knows where the real
//! library is.

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use crate::state::State;

/// `Z_OK`.
pub(crate) const OK: c_int = 0;
/// `Z_STREAM_END`.
pub(crate) const STREAM_END: c_int = 1;
/// `Z_STREAM_ERROR`.
pub(crate) const STREAM_ERROR: c_int = -2;
/// `Z_MEM_ERROR`.
pub(crate) const MEM_ERROR: c_int = -4;
/// `Z_BUF_ERROR`.
pub(crate) const BUF_ERROR: c_int = -5;

/// `Z_NO_FLUSH`.
pub(crate) const NO_FLUSH: c_int = 0;
/// `Z_FULL_FLUSH`.
pub(crate) const FULL_FLUSH: c_int = 3;
/// `Z_FINISH`.
pub(crate) const FINISH: c_int = 4;
/// `Z_BLOCK`.
pub(crate) const BLOCK: c_int = 5;
/// `Z_TREES`: for `inflate` only.
pub(crate) const TREES: c_int = 6;

/// `Z_BINARY`.
pub(crate) const BINARY: c_int = 0;
/// `Z_TEXT`.
pub(crate) const TEXT: c_int = 1;
/// `Z_UNKNOWN`.
pub(crate) const UNKNOWN: c_int = 2;
/// `Z_DEFAULT_STRATEGY`.
pub(crate) const DEFAULT_STRATEGY: c_int = 0;
/// `Z_FIXED`, the last strategy.
pub(crate) const LAST_STRATEGY: c_int = 4;

/// `z_stream`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ZStream {
    /// Next byte of input.
    pub next_in: *const u8,
    /// Bytes there.
    pub avail_in: c_uint,
    /// Bytes of input so far.
    pub total_in: c_ulong,
    /// Where the next byte of output goes.
    pub next_out: *mut u8,
    /// Bytes of room there.
    pub avail_out: c_uint,
    /// Bytes of output so far.
    pub total_out: c_ulong,
    /// The latest error in words, or null.
    pub message: *const c_char,
    /// zlib's own.
    pub state: *mut State,
    /// The application's allocator, or null.
    pub allocate: *mut c_void,
    /// Its counterpart.
    pub free: *mut c_void,
    /// Its first argument.
    pub opaque: *mut c_void,
    /// `Z_BINARY`, `Z_TEXT` or `Z_UNKNOWN`.
    pub data_type: c_int,
    /// Checksum of the input so far, by the stream's wrapper.
    pub adler: c_ulong,
    /// Unused.
    pub reserved: c_ulong,
}

impl ZStream {
    /// As an application has it before `deflateInit2_` or `inflateInit2_`: zlib's own allocator.
    #[must_use]
    pub const fn zeroed() -> Self {
        let null = std::ptr::null_mut::<c_void>();
        Self {
            next_in: std::ptr::null(),
            avail_in: 0,
            total_in: 0,
            next_out: null.cast(),
            avail_out: 0,
            total_out: 0,
            message: std::ptr::null(),
            state: null.cast(),
            allocate: null,
            free: null,
            opaque: null,
            data_type: 0,
            adler: 0,
            reserved: 0,
        }
    }
}

macro_rules! originals {
    ($($(#[$doc:meta])* $field:ident $name:literal: fn($($type:ty),*) -> $result:ty,)*) => {
        /// The real library's functions.
        #[derive(Clone, Copy)]
        pub(crate) struct Originals {
            $($(#[$doc])* pub(crate) $field: unsafe extern "C-unwind" fn($($type),*) -> $result,)*
        }

        impl Originals {
            /// Looks all of them up; `None` if one is missing.
            pub(crate) fn find(find: Find) -> Option<Self> {
                Some(Self { $($field: {
                    const NAME: &CStr = match CStr::from_bytes_with_nul(
                        concat!($name, "\0").as_bytes(),
                    ) {
                        Ok(name) => name,
                        Err(_) => c"",
                    };
                    let address = find(NAME);
                    if address.is_null() {
                        return None;
                    }
                    type Function = unsafe extern "C-unwind" fn($($type),*) -> $result;
                    // SAFETY: `find` gives the address of the function of that name, whose type
                    // `zlib.h` gives.
                    unsafe { std::mem::transmute::<*mut c_void, Function>(address) }
                },)* })
            }
        }
    };
}

originals! {
    /// `deflate`.
    deflate "deflate": fn(*mut ZStream, c_int) -> c_int,
    /// `deflateEnd`.
    end "deflateEnd": fn(*mut ZStream) -> c_int,
    /// `deflateReset`.
    reset "deflateReset": fn(*mut ZStream) -> c_int,
    /// `deflateResetKeep`.
    reset_keep "deflateResetKeep": fn(*mut ZStream) -> c_int,
    /// `deflateParams`.
    params "deflateParams": fn(*mut ZStream, c_int, c_int) -> c_int,
    /// `deflateTune`.
    tune "deflateTune": fn(*mut ZStream, c_int, c_int, c_int, c_int) -> c_int,
    /// `deflateSetDictionary`.
    set_dictionary "deflateSetDictionary": fn(*mut ZStream, *const u8, c_uint) -> c_int,
    /// `deflateGetDictionary`.
    get_dictionary "deflateGetDictionary": fn(*mut ZStream, *mut u8, *mut c_uint) -> c_int,
    /// `deflateSetHeader`.
    set_header "deflateSetHeader": fn(*mut ZStream, *mut c_void) -> c_int,
    /// `deflatePrime`.
    prime "deflatePrime": fn(*mut ZStream, c_int, c_int) -> c_int,
    /// `deflatePending`.
    pending "deflatePending": fn(*mut ZStream, *mut c_uint, *mut c_int) -> c_int,
    /// `deflateCopy`.
    copy "deflateCopy": fn(*mut ZStream, *mut ZStream) -> c_int,
    /// `deflateBound`.
    bound "deflateBound": fn(*mut ZStream, c_ulong) -> c_ulong,
    /// `deflateInit2_`.
    init "deflateInit2_":
        fn(*mut ZStream, c_int, c_int, c_int, c_int, c_int, *const c_char, c_int) -> c_int,
    /// `inflate`.
    inflate "inflate": fn(*mut ZStream, c_int) -> c_int,
    /// `inflateSetDictionary`.
    inflate_set_dictionary "inflateSetDictionary": fn(*mut ZStream, *const u8, c_uint) -> c_int,
    /// `inflateEnd`.
    inflate_end "inflateEnd": fn(*mut ZStream) -> c_int,
    /// `inflateInit2_`.
    inflate_init "inflateInit2_": fn(*mut ZStream, c_int, *const c_char, c_int) -> c_int,
    /// `zlibVersion`.
    version "zlibVersion": fn() -> *const c_char,
}

/// Finds a function of the real library by its name; null if there is none.
pub type Find = fn(&CStr) -> *mut c_void;

static FIND: OnceLock<Find> = OnceLock::new();
static ORIGINALS: OnceLock<Option<Originals>> = OnceLock::new();

/// Says how the real functions are found. The first word counts.
pub(crate) fn found_by(find: Find) {
    // A second one is ignored.
    let _ = FIND.set(find);
}

/// The real library's function of that name, or libdeflate's; null if there is none.
pub(crate) fn find(name: &CStr) -> *mut c_void {
    FIND.get().map_or(std::ptr::null_mut(), |find| find(name))
}

/// The real functions; `None` where they are not to be had.
#[inline]
pub(crate) fn originals() -> Option<&'static Originals> {
    ORIGINALS.get_or_init(|| FIND.get().and_then(|find| Originals::find(*find))).as_ref()
}

/// `zError`'s text of an error, as `z_stream.msg` has it.
pub(crate) fn message(error: c_int) -> *const c_char {
    match error {
        STREAM_ERROR => c"stream error".as_ptr(),
        BUF_ERROR => c"buffer error".as_ptr(),
        _ => c"".as_ptr(),
    }
}

/// zlib's `RANK`: the order of flushes by what they bring about.
pub(crate) fn rank(flush: c_int) -> c_int {
    flush * 2 - if flush > FINISH { 9 } else { 0 }
}

/// The signed type of `block_start`.
pub(crate) type Long = c_long;
