//! The proof that a loaded zlib has states as [`super::state`] says: it is made to do things with streams of
//! our own, and what is found then is compared.
//!
//! Must not: be believed of another version; touch a stream of the application's.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::state::{COPY, DONE, HEAD, LEN_, LIT, MATCH, State, TYPE};
use crate::scan;
use crate::state::is_known_version;
use crate::zlib::{FINISH, NO_FLUSH, OK, Originals, STREAM_END, TREES, ZStream};

static KNOWN: OnceLock<bool> = OnceLock::new();
static IS_BEING_ASKED: AtomicBool = AtomicBool::new(false);

/// Is the loaded zlib the version that is known, with states as described? Asked once; meanwhile it is not.
pub(super) fn is_as_known(zlib: &Originals) -> bool {
    if let Some(known) = KNOWN.get() {
        return *known;
    }
    if IS_BEING_ASKED.swap(true, Ordering::AcqRel) {
        return false;
    }
    let known = is_known_version(zlib) && all_fits(zlib).is_some();
    // Nobody else comes here.
    let _ = KNOWN.set(known);
    known
}

const TEXT: usize = 6000;
/// Bytes put out before a state is looked at.
const PART: usize = 1000;

/// Text whose compressed form has a block with codes of its own, and matches.
fn text() -> Vec<u8> {
    let mut seed = 1u32;
    let mut words = Vec::new();
    while words.len() < TEXT {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word =
            b"the quick brown fox jumps over a lazy dog, and again, and then once more; 0123456789";
        let at = (seed >> 24) as usize % (word.len() - 7);
        words.extend(word.iter().skip(at).take(3 + (seed >> 16) as usize % 5));
    }
    words.truncate(TEXT);
    words
}

fn all_fits(zlib: &Originals) -> Option<()> {
    let text = text();
    for (wrapper, wrap, flags) in [(-15, 0, -1), (15, 5, 0), (31, 6, 8)] {
        let packed = pack(zlib, wrapper, 6, &text)?;
        Probe::new(zlib, wrapper)?.blocks_fit(&text, &packed, wrap, flags)?;
    }
    let packed = pack(zlib, -15, 0, &text)?;
    Probe::new(zlib, -15)?.stored_fits(&packed)
}

fn ensure(condition: bool) -> Option<()> {
    condition.then_some(())
}

fn pack(zlib: &Originals, wrapper: c_int, level: c_int, text: &[u8]) -> Option<Vec<u8>> {
    let mut z = Box::new(ZStream::zeroed());
    let size = size_of::<ZStream>() as c_int;
    // SAFETY: no preconditions.
    let version = unsafe { (zlib.version)() };
    // SAFETY: a zeroed stream, which asks for zlib's own allocator.
    let begun = unsafe { (zlib.init)(&raw mut *z, level, 8, wrapper, 8, 0, version, size) };
    ensure(begun == OK)?;
    let mut packed = vec![0; text.len() + 100];
    (z.next_in, z.avail_in) = (text.as_ptr(), text.len() as c_uint);
    (z.next_out, z.avail_out) = (packed.as_mut_ptr(), packed.len() as c_uint);
    // SAFETY: an initialised stream, with both buffers of the sizes that are said.
    let result = unsafe { (zlib.deflate)(&raw mut *z, FINISH) };
    packed.truncate(z.total_out as usize);
    // SAFETY: initialised above, ended once.
    unsafe { (zlib.end)(&raw mut *z) };
    (result == STREAM_END).then_some(packed)
}

/// What was asked of the allocator: the last size in bytes, and the blocks.
#[derive(Default)]
struct Memory {
    last: usize,
    blocks: Vec<Box<[u64]>>,
}

unsafe extern "C" fn allocate(memory: *mut c_void, items: c_uint, size: c_uint) -> *mut c_void {
    // SAFETY: the `Memory` that `Probe::new` has given, which zlib's call has for itself.
    let memory = unsafe { &mut *memory.cast::<Memory>() };
    memory.last = items as usize * size as usize;
    let mut block = vec![0u64; memory.last.div_ceil(8)].into_boxed_slice();
    let address = block.as_mut_ptr();
    memory.blocks.push(block);
    address.cast()
}

/// All of it goes with the `Memory`.
unsafe extern "C" fn free(_: *mut c_void, _: *mut c_void) {}

/// A stream of our own, to look at.
struct Probe<'a> {
    zlib: &'a Originals,
    stream: Box<ZStream>,
    memory: Box<Memory>,
    out: Vec<u8>,
}

impl<'a> Probe<'a> {
    fn new(zlib: &'a Originals, wrapper: c_int) -> Option<Self> {
        let mut memory = Box::<Memory>::default();
        let mut stream = Box::new(ZStream::zeroed());
        stream.allocate = allocate as *mut c_void;
        stream.free = free as *mut c_void;
        stream.opaque = (&raw mut *memory).cast();
        let size = size_of::<ZStream>() as c_int;
        // SAFETY: no preconditions.
        let version = unsafe { (zlib.version)() };
        // SAFETY: a stream with an allocator of ours.
        let begun = unsafe { (zlib.inflate_init)(&raw mut *stream, wrapper, version, size) };
        // A state of just this size: what is read of it is there.
        let is_sound = begun == OK && memory.last == size_of::<State>();
        is_sound.then(|| Self { zlib, stream, memory, out: vec![0; TEXT + 100] })
    }

    fn state(&self) -> State {
        // SAFETY: a state that was initialised, of that size; all bit patterns are values of it.
        unsafe { self.stream.state.cast::<State>().read() }
    }

    /// Is this the address of the state's own tables?
    fn tables(&self) -> *const u32 {
        // SAFETY: within the state.
        unsafe { (&raw const (*self.stream.state.cast::<State>()).codes).cast() }
    }

    /// `room` bytes more.
    fn inflate(&mut self, flush: c_int, room: usize) -> Option<c_int> {
        let at = self.stream.total_out as usize;
        self.stream.next_out = self.out.get_mut(at..at + room)?.as_mut_ptr();
        self.stream.avail_out = room as c_uint;
        // SAFETY: an initialised stream, with both buffers of the sizes that are said.
        Some(unsafe { (self.zlib.inflate)(&raw mut *self.stream, flush) })
    }

    /// To the first block, where a wrapper's header comes before, and over the block's.
    fn pass_header(&mut self) -> Option<()> {
        ensure(self.inflate(TREES, 0)? == OK)?;
        if self.state().mode == TYPE {
            ensure(self.inflate(TREES, 0)? == OK)?;
        }
        Some(())
    }

    fn blocks_fit(mut self, text: &[u8], packed: &[u8], wrap: c_int, flags: c_int) -> Option<()> {
        let first = self.state();
        let tables = self.tables();
        ensure(first.stream == &raw mut *self.stream)?;
        ensure((first.mode, first.last, first.wrap, first.havedict) == (HEAD, 0, wrap, 0))?;
        ensure((first.wbits, first.wsize, first.whave) == (15, 0, 0) && first.window.is_null())?;
        ensure((first.hold, first.bits, first.flags, first.total) == (0, 0, -1, 0))?;
        ensure(
            (first.lencode, first.distcode) == (tables, tables) && first.next == tables.cast_mut(),
        )?;
        ensure((first.sane, first.back) == (1, -1))?;

        (self.stream.next_in, self.stream.avail_in) = (packed.as_ptr(), packed.len() as c_uint);
        self.pass_header()?;
        let header = self.state();
        ensure((header.mode, header.last, header.flags & 0xff) == (LEN_, 1, flags & 0xff))?;
        ensure(header.lencode == tables && header.distcode > tables && !header.next.is_null())?;
        ensure((257..=286).contains(&header.nlen) && (1..=30).contains(&header.ndist))?;
        ensure(header.have == header.nlen + header.ndist && header.bits < 8)?;
        ensure((1..=10).contains(&header.lenbits) && (1..=9).contains(&header.distbits))?;
        // A complete code: all of 1 << 15.
        let lengths = header.lens.get(..header.nlen as usize)?;
        let codes = lengths.iter().filter(|length| (1..=15).contains(*length));
        ensure(codes.map(|length| 1u32 << (15 - length)).sum::<u32>() == 1 << 15)?;
        ensure(*lengths.get(256)? > 0)?;

        ensure(self.inflate(NO_FLUSH, PART)? == OK && self.stream.total_out == PART as u64)?;
        self.middle_fits(text, &header)?;
        ensure(self.inflate(NO_FLUSH, TEXT - PART)? == STREAM_END)?;
        let end = self.state();
        ensure((end.mode, end.total, end.back) == (DONE, TEXT as u64, -1))?;
        ensure(self.out.get(..TEXT)? == text && self.memory.blocks.len() == 2)
    }

    /// In the midst of the block, with some output.
    fn middle_fits(&self, text: &[u8], header: &State) -> Option<()> {
        let middle = self.state();
        let (length, offset) = (middle.length as usize, middle.offset as usize);
        match middle.mode {
            LIT => ensure(*text.get(PART)? == length as u8)?,
            MATCH => {
                ensure(middle.was as usize >= length)?;
                let from = PART.checked_sub(offset)?;
                let copy = text.get(from..from + length)?;
                ensure(text.get(PART..PART + length)? == copy)?;
            }
            _ => return None,
        }
        ensure(middle.bits < 8 && middle.hold >> middle.bits == 0 && middle.back > 0)?;
        ensure(middle.lens == header.lens && middle.nlen == header.nlen)?;
        ensure((middle.wsize, middle.whave, middle.wnext) == (1 << 15, PART as u32, PART as u32))?;
        ensure(middle.total == PART as u64 && self.memory.last == 1 << 15)?;
        // SAFETY: zlib's window, where `whave` and its size are as they should be.
        let window = unsafe { std::slice::from_raw_parts(middle.window, PART) };
        let part = text.get(..PART)?;
        ensure(window == part)?;
        let sum = match (middle.wrap & 4, middle.flags) {
            (0, _) => return Some(()),
            (_, 0) => scan::adler32(1, part),
            _ => scan::crc32(0, part),
        };
        ensure((middle.check, self.stream.adler) == (sum.into(), sum.into()))
    }

    fn stored_fits(mut self, packed: &[u8]) -> Option<()> {
        (self.stream.next_in, self.stream.avail_in) = (packed.as_ptr(), packed.len() as c_uint);
        self.pass_header()?;
        let state = self.state();
        ensure((state.mode, state.length as usize, state.bits) == (COPY - 1, TEXT, 0))
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, and ended once.
        unsafe { (self.zlib.inflate_end)(&raw mut *self.stream) };
    }
}
