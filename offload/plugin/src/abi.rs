//! `include/interlude_engine.h`, as Rust has it: the types that cross the border, and nothing else.

use std::ffi::{c_char, c_int};

/// `INTERLUDE_ENGINE_ABI`.
pub(crate) const VERSION: u32 = 1;
/// `INTERLUDE_COMPRESS`.
pub(crate) const COMPRESS: u32 = 1;
/// `INTERLUDE_DONE`.
pub(crate) const DONE: i32 = 0;
/// `INTERLUDE_DECLINED`.
pub(crate) const DECLINED: i32 = 1;
/// `INTERLUDE_HAS_CRC32`.
pub(crate) const HAS_CRC32: u32 = 1;
/// `INTERLUDE_HAS_ADLER32`.
pub(crate) const HAS_ADLER32: u32 = 2;

/// The plugin's own.
#[repr(C)]
pub(crate) struct RawQueue {
    _opaque: [u8; 0],
}

/// `struct interlude_request`.
#[repr(C)]
pub(crate) struct RawRequest {
    pub(crate) ticket: u64,
    pub(crate) operation: u32,
    pub(crate) level: u32,
    pub(crate) window_bits: u32,
    pub(crate) reserved: u32,
    pub(crate) input: *const u8,
    pub(crate) input_len: u64,
    pub(crate) output: *mut u8,
    pub(crate) capacity: u64,
}

/// `struct interlude_completion`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct RawCompletion {
    pub(crate) ticket: u64,
    pub(crate) status: i32,
    pub(crate) has: u32,
    pub(crate) produced: u64,
    pub(crate) crc32: u32,
    pub(crate) adler32: u32,
}

/// `struct interlude_engine_plugin`. Any of the functions may be missing.
#[repr(C)]
pub(crate) struct RawPlugin {
    pub(crate) abi_version: u32,
    pub(crate) queue: u32,
    pub(crate) parallel: u32,
    pub(crate) reserved: u32,
    pub(crate) name: *const c_char,
    pub(crate) version: *const c_char,
    pub(crate) open: Option<Open>,
    pub(crate) accepts: Option<Accepts>,
    pub(crate) submit: Option<Submit>,
    pub(crate) poll: Option<Poll>,
    pub(crate) fd: Option<OfQueue<c_int>>,
    pub(crate) arm: Option<OfQueue<c_int>>,
    pub(crate) disarm: Option<OfQueue<()>>,
    pub(crate) close: Option<OfQueue<()>>,
}

pub(crate) type Entry = unsafe extern "C" fn(u32) -> *const RawPlugin;
pub(crate) type Open = unsafe extern "C" fn(*const c_char, *mut *mut RawQueue) -> c_int;
pub(crate) type Accepts = unsafe extern "C" fn(*mut RawQueue, u32, u64) -> c_int;
pub(crate) type Submit = unsafe extern "C" fn(*mut RawQueue, *const RawRequest) -> c_int;
pub(crate) type Poll = unsafe extern "C" fn(*mut RawQueue, *mut RawCompletion, u32) -> u32;
pub(crate) type OfQueue<T> = unsafe extern "C" fn(*mut RawQueue) -> T;

// The C side of the tests asserts the same (`tests/c/faulty.c`).
const _: () = assert!(size_of::<RawRequest>() == 56);
const _: () = assert!(size_of::<RawCompletion>() == 32);
const _: () = assert!(size_of::<RawPlugin>() == 96);
