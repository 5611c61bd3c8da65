//! The real zlib, and who counts what becomes of calls.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::sync::Once;

use interlude_deflate::{Event, Left, Policy, ZStream};

use crate::common::zlib;
pub(crate) use crate::common::zlib::{
    deflate, deflateEnd, deflateInit2_, deflateSetDictionary, inflate, inflateEnd, inflateInit2_,
    inflateSetDictionary,
};

type Stream = *mut ZStream;

#[link(name = "z")]
unsafe extern "C-unwind" {
    pub(crate) fn inflateGetDictionary(z: Stream, bytes: *mut u8, len: *mut c_uint) -> c_int;
    pub(crate) fn inflateSync(z: Stream) -> c_int;
    pub(crate) fn inflateSyncPoint(z: Stream) -> c_int;
    pub(crate) fn inflateCopy(to: Stream, from: Stream) -> c_int;
    pub(crate) fn inflateReset(z: Stream) -> c_int;
    pub(crate) fn inflateReset2(z: Stream, window: c_int) -> c_int;
    pub(crate) fn inflateResetKeep(z: Stream) -> c_int;
    pub(crate) fn inflatePrime(z: Stream, bits: c_int, value: c_int) -> c_int;
    pub(crate) fn inflateMark(z: Stream) -> c_long;
    pub(crate) fn inflateGetHeader(z: Stream, header: *mut c_void) -> c_int;
    pub(crate) fn inflateUndermine(z: Stream, subvert: c_int) -> c_int;
    pub(crate) fn inflateValidate(z: Stream, check: c_int) -> c_int;
    pub(crate) fn inflateCodesUsed(z: Stream) -> c_ulong;
}

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `inflate`, as one library or the other has it.
pub(crate) type Inflate = unsafe extern "C-unwind" fn(Stream, c_int) -> c_int;

pub(crate) const REAL: Inflate = inflate;
pub(crate) const OURS: Inflate = interlude_deflate::inflate::inflate;

fn find(name: &CStr) -> *mut c_void {
    // SAFETY: a terminated name; null is the global scope, where the linked library is.
    unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) }
}

/// Calls of `inflate` on this thread, so none of other tests: decoded by ISA-L, and left for each reason.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "said in messages")]
pub(crate) struct Counts {
    pub(crate) decoded: u64,
    pub(crate) little: u64,
    pub(crate) blocks: u64,
    pub(crate) window: u64,
    pub(crate) refused: u64,
    pub(crate) stored: u64,
    pub(crate) unknown: u64,
}

thread_local! {
    static COUNTS: [Cell<u64>; 7] = const { [const { Cell::new(0) }; 7] };
}

pub(crate) fn counts() -> Counts {
    let [decoded, little, blocks, window, refused, stored, unknown] =
        COUNTS.with(|counts| std::array::from_fn(|i| counts[i].get()));
    Counts { decoded, little, blocks, window, refused, stored, unknown }
}

fn observe(event: Event) {
    let index = match event {
        Event::Decoded => 0,
        Event::NotDecoded(Left::Little) => 1,
        Event::NotDecoded(Left::Blocks) => 2,
        Event::NotDecoded(Left::Window) => 3,
        Event::NotDecoded(Left::Refused) => 4,
        Event::NotDecoded(Left::Stored) => 5,
        Event::NotDecoded(Left::Unknown) => 6,
        Event::Taken
        | Event::Left(_)
        | Event::HandedOver(_)
        | Event::Whole
        | Event::InPieces(_)
        | Event::Buffer
        | Event::NotBuffer(_) => return,
    };
    COUNTS.with(|counts| counts[index].update(|count| count + 1));
}

/// Begins, and lets zlib's state be looked at: others that come meanwhile would be zlib's.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        interlude_deflate::start(Policy::default(), find, observe);
        let (input, mut output) = ([0u8; 300], [0u8; 1024]);
        let mut z = ZStream::zeroed();
        // SAFETY: a zeroed stream, which asks for zlib's own allocator.
        let code = unsafe { inflateInit2_(&raw mut z, -15, zlib::version(), zlib::SIZE) };
        assert_eq!(code, 0);
        (z.next_in, z.avail_in) = (input.as_ptr(), 300);
        (z.next_out, z.avail_out) = (output.as_mut_ptr(), 1024);
        // SAFETY: a stream with both buffers.
        unsafe { OURS(&raw mut z, 0) };
        // SAFETY: a stream that is ended once.
        assert_eq!(unsafe { inflateEnd(&raw mut z) }, 0);
    });
}
