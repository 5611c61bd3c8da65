//! A stream that others compress as one whole buffer is, call by call and byte by byte, what zlib would have made
//! of it: the blocks that are handed over here are zlib's own.

#[allow(dead_code, reason = "each of the tests uses a part of it")]
mod common;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Once;

use common::data::Data;
use common::zlib::{SIZE, deflate, deflateEnd, deflateInit2_, version};
use interlude_deflate::{ZStream, find_zlib, isal, whole};

type Stream = *mut ZStream;

#[link(name = "z")]
unsafe extern "C-unwind" {
    fn deflateReset(z: Stream) -> c_int;
    fn deflateTune(z: Stream, a: c_int, b: c_int, c: c_int, d: c_int) -> c_int;
    fn deflatePrime(z: Stream, bits: c_int, value: c_int) -> c_int;
    fn deflateGetDictionary(z: Stream, bytes: *mut u8, len: *mut c_uint) -> c_int;
    fn deflateSetDictionary(z: Stream, bytes: *const u8, len: c_uint) -> c_int;
    fn deflateCopy(to: Stream, from: Stream) -> c_int;
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

const FINISH: c_int = 4;
const OK: c_int = 0;
const STREAM_END: c_int = 1;

fn find(name: &CStr) -> *mut c_void {
    // SAFETY: the global scope, and a terminated name.
    unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) }
}

/// How a stream is made.
#[derive(Debug, Clone, Copy)]
struct Made {
    level: c_int,
    window: c_int,
    memory: c_int,
}

impl Made {
    fn stream(self) -> Box<ZStream> {
        let mut z = Box::new(ZStream::zeroed());
        let (level, window, memory) = (self.level, self.window, self.memory);
        // SAFETY: a zeroed stream.
        let made =
            unsafe { deflateInit2_(&raw mut *z, level, 8, window, memory, 0, version(), SIZE) };
        assert_eq!(made, OK, "{self:?}");
        z
    }

    /// zlib's blocks of it.
    fn blocks(self, input: &[u8]) -> Vec<u8> {
        let bits = match self.window {
            ..0 => -self.window,
            bits @ 0..16 => bits,
            gzip => gzip - 16,
        };
        let mut z = Self { window: -bits, ..self }.stream();
        let out = rest(&mut z, input, usize::MAX, |z| {
            // SAFETY: an initialised stream, with buffers.
            unsafe { deflate(z, FINISH) }
        });
        // SAFETY: initialised above.
        unsafe { deflateEnd(&raw mut *z) };
        out.concat()
    }
}

/// Knows zlib: who asks while another thread has the first look at its states is told that it is not known.
fn ready() {
    static READY: Once = Once::new();
    READY.call_once(|| {
        find_zlib(find);
        let mut z = Made { level: 6, window: 15, memory: 8 }.stream();
        let (input, mut out) = ([7; 1000], [0; 100]);
        (z.next_in, z.avail_in) = (input.as_ptr(), 1000);
        (z.next_out, z.avail_out) = (out.as_mut_ptr(), 100);
        // SAFETY: an initialised stream, with buffers.
        assert!(unsafe { whole::plan(&raw mut *z, FINISH) }.is_some(), "another zlib");
        // SAFETY: initialised above.
        unsafe { deflateEnd(&raw mut *z) };
    });
}

/// Calls of `deflate` with so much room each, to the stream's end: what each has put out.
fn rest(
    z: &mut ZStream,
    input: &[u8],
    room: usize,
    mut first: impl FnMut(Stream) -> c_int,
) -> Vec<Vec<u8>> {
    z.next_in = input.as_ptr();
    z.avail_in = input.len() as c_uint;
    let mut pieces = Vec::new();
    loop {
        let mut out = vec![0u8; room.min(input.len() * 2 + 100)];
        z.next_out = out.as_mut_ptr();
        z.avail_out = out.len() as c_uint;
        let code = if pieces.is_empty() {
            first(z)
        } else {
            // SAFETY: an initialised stream, with buffers.
            unsafe { deflate(z, FINISH) }
        };
        out.truncate(out.len() - z.avail_out as usize);
        pieces.push(out);
        match code {
            STREAM_END => return pieces,
            code => assert_eq!((code, pieces.len() < 100_000), (OK, true)),
        }
    }
}

fn dictionary(z: Stream) -> Vec<u8> {
    let (mut bytes, mut len) = (vec![0; 32_768], 0);
    // SAFETY: an initialised stream, and room for the longest dictionary.
    assert_eq!(unsafe { deflateGetDictionary(z, bytes.as_mut_ptr(), &raw mut len) }, OK);
    bytes.truncate(len as usize);
    bytes
}

/// Whole streams of both kinds.
#[derive(Clone, Copy)]
enum By {
    Zlib,
    Others,
}

/// The pieces, what the stream says of itself, and of its last bytes; of a copy, too, which is made after the first
/// piece.
fn play(z: &mut ZStream, made: Made, by: By, input: &[u8], room: usize) -> impl PartialEq + use<> {
    let mut copy = Box::new(ZStream::zeroed());
    let mut copied = OK;
    let pieces = rest(z, input, room, |z| {
        let code = match by {
            // SAFETY: an initialised stream, with buffers.
            By::Zlib => unsafe { deflate(z, FINISH) },
            By::Others => {
                // SAFETY: as above.
                let whole = unsafe { whole::plan(z, FINISH) }.unwrap_or_else(|| panic!("{made:?}"));
                let blocks = made.blocks(input);
                assert!(blocks.len() <= whole.room && i32::from(whole.level) == made.level);
                // SAFETY: as above.
                unsafe { whole::end(z, input, &blocks) }.unwrap()
            }
        };
        // SAFETY: an initialised stream, and a place for another.
        copied = unsafe { deflateCopy(&raw mut *copy, z) };
        code
    });
    assert_eq!(copied, OK);
    let of_copy = match pieces.as_slice() {
        [_] => Vec::new(),
        _ => rest(&mut copy, &input[input.len()..], room, |z| {
            // SAFETY: as above.
            unsafe { deflate(z, FINISH) }
        }),
    };
    // SAFETY: made by `deflateCopy`.
    let ended = unsafe { deflateEnd(&raw mut *copy) };
    let totals = (z.avail_in, z.total_in, z.total_out, z.adler, z.data_type);
    let read = z.next_in.addr() - input.as_ptr().addr();
    // zlib gives up to so many bytes less of a long stream: it slides its window when it must.
    let last = dictionary(z);
    assert!(input.ends_with(&last) && last.len() + 262 >= input.len().min(32_768) / 2, "{made:?}");
    (pieces, of_copy.concat(), ended, totals, read)
}

#[test]
fn every_call_answers_as_if_zlib_had_made_the_blocks() {
    ready();
    let data = [
        Data::Text { seed: 1, len: 64 },
        Data::Text { seed: 2, len: 5000 },
        Data::Noisy { seed: 3, len: 32_000 },
        Data::Random { seed: 4, len: 9000 },
        Data::Binary { seed: 5, len: 20_000 },
        Data::Same { byte: 7, len: 30_000 },
    ];
    for (data, window) in data.iter().flat_map(|data| [15, 31, -15].map(|window| (data, window))) {
        for (level, memory, room) in
            [(1, 8, usize::MAX), (6, 8, 16), (6, 9, 1000), (9, 8, 4096), (2, 8, 33)]
        {
            let made = Made { level, window, memory };
            let input = data.bytes();
            let (mut stock, mut ours) = (made.stream(), made.stream());
            // The second time after a reset.
            for _ in 0..2 {
                let expected = play(&mut stock, made, By::Zlib, &input, room);
                let got = play(&mut ours, made, By::Others, &input, room);
                assert!(expected == got, "{made:?} {data:?} {room}");
                for z in [&mut stock, &mut ours] {
                    // SAFETY: an initialised stream.
                    assert_eq!(unsafe { deflateReset(&raw mut **z) }, OK);
                }
            }
            for z in [&mut stock, &mut ours] {
                // SAFETY: an initialised stream, ended once.
                assert_eq!(unsafe { deflateEnd(&raw mut **z) }, OK);
            }
        }
    }
}

#[test]
fn only_a_plain_stream_that_is_whole_is_for_others() {
    ready();
    let made = Made { level: 6, window: 31, memory: 8 };
    let text = Data::Text { seed: 1, len: 40_000 }.bytes();
    let plan = |made: Made, len: usize, room: c_uint, flush, prepare: &dyn Fn(Stream)| {
        let mut z = made.stream();
        prepare(&raw mut *z);
        let mut out = vec![0u8; 50_000];
        (z.next_in, z.avail_in) = (text.as_ptr(), len as c_uint);
        (z.next_out, z.avail_out) = (out.as_mut_ptr(), room);
        // SAFETY: an initialised stream, with buffers.
        let planned = unsafe { whole::plan(&raw mut *z, flush) };
        // SAFETY: as above. zlib says so where it has begun.
        unsafe { deflateEnd(&raw mut *z) };
        planned.is_some()
    };
    let nothing = |_: Stream| {};
    assert!(plan(made, 40_000, 100, FINISH, &nothing));
    assert!(plan(Made { window: 10, ..made }, 900, 100, FINISH, &nothing));
    for (made, len, room, flush) in [
        (made, 40_000, 100, 0),
        (made, 40_000, 100, 2),
        (made, 0, 100, FINISH),
        (made, 63, 100, FINISH),
        (made, 40_000, 15, FINISH),
        (Made { level: 0, ..made }, 40_000, 100, FINISH),
        (Made { window: 10, ..made }, 2000, 100, FINISH),
        // Not even stored would it fit.
        (Made { memory: 5, ..made }, 40_000, 100, FINISH),
    ] {
        assert!(!plan(made, len, room, flush, &nothing), "{made:?} {len} {room} {flush}");
    }
    // SAFETY: initialised streams, which `plan` hands on.
    let tuned = |z: Stream| assert_eq!(unsafe { deflateTune(z, 9, 9, 9, 9) }, OK);
    assert!(!plan(made, 40_000, 100, FINISH, &tuned));
    let raw = Made { window: -15, ..made };
    // SAFETY: as above.
    let primed = |z: Stream| assert_eq!(unsafe { deflatePrime(z, 3, 5) }, OK);
    assert!(!plan(raw, 40_000, 100, FINISH, &primed));
    // SAFETY: as above.
    let set = |z: Stream| assert_eq!(unsafe { deflateSetDictionary(z, text.as_ptr(), 100) }, OK);
    assert!(!plan(raw, 40_000, 100, FINISH, &set));
    // SAFETY: null is no stream.
    assert!(unsafe { whole::plan(std::ptr::null_mut(), FINISH) }.is_none());
}

#[test]
fn what_others_have_made_is_compared_with_the_input() {
    let input = Data::Noisy { seed: 9, len: 30_000 }.bytes();
    let blocks = Made { level: 6, window: 15, memory: 8 }.blocks(&input);
    assert!(isal::stands_for(&blocks, &input));
    assert!(!isal::stands_for(&blocks[..blocks.len() - 1], &input));
    assert!(!isal::stands_for(&[&blocks[..], &[0]].concat(), &input));
    assert!(!isal::stands_for(&blocks, &input[1..]));
    assert!(!isal::stands_for(&blocks, &[&input[..], b"x"].concat()));
    assert!(!isal::stands_for(&[], &input));
    for bit in (0..blocks.len() * 8).step_by(4001) {
        let mut wrong = blocks.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!isal::stands_for(&wrong, &input), "{bit}");
    }
}
