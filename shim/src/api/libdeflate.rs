//! libdeflate: a whole buffer compressed by one call (lighttpd's mod_deflate for whole files).
//!
//! Followed: `libdeflate.h`. The compressor is on the heap and busy while a call is inside; input
//! and output are the job's, and copied.
//!
//! What comes out depends on the function, the compressor's level, the room and the input, and nothing else: each call
//! begins anew. So an emulated device may remember it (`device.results`), where the level is known.

use std::ffi::{c_int, c_void};

use interlude_deflate::scan;
use interlude_deflate::whole::Whole;
use interlude_offload::{Call as Offloaded, JobKind, Question};
use interlude_settings::Check;

use crate::api::compressors::LEVELS;
use crate::api::{objects, whole};
use crate::bypass::Bypass;
use crate::hook::{Call, Outcome};
use crate::offload::{self, Load, Plan, Watch};
use crate::thread::Thread;

type Compress =
    unsafe extern "C-unwind" fn(*mut c_void, *const c_void, usize, *mut c_void, usize) -> usize;

struct Buffer {
    function: Compress,
    compressor: *mut c_void,
    /// Of the compressor, where it is known.
    level: Option<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
    available: usize,
    result: Option<usize>,
}

// SAFETY: the submitting coroutine is parked until the job is done and keeps others off its
// compressor (C4); everything else is the job's own.
unsafe impl Send for Buffer {}

impl Offloaded for Buffer {
    fn run(&mut self) {
        let (input, output) = (&self.input, &mut self.output);
        // SAFETY: the compressor is ours for now; the buffers are the job's, of those sizes.
        let produced = unsafe {
            (self.function)(
                self.compressor,
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                self.available,
            )
        };
        self.result = Some(produced);
    }

    fn question(&self) -> Option<Question<'_>> {
        let function = self.function as usize as u64;
        let terms = [function, self.level?.into(), self.available as u64];
        Some(Question { terms, input: &self.input })
    }

    fn answer(&self) -> Option<&[u8]> {
        self.results()
    }

    fn repeat(&mut self, answer: &[u8]) {
        self.output.clear();
        self.output.extend_from_slice(answer);
        self.result = Some(answer.len());
    }

    fn spoil(&mut self, random: u64) {
        if let Some(produced) = self.result.as_mut().filter(|produced| **produced > 0) {
            *produced -= 1 + (random % *produced as u64) as usize;
        }
    }
}

impl Buffer {
    /// What it has put out; `None` if that is not what a compressor puts out.
    fn results(&self) -> Option<&[u8]> {
        let produced = self.result.filter(|produced| *produced <= self.available)?;
        // SAFETY: the buffer has room for `available` bytes, and libdeflate has written so many.
        let output = unsafe { std::slice::from_raw_parts(self.output.as_ptr(), produced) };
        let is_gzip = output.starts_with(&[0x1f, 0x8b]);
        let len = (self.input.len() as u32).to_le_bytes();
        // Its header has ten bytes, its trailer eight, the last four of which are the length.
        (!is_gzip || (produced >= 18 && output.ends_with(&len))).then_some(output)
    }

    /// The results, if they are right as far as the settings want to know.
    fn checked(&self, thread: &'static Thread) -> Option<&[u8]> {
        let results = self.results()?;
        if offload::check(thread) != Check::All {
            return Some(results);
        }
        let mut again = Self {
            function: self.function,
            compressor: self.compressor,
            level: self.level,
            input: self.input.clone(),
            output: Vec::with_capacity(self.available),
            available: self.available,
            result: None,
        };
        again.run();
        (again.results() == Some(results)).then_some(results)
    }
}

/// `libdeflate_alloc_compressor`.
pub(crate) fn make<F>(_: &Call<F>, _: c_int) -> Outcome<*mut c_void> {
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn made(compressor: *mut c_void, level: c_int) {
    if !compressor.is_null() {
        LEVELS.made(compressor.addr(), level);
    }
}

/// `libdeflate_free_compressor`.
pub(crate) fn free<F>(_: &Call<F>, compressor: *mut c_void) -> Outcome<()> {
    if compressor.is_null() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let address = compressor.addr();
    if objects::enter_unless_freed(address).is_err() {
        return Outcome::Handled(());
    }
    LEVELS.freed(address);
    objects::freed(address);
    objects::leave(address);
    Outcome::PassThrough(Bypass::Observed)
}

/// What stands around the blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Zlib,
    Raw,
}

impl Format {
    /// As libdeflate writes it, at a level that is neither fast nor slow: which one a compressor has, is its own
    /// affair.
    fn header(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
            Self::Zlib => &[0x78, 0x9c],
            Self::Raw => &[],
        }
    }

    fn trailer(self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let words = [scan::crc32(0, input), input.len() as u32];
                words.map(u32::to_le_bytes).as_flattened().to_vec()
            }
            Self::Zlib => scan::adler32(1, input).to_be_bytes().to_vec(),
            Self::Raw => Vec::new(),
        }
    }

    /// Bytes of both.
    fn around(self) -> usize {
        self.header().len() + self.trailer(&[]).len()
    }
}

macro_rules! formats {
    ($($name:ident $format:ident;)*) => {$(
        /// `libdeflate_*_compress`, of that format.
        pub(crate) fn $name(
            call: &Call<Compress>,
            compressor: *mut c_void,
            data: *const c_void,
            len: usize,
            out: *mut c_void,
            available: usize,
        ) -> Outcome<usize> {
            compress(call, Format::$format, compressor, data, len, out, available)
        }
    )*};
}

formats! {
    gzip Gzip;
    zlib Zlib;
    raw Raw;
}

fn compress(
    call: &Call<Compress>,
    format: Format,
    compressor: *mut c_void,
    data: *const c_void,
    len: usize,
    out: *mut c_void,
    available: usize,
) -> Outcome<usize> {
    let in_place = || {
        // SAFETY: the caller's own arguments.
        Outcome::Handled(
            call.made(unsafe { (call.original)(compressor, data, len, out, available) }),
        )
    };
    if compressor.is_null() || data.is_null() || out.is_null() {
        return in_place();
    }
    objects::expose();
    if objects::enter_unless_freed(compressor.addr()).is_err() {
        // As where there is no room.
        return Outcome::Handled(0);
    }
    if !offload::shares_buffers() {
        objects::claim_region(data.addr(), len, false);
        objects::claim_region(out.addr(), available, true);
    }
    let load = Load::of_input(JobKind::Compress, len);
    let outcome = match offload::plan(load) {
        Plan::InPlace(watch) => watch.over(in_place),
        Plan::Job(thread, load) => {
            // SAFETY: the API's contract: `len` bytes at `data`.
            let input = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec();
            let level = LEVELS.of(compressor.addr());
            let results = if whole::is_wanted() {
                compress_whole(thread, load, format, level, input, available)
            } else {
                run(thread, load, call.original, (compressor, level), input, available)
            };
            match results {
                Some(results) => {
                    let to = out.cast::<u8>();
                    // SAFETY: at most `available` bytes, which the caller's buffer has room for.
                    unsafe { std::ptr::copy_nonoverlapping(results.as_ptr(), to, results.len()) };
                    Outcome::Handled(call.made(results.len()))
                }
                None => Watch::of(thread, load).over(in_place),
            }
        }
    };
    objects::leave(compressor.addr());
    outcome
}

/// Runs the call as a job; `None` if it was not done rightly.
fn run(
    thread: &'static Thread,
    load: Load,
    function: Compress,
    (compressor, level): (*mut c_void, Option<u8>),
    input: Vec<u8>,
    available: usize,
) -> Option<Vec<u8>> {
    let output = Vec::with_capacity(available);
    let job = Buffer { function, compressor, level, input, output, available, result: None };
    let done = offload::carry_out(thread, load, job)?;
    let Some(len) = done.checked(thread).map(<[u8]>::len) else {
        offload::was_wrong(thread, load.kind);
        offload::redone();
        return None;
    };
    offload::was_right(thread, load.kind);
    let mut output = done.output;
    // SAFETY: libdeflate has written so many bytes, by `results`.
    unsafe { output.set_len(len) };
    Some(output)
}

/// Has an engine compress it by its own means, at a level of its own where the compressor's is not known; `None` if it did not. At most `available`
/// bytes.
fn compress_whole(
    thread: &'static Thread,
    load: Load,
    format: Format,
    level: Option<u8>,
    input: Vec<u8>,
    available: usize,
) -> Option<Vec<u8>> {
    // The caller may have room without end; so much is enough for whatever there is.
    let most = input.len() + input.len() / 8 + 64;
    let room = available.checked_sub(format.around())?.min(most);
    // zlib's levels end at 9, libdeflate's at 12; its 0 (stored) is no plugin's.
    let whole = Whole { level: level.map_or(0, |level| level.clamp(1, 9)), window_bits: 15, room };
    let compressed = whole::compress(thread, load, input, whole)?;
    let trailer = format.trailer(compressed.input());
    Some([format.header(), compressed.blocks(), &trailer].concat())
}
