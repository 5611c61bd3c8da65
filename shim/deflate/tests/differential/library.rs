//! The real zlib, and the functions that stand for it: two tables of the same types.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Once, OnceLock};

use interlude_deflate::{Event, Policy, ZStream, entry};

use crate::common::zlib;

type Stream = *mut ZStream;

mod real {
    use super::*;
    pub(crate) use crate::common::zlib::{
        deflate, deflateEnd, deflateInit2_, deflateSetDictionary, inflate, inflateEnd,
        inflateInit2_, inflateSetDictionary,
    };

    #[link(name = "z")]
    unsafe extern "C-unwind" {
        pub(crate) fn deflateResetKeep(z: Stream) -> c_int;
        pub(crate) fn deflateParams(z: Stream, level: c_int, strategy: c_int) -> c_int;
        pub(crate) fn deflateTune(z: Stream, a: c_int, b: c_int, c: c_int, d: c_int) -> c_int;
        pub(crate) fn deflateGetDictionary(z: Stream, bytes: *mut u8, len: *mut c_uint) -> c_int;
        pub(crate) fn deflateSetHeader(z: Stream, header: *mut c_void) -> c_int;
        pub(crate) fn deflatePrime(z: Stream, bits: c_int, value: c_int) -> c_int;
        pub(crate) fn deflatePending(z: Stream, pending: *mut c_uint, bits: *mut c_int) -> c_int;
        pub(crate) fn deflateCopy(to: Stream, from: Stream) -> c_int;
        pub(crate) fn deflateBound(z: Stream, len: c_ulong) -> c_ulong;
    }
}

/// What zlib's own `deflateInit2_` calls, as it does in a server: `build.rs` has this exported.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn deflateReset(z: Stream) -> c_int {
    if IS_STARTED.load(Ordering::SeqCst) {
        // SAFETY: the caller's own argument.
        unsafe { entry::reset(z) }
    } else {
        // SAFETY: as above.
        unsafe { real_reset(z) }
    }
}

static IS_STARTED: AtomicBool = AtomicBool::new(false);

unsafe extern "C-unwind" fn real_reset(z: Stream) -> c_int {
    static REAL: OnceLock<usize> = OnceLock::new();
    let real = REAL.get_or_init(|| {
        // SAFETY: a terminated name.
        unsafe { libc::dlsym(libc::RTLD_NEXT, c"deflateReset".as_ptr()) }.expose_provenance()
    });
    // SAFETY: zlib's function, of that type.
    let real: unsafe extern "C-unwind" fn(Stream) -> c_int =
        unsafe { std::mem::transmute(std::ptr::with_exposed_provenance::<c_void>(*real)) };
    // SAFETY: the caller's own argument.
    unsafe { real(z) }
}

type Init = unsafe extern "C-unwind" fn(
    Stream,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    *const c_char,
    c_int,
) -> c_int;

pub(crate) use real::{deflateInit2_, inflate, inflateEnd, inflateInit2_, inflateSetDictionary};

/// The calls of `deflate`, as one library or the other has them.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub(crate) name: &'static str,
    pub(crate) init: Init,
    pub(crate) deflate: unsafe extern "C-unwind" fn(Stream, c_int) -> c_int,
    pub(crate) end: unsafe extern "C-unwind" fn(Stream) -> c_int,
    pub(crate) reset: unsafe extern "C-unwind" fn(Stream) -> c_int,
    pub(crate) reset_keep: unsafe extern "C-unwind" fn(Stream) -> c_int,
    pub(crate) params: unsafe extern "C-unwind" fn(Stream, c_int, c_int) -> c_int,
    pub(crate) tune: unsafe extern "C-unwind" fn(Stream, c_int, c_int, c_int, c_int) -> c_int,
    pub(crate) set_dictionary: unsafe extern "C-unwind" fn(Stream, *const u8, c_uint) -> c_int,
    pub(crate) get_dictionary: unsafe extern "C-unwind" fn(Stream, *mut u8, *mut c_uint) -> c_int,
    pub(crate) set_header: unsafe extern "C-unwind" fn(Stream, *mut c_void) -> c_int,
    pub(crate) prime: unsafe extern "C-unwind" fn(Stream, c_int, c_int) -> c_int,
    pub(crate) pending: unsafe extern "C-unwind" fn(Stream, *mut c_uint, *mut c_int) -> c_int,
    pub(crate) copy: unsafe extern "C-unwind" fn(Stream, Stream) -> c_int,
    pub(crate) bound: unsafe extern "C-unwind" fn(Stream, c_ulong) -> c_ulong,
}

pub(crate) const REAL: Api = Api {
    name: "zlib",
    init: real::deflateInit2_,
    deflate: real::deflate,
    end: real::deflateEnd,
    reset: real_reset,
    reset_keep: real::deflateResetKeep,
    params: real::deflateParams,
    tune: real::deflateTune,
    set_dictionary: real::deflateSetDictionary,
    get_dictionary: real::deflateGetDictionary,
    set_header: real::deflateSetHeader,
    prime: real::deflatePrime,
    pending: real::deflatePending,
    copy: real::deflateCopy,
    bound: real::deflateBound,
};

pub(crate) const OURS: Api = Api {
    name: "ours",
    init: entry::init,
    deflate: entry::deflate,
    end: entry::end,
    reset: entry::reset,
    reset_keep: entry::reset_keep,
    params: entry::params,
    tune: entry::tune,
    set_dictionary: entry::set_dictionary,
    get_dictionary: entry::get_dictionary,
    set_header: entry::set_header,
    prime: entry::prime,
    pending: entry::pending,
    copy: entry::copy,
    bound: entry::bound,
};

fn find(name: &CStr) -> *mut c_void {
    match name.to_bytes() {
        b"deflate" => real::deflate as *mut c_void,
        b"deflateEnd" => real::deflateEnd as *mut c_void,
        b"deflateReset" => real_reset as *mut c_void,
        b"deflateResetKeep" => real::deflateResetKeep as *mut c_void,
        b"deflateParams" => real::deflateParams as *mut c_void,
        b"deflateTune" => real::deflateTune as *mut c_void,
        b"deflateSetDictionary" => real::deflateSetDictionary as *mut c_void,
        b"deflateGetDictionary" => real::deflateGetDictionary as *mut c_void,
        b"deflateSetHeader" => real::deflateSetHeader as *mut c_void,
        b"deflatePrime" => real::deflatePrime as *mut c_void,
        b"deflatePending" => real::deflatePending as *mut c_void,
        b"deflateCopy" => real::deflateCopy as *mut c_void,
        b"deflateBound" => real::deflateBound as *mut c_void,
        b"inflate" => real::inflate as *mut c_void,
        b"inflateSetDictionary" => real::inflateSetDictionary as *mut c_void,
        b"inflateInit2_" => real::inflateInit2_ as *mut c_void,
        b"inflateEnd" => real::inflateEnd as *mut c_void,
        b"deflateInit2_" => real::deflateInit2_ as *mut c_void,
        b"zlibVersion" => zlib::version as *mut c_void,
        _ => std::ptr::null_mut(),
    }
}

/// Streams taken over, left to zlib, handed over, compressed as whole buffers, and not as such.
pub(crate) static EVENTS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

thread_local! {
    static SEEN: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
}

/// What has happened on this thread since this was asked before.
pub(crate) fn seen() -> Vec<Event> {
    SEEN.take()
}

fn observe(event: Event) {
    SEEN.with_borrow_mut(|seen| {
        // Only some tests ask.
        if seen.len() > 1000 {
            seen.clear();
        }
        seen.push(event);
    });
    let index = match event {
        Event::Taken => 0,
        Event::Left(_) => 1,
        Event::HandedOver(_) => 2,
        Event::Whole => 3,
        Event::InPieces(_) => 4,
        Event::Decoded | Event::NotDecoded(_) | Event::Buffer | Event::NotBuffer(_) => return,
    };
    EVENTS[index].fetch_add(1, Ordering::Relaxed);
}

/// Says that the policy is another one: a process has one for all of its streams.
pub(crate) const OTHER_POLICY: &str = "INTERLUDE_TEST_OTHER_POLICY";

/// In most levels libdeflate does what comes whole, and zlib what does not; or ISA-L does all, at its several levels
/// (`balanced`) or at its lowest (`fastest`).
pub(crate) fn policy() -> Policy {
    match std::env::var(OTHER_POLICY).as_deref() {
        Err(_) | Ok("" | "never-bigger") => Policy::NeverBigger,
        Ok("balanced") => Policy::Balanced,
        Ok("fastest") => Policy::Fastest,
        Ok(other) => panic!("{OTHER_POLICY}={other}"),
    }
}

/// Begins taking over. The first stream looks at zlib, and what others begin meanwhile is left to that.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        interlude_deflate::start(policy(), find, observe);
        IS_STARTED.store(true, Ordering::SeqCst);
        let (input, mut output) = ([0u8; 300], [0u8; 1024]);
        let mut z = ZStream::zeroed();
        // SAFETY: a zeroed stream, which asks for zlib's own allocator.
        let code =
            unsafe { deflateInit2_(&raw mut z, 6, 8, -15, 8, 0, zlib::version(), zlib::SIZE) };
        assert_eq!(code, 0);
        (z.next_in, z.avail_in) = (input.as_ptr(), 300);
        (z.next_out, z.avail_out) = (output.as_mut_ptr(), 1024);
        // SAFETY: a stream with both buffers.
        unsafe { (OURS.deflate)(&raw mut z, 0) };
        // SAFETY: a stream that is ended once, whatever is still to come of it.
        unsafe { (OURS.end)(&raw mut z) };
        seen();
    });
}
