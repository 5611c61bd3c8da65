//! What stands for libdeflate's `*_compress` in a process that does as servers do: its buffers are mapped files,
//! which are too short, and libdeflate itself is loaded later.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use interlude_deflate::{Policy, buffer};

type Compress =
    unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize;

const PAGE: usize = 4096;
const LEN: usize = 50 * PAGE;

static IS_LOADED: AtomicBool = AtomicBool::new(false);

/// As libdeflate's, but for what it does.
unsafe extern "C-unwind" fn loaded(
    _: *mut c_void,
    _: *const c_void,
    _: usize,
    _: *mut c_void,
    _: usize,
) -> usize {
    77
}

fn find(_: &CStr) -> *mut c_void {
    if IS_LOADED.load(Ordering::SeqCst) { loaded as *mut c_void } else { std::ptr::null_mut() }
}

/// By `balanced`: ISA-L at level 1, libdeflate at 8. A compressor's address is its level: none is looked at.
fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        interlude_deflate::start(Policy::Balanced, find, |_| ());
        buffer::levels_by(|address| u8::try_from(address).ok());
    });
}

fn compressor(level: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(level)
}

fn gzip() -> Compress {
    let function = interlude_deflate::instead_of(c"libdeflate_gzip_compress").unwrap();
    // SAFETY: a function of libdeflate's type.
    unsafe { std::mem::transmute::<*mut c_void, Compress>(function) }
}

/// Where a mapped file begins that is too short, and its fd.
static BEGIN: AtomicUsize = AtomicUsize::new(0);
static FILE: AtomicI32 = AtomicI32::new(-1);
static FAULTS: AtomicUsize = AtomicUsize::new(0);
/// Of the file's first page, which is there: bytes that had been written to when an access faulted.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// Makes the file one page longer than to where it faulted: the access is made again.
extern "C" fn lengthen(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel's own description of the signal.
    let info = unsafe { &*info };
    // SAFETY: a fault's description has an address.
    let address = unsafe { info.si_addr() }.addr();
    let begin = BEGIN.load(Ordering::SeqCst);
    let is_ours = (begin..begin + 2 * LEN).contains(&address);
    let len = (address.wrapping_sub(begin) / PAGE + 1) * PAGE;
    // SAFETY: no preconditions.
    let longer =
        is_ours && unsafe { libc::ftruncate(FILE.load(Ordering::SeqCst), len as i64) } == 0;
    if !longer {
        // SAFETY: no preconditions; the access faults again, and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    FAULTS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: a page that is mapped.
    let first =
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(begin), PAGE) };
    let written = first.iter().filter(|byte| **byte != b'x').count();
    WRITTEN.fetch_max(written, Ordering::SeqCst);
}

/// A file of one page of `x`, mapped as if it had twice [`LEN`] bytes.
fn map() -> *mut u8 {
    // SAFETY: a terminated name.
    let fd = unsafe { libc::memfd_create(c"short".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: an fd of ours; a page of bytes.
    let written = unsafe { libc::write(fd, [b'x'; PAGE].as_ptr().cast(), PAGE) };
    assert_eq!(written, PAGE as isize);
    let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a new mapping.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), 2 * LEN, access, shared, fd, 0) };
    assert_ne!(place, libc::MAP_FAILED);
    BEGIN.store(place.expose_provenance(), Ordering::SeqCst);
    FILE.store(fd, Ordering::SeqCst);
    FAULTS.store(0, Ordering::SeqCst);
    WRITTEN.store(0, Ordering::SeqCst);
    place.cast()
}

fn unmap(place: *mut u8) {
    // SAFETY: mapped by `map`; nobody uses it any more.
    assert_eq!(unsafe { libc::munmap(place.cast(), 2 * LEN) }, 0);
    // SAFETY: opened by `map`.
    assert_eq!(unsafe { libc::close(FILE.swap(-1, Ordering::SeqCst)) }, 0);
}

/// A server may jump out of the call where an access faults, so nothing may be taken by then: all faults there can
/// be come before the first byte is put out.
#[test]
fn what_can_fault_faults_before_anything_is_taken() {
    start();
    // SAFETY: zeroed is a valid value.
    let mut action = unsafe { std::mem::zeroed::<libc::sigaction>() };
    action.sa_sigaction = lengthen as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: a handler of that type, which does what a handler may.
    let set = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    // SAFETY: a compressor that nobody looks at, and both buffers of the sizes that are said.
    let call = |level, from: *const u8, len, to: *mut u8, room| unsafe {
        gzip()(compressor(level), from.cast(), len, to.cast(), room)
    };
    let numbers = (0u32..).flat_map(|n| (n * 7919).to_string().into_bytes());
    let text: Vec<u8> = numbers.take(LEN).collect();
    for level in [1, 8] {
        let mut plain = vec![0; 2 * LEN];
        let len = call(level, text.as_ptr(), LEN, plain.as_mut_ptr(), LEN);
        assert!(len > PAGE && len < LEN - 4 * PAGE, "level {level}: {len}");
        // The output, from the midst of a page to the midst of another.
        let place = map();
        // SAFETY: within the mapping.
        let to = unsafe { place.add(100) };
        assert_eq!(call(level, text.as_ptr(), LEN, to, LEN), len, "level {level}");
        // SAFETY: as above; so many bytes were put out.
        assert!(unsafe { std::slice::from_raw_parts(to, len) } == &plain[..len], "level {level}");
        assert_eq!(WRITTEN.load(Ordering::SeqCst), 0, "level {level}: faults come too late");
        assert_eq!(FAULTS.load(Ordering::SeqCst), LEN / PAGE, "level {level}: output");
        unmap(place);
        // The input: zeros behind the first page.
        let mut input = vec![0; LEN];
        input[..PAGE].fill(b'x');
        let len = call(level, input.as_ptr(), LEN, plain.as_mut_ptr(), LEN);
        let (place, mut output) = (map(), vec![0x5a; LEN]);
        assert_eq!(call(level, place, LEN, output.as_mut_ptr(), LEN), len, "level {level}");
        assert!(output[..len] == plain[..len], "level {level}");
        assert_eq!(FAULTS.load(Ordering::SeqCst), LEN / PAGE - 1, "level {level}: input");
        unmap(place);
    }
}

#[test]
fn a_libdeflate_that_is_loaded_later_is_found() {
    start();
    let call = || {
        let (from, mut to) = ([1u8; 8], [0u8; 8]);
        // SAFETY: a compressor of no known level, at which nobody looks, and both buffers of the sizes that are said.
        unsafe { gzip()(compressor(1000), from.as_ptr().cast(), 8, to.as_mut_ptr().cast(), 8) }
    };
    assert_eq!(call(), 0);
    IS_LOADED.store(true, Ordering::SeqCst);
    assert_eq!(call(), 77);
}
