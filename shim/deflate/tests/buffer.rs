//! What stands for libdeflate's `*_compress` beside the real library: what it puts out is what the real one unpacks,
//! in as little room and within the same bound, and what is not done here is the real one's, byte for byte.

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, Once};

use interlude_deflate::buffer::{self, Format};
use interlude_deflate::{Buffer, Compressor, Event, Policy};

type Compress =
    unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize;
type Bound = unsafe extern "C-unwind" fn(*mut c_void, usize) -> usize;
type Unpack = unsafe extern "C-unwind" fn(
    *mut c_void,
    *const c_void,
    usize,
    *mut c_void,
    usize,
    *mut usize,
) -> c_int;

#[link(name = "deflate")]
unsafe extern "C-unwind" {
    fn libdeflate_alloc_compressor(level: c_int) -> *mut c_void;
    fn libdeflate_free_compressor(compressor: *mut c_void);
    fn libdeflate_alloc_decompressor() -> *mut c_void;
    fn libdeflate_free_decompressor(decompressor: *mut c_void);
    fn libdeflate_gzip_compress(
        c: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
    ) -> usize;
    fn libdeflate_zlib_compress(
        c: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
    ) -> usize;
    fn libdeflate_deflate_compress(
        c: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
    ) -> usize;
    fn libdeflate_gzip_compress_bound(c: *mut c_void, len: usize) -> usize;
    fn libdeflate_zlib_compress_bound(c: *mut c_void, len: usize) -> usize;
    fn libdeflate_deflate_compress_bound(c: *mut c_void, len: usize) -> usize;
    fn libdeflate_gzip_decompress(
        d: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
        produced: *mut usize,
    ) -> c_int;
    fn libdeflate_zlib_decompress(
        d: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
        produced: *mut usize,
    ) -> c_int;
    fn libdeflate_deflate_decompress(
        d: *mut c_void,
        from: *const c_void,
        len: usize,
        to: *mut c_void,
        room: usize,
        produced: *mut usize,
    ) -> c_int;
}

struct Real {
    format: Format,
    name: &'static CStr,
    compress: Compress,
    bound: Bound,
    unpack: Unpack,
    /// Bytes of header and trailer.
    around: (usize, usize),
}

const REAL: [Real; 3] = [
    Real {
        format: Format::Gzip,
        name: c"libdeflate_gzip_compress",
        compress: libdeflate_gzip_compress,
        bound: libdeflate_gzip_compress_bound,
        unpack: libdeflate_gzip_decompress,
        around: (10, 8),
    },
    Real {
        format: Format::Zlib,
        name: c"libdeflate_zlib_compress",
        compress: libdeflate_zlib_compress,
        bound: libdeflate_zlib_compress_bound,
        unpack: libdeflate_zlib_decompress,
        around: (2, 4),
    },
    Real {
        format: Format::Raw,
        name: c"libdeflate_deflate_compress",
        compress: libdeflate_deflate_compress,
        bound: libdeflate_deflate_compress_bound,
        unpack: libdeflate_deflate_decompress,
        around: (0, 0),
    },
];

/// Levels of the compressors that are known, as the shim's hooks know them.
static LEVELS: LazyLock<Mutex<HashMap<usize, u8>>> = LazyLock::new(Mutex::default);
static DONE: AtomicU64 = AtomicU64::new(0);
static NO_ROOM: AtomicU64 = AtomicU64::new(0);

fn find(name: &CStr) -> *mut c_void {
    REAL.iter()
        .find(|real| real.name == name)
        .map_or(std::ptr::null_mut(), |real| real.compress as *mut c_void)
}

fn observe(event: Event) {
    match event {
        Event::Buffer => DONE.fetch_add(1, Ordering::Relaxed),
        Event::NotBuffer(Buffer::Room) => NO_ROOM.fetch_add(1, Ordering::Relaxed),
        _ => 0,
    };
}

/// By `balanced`: ISA-L at the lower levels, libdeflate at the middle ones, the real library at the highest.
fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        interlude_deflate::start(Policy::Balanced, find, observe);
        buffer::levels_by(|address| LEVELS.lock().unwrap().get(&address).copied());
    });
}

/// A compressor of the real library's.
struct Made(*mut c_void);

impl Made {
    fn new(level: u8, is_known: bool) -> Self {
        // SAFETY: any level may be asked for.
        let made = unsafe { libdeflate_alloc_compressor(level.into()) };
        assert!(!made.is_null(), "level {level}");
        if is_known {
            LEVELS.lock().unwrap().insert(made.addr(), level);
        }
        Self(made)
    }

    /// Into so much room, behind which nothing is written.
    fn compress(&self, function: Compress, input: &[u8], room: usize) -> Vec<u8> {
        let mut output = vec![0x5a; room + 100];
        // SAFETY: a compressor, and both buffers of the sizes that are said.
        let len = unsafe {
            function(self.0, input.as_ptr().cast(), input.len(), output.as_mut_ptr().cast(), room)
        };
        assert!(len <= room && output[room..].iter().all(|byte| *byte == 0x5a), "{len} of {room}");
        output.truncate(len);
        output
    }

    fn bound(&self, real: &Real, len: usize) -> usize {
        // SAFETY: a compressor.
        unsafe { (real.bound)(self.0, len) }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        LEVELS.lock().unwrap().remove(&self.0.addr());
        // SAFETY: made by `new`, and freed once.
        unsafe { libdeflate_free_compressor(self.0) };
    }
}

fn unpack(real: &Real, output: &[u8], len: usize) -> Vec<u8> {
    let mut input = vec![0; len];
    let mut produced = 0;
    // SAFETY: no preconditions.
    let decompressor = unsafe { libdeflate_alloc_decompressor() };
    // SAFETY: a decompressor, both buffers of the sizes that are said, and a place.
    let result = unsafe {
        (real.unpack)(
            decompressor,
            output.as_ptr().cast(),
            output.len(),
            input.as_mut_ptr().cast(),
            len,
            &raw mut produced,
        )
    };
    // SAFETY: made above, and freed once.
    unsafe { libdeflate_free_decompressor(decompressor) };
    assert_eq!((result, produced), (0, len));
    input
}

/// Text, noise, one byte again and again, and text with noise in its midst.
fn inputs() -> Vec<Vec<u8>> {
    let mut state = 7u32;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state >> 8
    };
    let words = ["the ", "server ", "<a href=\"", "</p>\n", "answer ", "{\"id\":", "of "];
    let mut inputs = Vec::new();
    for len in [0, 1, 63, 64, 65, 300, 5000, 40_000, 65_535, 65_536, 131_070, 200_001] {
        let mut text: Vec<u8> = Vec::new();
        while text.len() < len {
            text.extend_from_slice(words[next() as usize % words.len()].as_bytes());
            text.extend_from_slice((next() % 1000).to_string().as_bytes());
        }
        text.truncate(len);
        let noise: Vec<u8> = (0..len).map(|_| next() as u8).collect();
        let mut both = text.clone();
        both[len / 3..len / 2].copy_from_slice(&noise[len / 3..len / 2]);
        inputs.extend([text, noise, vec![b'x'; len], both]);
    }
    inputs
}

fn function(real: &Real) -> Compress {
    let function = interlude_deflate::instead_of(real.name).unwrap();
    // SAFETY: a function of libdeflate's type.
    unsafe { std::mem::transmute::<*mut c_void, Compress>(function) }
}

#[test]
fn what_comes_out_is_what_went_in_within_the_bound_and_looks_like_libdeflates() {
    start();
    let mut compared = 0;
    for input in inputs() {
        for level in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12] {
            let made = Made::new(level, true);
            for real in &REAL {
                let room = made.bound(real, input.len());
                let theirs = made.compress(real.compress, &input, room);
                let ours = made.compress(function(real), &input, room);
                let what = format!("level {level}, {:?}, {} bytes", real.format, input.len());
                assert!(unpack(real, &ours, input.len()) == input, "{what}");
                let (header, trailer) = real.around;
                assert_eq!(ours[..header], theirs[..header], "{what}");
                let trailer = |bytes: &[u8]| bytes[bytes.len() - trailer..].to_vec();
                assert_eq!(trailer(&ours), trailer(&theirs), "{what}");
                if !(1..=9).contains(&level) || input.len() < 64 {
                    assert!(ours == theirs, "{what}: not the real library's");
                }
                // As `never-bigger` has it at all levels: no larger than the real library's by more than 1 %.
                let chosen = Policy::Balanced.choose_for_buffer(level);
                if chosen == Some(Compressor::Libdeflate(level)) {
                    compared += 1;
                    let (ours, theirs) = (ours.len(), theirs.len());
                    assert!(ours * 100 <= theirs * 101 + 500, "{what}: {ours}, {theirs}");
                }
            }
        }
    }
    assert!(DONE.load(Ordering::Relaxed) > 300);
    assert!(compared > 0, "libdeflate does none of these levels");
}

#[test]
fn where_the_real_one_finds_room_there_is_an_output_and_where_it_does_not_there_is_none() {
    start();
    for input in inputs().into_iter().filter(|input| input.len() <= 65_536) {
        for level in [1, 4, 7] {
            let made = Made::new(level, true);
            for real in &REAL {
                let bound = made.bound(real, input.len());
                let theirs = made.compress(real.compress, &input, bound).len();
                let ours = made.compress(function(real), &input, bound).len();
                for room in [0, 5, theirs - 1, theirs, ours.max(1) - 1, ours, ours + 1] {
                    let output = made.compress(function(real), &input, room);
                    let is_there = !made.compress(real.compress, &input, room).is_empty();
                    let what = format!("level {level}, {:?}, {}", real.format, input.len());
                    assert!(!output.is_empty() || !is_there, "{what}: none in {room}");
                    if !output.is_empty() {
                        assert!(unpack(real, &output, input.len()) == input, "{what} in {room}");
                    }
                    assert_eq!(!output.is_empty(), room >= theirs.min(ours), "{what} in {room}");
                }
            }
        }
    }
    assert!(NO_ROOM.load(Ordering::Relaxed) > 50);
}

#[test]
fn a_compressor_of_which_no_level_is_known_is_the_real_librarys() {
    start();
    for input in inputs() {
        let made = Made::new(1, false);
        for real in &REAL {
            let room = made.bound(real, input.len());
            let ours = made.compress(function(real), &input, room);
            assert!(ours == made.compress(real.compress, &input, room));
        }
    }
}

#[test]
fn every_compressor_does_every_format_and_refuses_too_little_room() {
    let all = (0..=3).map(Compressor::Isal).chain((1..=9).map(Compressor::Libdeflate));
    for compressor in all {
        for input in inputs().into_iter().filter(|input| input.len() >= 64) {
            for real in &REAL {
                let mut output = vec![0; input.len() + input.len() / 100 + 100];
                let len =
                    buffer::compress(compressor, real.format, 6, &input, &mut output).unwrap();
                assert!(unpack(real, &output[..len], input.len()) == input, "{compressor:?}");
                let mut exact = vec![0; len];
                let again = buffer::compress(compressor, real.format, 6, &input, &mut exact);
                assert_eq!((again, &exact[..]), (Some(len), &output[..len]), "{compressor:?}");
                let short = &mut exact[..len - 1];
                assert_eq!(buffer::compress(compressor, real.format, 6, &input, short), None);
            }
        }
    }
    let output = &mut [0; 100];
    assert_eq!(buffer::compress(Compressor::Zlib, Format::Raw, 6, &[1; 70], output), None);
}
