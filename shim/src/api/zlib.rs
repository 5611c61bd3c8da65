//! zlib: `deflate` as a job, and a stream that is busy while a call is inside it (C4).
//!
//! Followed: `zlib.h` 1.2.13. The job works on a copy of the `z_stream`, which may lie on the
//! stack, with buffers of its own; the stream's state points back to its `z_stream` (first member
//! of `internal_state`, checked by `deflateStateCheck`), so it is turned to the copy for the time
//! of the job. Output is copied to the caller at resume, and its buffers belong to the coroutine
//! until that ends (C8).
//!
//! A stream that has been compressed with cannot go back. So a call can only be done again if its
//! stream was copied before, which is as dear as compressing some kilobytes: done where every result
//! is to be checked (`jobs.check`).

use std::ffi::{c_int, c_uint, c_ulong, c_void};

use interlude_deflate::whole::{self as streams, Whole};
use interlude_offload::{Call as Offloaded, JobKind};
use interlude_settings::{Check, Mode, Settings};

use crate::api::objects::{self, Gone};
use crate::api::whole;
use crate::bypass::Bypass;
use crate::counters::count;
use crate::hook::{Call, Outcome};
use crate::offload::{self, Load, Plan, Watch};
use crate::start;
use crate::table::originals;
use crate::thread::Thread;

pub(crate) use interlude_deflate::ZStream;

type Deflate = unsafe extern "C-unwind" fn(*mut ZStream, c_int) -> c_int;

struct Stream {
    function: Deflate,
    flush: c_int,
    stream: Box<ZStream>,
    owner: *mut ZStream,
    input: Vec<u8>,
    output: Vec<u8>,
    result: Option<c_int>,
    /// Room that the caller gave, in bytes.
    room: c_uint,
    /// Is the stream to be copied before?
    keeps: bool,
    before: Option<Copied>,
}

// SAFETY: the submitting coroutine is parked until the job is done and keeps others off its stream
// (C4), so its state is used by one thread at a time; everything else is the job's own.
unsafe impl Send for Stream {}

impl Offloaded for Stream {
    fn run(&mut self) {
        self.stream.next_in = self.input.as_ptr();
        self.stream.next_out = self.output.as_mut_ptr();
        let state = self.stream.state;
        // SAFETY: `deflate` below has checked that the state begins with this pointer.
        unsafe { (*state).stream = &raw mut *self.stream };
        if self.keeps {
            self.before = Copied::of(&mut self.stream);
        }
        // SAFETY: a consistent stream with buffers of the job's.
        self.result = Some(unsafe { (self.function)(&raw mut *self.stream, self.flush) });
        // SAFETY: as above.
        unsafe { (*state).stream = self.owner };
    }

    /// Some of the output is lost.
    fn spoil(&mut self, random: u64) {
        let produced = self.room.saturating_sub(self.stream.avail_out);
        if let Some(lost) = random.checked_rem(produced.into()) {
            self.stream.avail_out += 1 + lost as c_uint;
        }
    }
}

impl Stream {
    /// Are the lengths possible, and do they fit each other? With `only_room`: may so much be copied?
    fn fits(&self, here: &ZStream, only_room: bool) -> bool {
        let (Some(consumed), Some(produced)) = (
            here.avail_in.checked_sub(self.stream.avail_in),
            here.avail_out.checked_sub(self.stream.avail_out),
        ) else {
            return false;
        };
        let (total_in, total_out) = (self.stream.total_in, self.stream.total_out);
        only_room
            || (total_in.wrapping_sub(here.total_in) == c_ulong::from(consumed)
                && total_out.wrapping_sub(here.total_out) == c_ulong::from(produced)
                && (self.result != Some(STREAM_END) || self.ends_well(produced as usize)))
    }

    /// At the end of a zlib or gzip stream stands the checksum that the `z_stream` has, and in a gzip
    /// stream the length.
    fn ends_well(&self, produced: usize) -> bool {
        // A raw stream has no checksum: it stays 1. The end may have come out in two pieces.
        if self.stream.adler == 1 || produced < 8 {
            return true;
        }
        // SAFETY: `deflate` has written so many bytes to the job's buffer.
        let output = unsafe { std::slice::from_raw_parts(self.output.as_ptr(), produced) };
        let (sum, len) = (self.stream.adler as u32, self.stream.total_in as u32);
        let gzip = [sum.to_le_bytes(), len.to_le_bytes()];
        output.ends_with(gzip.as_flattened()) || output.ends_with(&sum.to_be_bytes())
    }

    /// Does the call again, from the copy. False without one.
    fn do_again(&mut self) -> bool {
        let Some(Copied(stream)) = &mut self.before else { return false };
        stream.next_in = self.input.as_ptr();
        stream.next_out = self.output.as_mut_ptr();
        // SAFETY: a consistent stream of our own, with buffers of the job's.
        self.result = Some(unsafe { (self.function)(&raw mut **stream, self.flush) });
        // The server's state stands where the engine has left it, which is the same place.
        let ZStream { state, allocate, free, opaque, .. } = *self.stream;
        *self.stream = ZStream { state, allocate, free, opaque, ..**stream };
        offload::redone();
        true
    }
}

/// A copy of a stream from before the call, in memory of our own.
struct Copied(Box<ZStream>);

impl Copied {
    fn of(stream: &mut ZStream) -> Option<Self> {
        let copy_original = originals::deflateCopy::ORIGINAL.function()?;
        let ZStream { allocate, free, opaque, .. } = *stream;
        // The server's allocator is for the server's thread, and may not have room for two.
        stream.allocate = own_allocate as *mut c_void;
        stream.free = own_free as *mut c_void;
        let mut copy = Box::new(*stream);
        // SAFETY: a consistent stream, and a place for another.
        let result = unsafe { copy_original(&raw mut *copy, std::ptr::from_mut(stream)) };
        (stream.allocate, stream.free, stream.opaque) = (allocate, free, opaque);
        (result == OK).then_some(Self(copy))
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if let Some(end) = originals::deflateEnd::ORIGINAL.function() {
            // SAFETY: made by `deflateCopy` at this address, and ended once.
            unsafe { end(&raw mut *self.0) };
        }
    }
}

unsafe extern "C" fn own_allocate(_: *mut c_void, items: c_uint, size: c_uint) -> *mut c_void {
    // SAFETY: no preconditions.
    unsafe { libc::calloc(items as usize, size as usize) }
}

unsafe extern "C" fn own_free(_: *mut c_void, memory: *mut c_void) {
    // SAFETY: zlib gives back what `own_allocate` gave it.
    unsafe { libc::free(memory) };
}

const FINISH: c_int = 4;
const OK: c_int = 0;
const STREAM_END: c_int = 1;
const STREAM_ERROR: c_int = -2;

/// `deflate`.
pub(crate) fn deflate(call: &Call<Deflate>, stream: *mut ZStream, flush: c_int) -> Outcome<c_int> {
    let in_place = || {
        // SAFETY: the caller's own arguments.
        Outcome::Handled(call.made(unsafe { (call.original)(stream, flush) }))
    };
    // SAFETY: the API's contract: a stream, or null, which is the original's to refuse.
    let Some(here) = (unsafe { stream.cast_const().as_ref() }) else { return in_place() };
    if here.next_out.is_null() || (here.next_in.is_null() && here.avail_in > 0) {
        return in_place();
    }
    if flush == FINISH && here.total_in == 0 && is_of_a_moment(stream) {
        count(Bypass::Shared.counter());
        return in_place();
    }
    objects::expose();
    // First the waits: what they let run may use the stream's buffers.
    if objects::enter_unless_freed(stream.addr()).is_err() {
        return Outcome::Handled(STREAM_ERROR);
    }
    if !offload::shares_buffers() {
        objects::claim_region(here.next_in.addr(), here.avail_in as usize, false);
        objects::claim_region(here.next_out.addr(), here.avail_out as usize, true);
    }
    let bytes = here.avail_in as usize;
    let load = Load::of_input(JobKind::Deflate, bytes);
    let outcome = match whole::plan(load, stream, flush) {
        (Plan::InPlace(watch), _) => watch.over(in_place),
        (Plan::Job(thread, load), whole) => {
            let result = match whole {
                Some(whole) => whole_job(thread, load, call, stream, whole),
                None => job(thread, load, call, stream, flush),
            };
            match result {
                Some(result) => Outcome::Handled(result),
                None => Watch::of(thread, load).over(in_place),
            }
        }
    };
    objects::leave(stream.addr());
    outcome
}

/// Is it a stream that is made, used once and left, in one function? What that compresses may be everybody's:
/// nginx writes all requests' lines of a log into one buffer, compresses that, and empties it *then*.
fn is_of_a_moment(stream: *mut ZStream) -> bool {
    let parks = |settings: &Settings| settings.mode == Mode::Coroutine;
    objects::is_in_frame(stream.addr()) && start::settings().is_some_and(parks)
}

/// Has an engine compress the whole stream by its own means; `None` if it did not.
fn whole_job(
    thread: &'static Thread,
    load: Load,
    call: &Call<Deflate>,
    stream: *mut ZStream,
    whole: Whole,
) -> Option<c_int> {
    // SAFETY: checked for null by `deflate`; the API's contract.
    let ZStream { next_in, avail_in, .. } = unsafe { *stream };
    // SAFETY: the API's contract: `avail_in` bytes at `next_in`; the borrow ends before the coroutine parks.
    let input = unsafe { std::slice::from_raw_parts(next_in, avail_in as usize) }.to_vec();
    let compressed = whole::compress(thread, load, input, whole)?;
    // SAFETY: the caller's stream, which nobody else has touched (C4).
    let result = unsafe { streams::end(stream, compressed.input(), compressed.blocks()) }?;
    call.made(result);
    Some(result)
}

/// Runs the call as a job; `None` if it cannot be one.
fn job(
    thread: &'static Thread,
    load: Load,
    call: &Call<Deflate>,
    stream: *mut ZStream,
    flush: c_int,
) -> Option<c_int> {
    // SAFETY: checked for null by `deflate`; the API's contract.
    let here = unsafe { *stream };
    // SAFETY: a stream that was initialised has a state whose first member is a pointer.
    if here.state.is_null() || unsafe { (*here.state).stream } != stream {
        count(Bypass::Layout.counter());
        return None;
    }
    let mut input = Vec::with_capacity(here.avail_in as usize);
    if here.avail_in > 0 {
        // SAFETY: the API's contract: `avail_in` bytes at `next_in`.
        let bytes = unsafe { std::slice::from_raw_parts(here.next_in, here.avail_in as usize) };
        input.extend_from_slice(bytes);
    }
    let job = Stream {
        function: call.original,
        flush,
        stream: Box::new(here),
        owner: stream,
        input,
        output: Vec::with_capacity(here.avail_out as usize),
        result: None,
        room: here.avail_out,
        keeps: offload::check(thread) == Check::All,
        before: None,
    };
    let mut done = offload::carry_out(thread, load, job)?;
    let is_right = done.fits(&here, offload::check(thread) == Check::None);
    if !is_right {
        offload::was_wrong(thread, load.kind);
        if !done.do_again() {
            // Neither is there a result, nor a way to get one any more.
            return Some(STREAM_ERROR);
        }
    }
    let result = done.result?;
    let consumed = (here.avail_in - done.stream.avail_in) as usize;
    let produced = (here.avail_out - done.stream.avail_out) as usize;
    // SAFETY: `deflate` has written so many bytes to the job's buffer, and the caller's has room
    // for all of `avail_out`.
    unsafe { std::ptr::copy_nonoverlapping(done.output.as_ptr(), here.next_out, produced) };
    let mut after = *done.stream;
    // SAFETY: within the caller's buffers, by the counts above.
    after.next_in = unsafe { here.next_in.add(consumed) };
    // SAFETY: as above.
    after.next_out = unsafe { here.next_out.add(produced) };
    // SAFETY: the caller's stream, which nobody else has touched (C4).
    unsafe { *stream = after };
    call.made(result);
    if is_right {
        offload::was_right(thread, load.kind);
    }
    Some(result)
}

macro_rules! guards {
    ($($enter:ident $left:ident ($($other:ident),*);)*) => {$(
        #[allow(clippy::too_many_arguments, non_snake_case)]
        pub(crate) fn $enter<F, $($other),*>(
            _: &Call<F>,
            stream: *mut ZStream,
            $(_: $other),*
        ) -> Outcome<c_int> {
            enter(stream)
        }

        #[allow(clippy::too_many_arguments, non_snake_case)]
        pub(crate) fn $left<R, $($other),*>(_: R, stream: *mut ZStream, $(_: $other),*) {
            objects::leave(stream.addr());
        }
    )*};
}

guards! {
    enter1 left1 ();
    enter2 left2 (A);
    enter3 left3 (A, B);
    enter4 left4 (A, B, C);
    enter5 left5 (A, B, C, D);
    enter8 left8 (A, B, C, D, E, G, H);
}

/// A call on a stream begins.
fn enter(stream: *mut ZStream) -> Outcome<c_int> {
    match objects::enter_unless_freed(stream.addr()) {
        Ok(()) => Outcome::PassThrough(Bypass::Observed),
        Err(Gone) => Outcome::Handled(STREAM_ERROR),
    }
}

/// `deflateEnd` and `inflateEnd`.
pub(crate) fn end<F>(_: &Call<F>, stream: *mut ZStream) -> Outcome<c_int> {
    let outcome = enter(stream);
    if matches!(outcome, Outcome::PassThrough(_)) {
        objects::freed(stream.addr());
    }
    outcome
}

/// `deflateBound`, which also answers without a stream.
pub(crate) fn bound<F>(_: &Call<F>, stream: *mut ZStream, len: c_ulong) -> Outcome<c_ulong> {
    match objects::enter_unless_freed(stream.addr()) {
        Ok(()) => Outcome::PassThrough(Bypass::Observed),
        // What zlib says of a stream that it knows nothing of.
        Err(Gone) => Outcome::Handled(len + ((len + 7) >> 3) + ((len + 63) >> 6) + 5 + 6),
    }
}

pub(crate) fn copy<F>(_: &Call<F>, to: *mut ZStream, from: *mut ZStream) -> Outcome<c_int> {
    objects::enter(from.addr());
    objects::enter(to.addr());
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn copied(_: c_int, to: *mut ZStream, from: *mut ZStream) {
    objects::leave(from.addr());
    objects::leave(to.addr());
}
