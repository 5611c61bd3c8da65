//! A whole buffer compressed by an engine that does not run the library's own function (engine `plugin`).
//!
//! The job has a copy of the input and no object of the server's: not the stream, not the compressor. So the
//! call can still be made in place, whatever has become of the job, and a late answer finds nothing to harm.
//! The server's own stream takes the blocks when its coroutine goes on (`interlude_deflate::whole`).

use std::ffi::c_int;

use interlude_deflate::whole::{self, Whole};
use interlude_deflate::{isal, scan};
use interlude_offload::{Compressed, Compression};
use interlude_settings::{Check, EngineName};

use crate::api::zlib::ZStream;
use crate::bypass::Bypass;
use crate::offload::{self, Load, Plan};
use crate::original;
use crate::start;
use crate::thread::Thread;

/// Does the engine take whole buffers, and nothing else?
pub(crate) fn is_wanted() -> bool {
    start::settings().is_some_and(|settings| settings.engine_in_use() == EngineName::Plugin)
}

/// What is to become of a call of `deflate`, and with a job, what the engine is to do; `None` for one that runs
/// the original.
pub(crate) fn plan(load: Load, stream: *mut ZStream, flush: c_int) -> (Plan, Option<Whole>) {
    if !is_wanted() {
        return (offload::plan(load), None);
    }
    interlude_deflate::find_zlib(original::find);
    // SAFETY: the caller's stream, which is busy with this call (C4).
    match unsafe { whole::plan(stream, flush) } {
        None => (offload::in_place(load, Bypass::Partial), None),
        whole => (offload::plan(load), whole),
    }
}

/// Has it compressed as a job. `None`: it was not done, or not rightly, and is to be done in place.
pub(crate) fn compress(
    thread: &'static Thread,
    load: Load,
    input: Vec<u8>,
    whole: Whole,
) -> Option<Compressed> {
    let check = offload::check(thread);
    // What the engine was given, it may have written to.
    let kept = (check == Check::All).then(|| input.clone());
    let call = Compression::new(input, whole.room, whole.level, whole.window_bits);
    let compressed = offload::carry_out(thread, load, call)?.compressed();
    let is_intact = |it: &Compressed| kept.as_deref().is_none_or(|kept| kept == it.input());
    if let Some(compressed) = compressed.filter(|it| is_intact(it) && is_right(it, check)) {
        offload::was_right(thread, load.kind);
        return Some(compressed);
    }
    offload::was_wrong(thread, load.kind);
    offload::redone();
    None
}

/// Is it right, as far as the settings want to know?
fn is_right(compressed: &Compressed, check: Check) -> bool {
    let input = compressed.input();
    let is_crc = |crc| crc == scan::crc32(0, input);
    let is_adler = |adler| adler == scan::adler32(1, input);
    match check {
        Check::None => true,
        Check::Rsa => {
            compressed.crc32().is_none_or(is_crc) && compressed.adler32().is_none_or(is_adler)
        }
        Check::All => {
            is_right(compressed, Check::Rsa) && isal::stands_for(compressed.blocks(), input)
        }
    }
}
