//! The statistics page of this process (layout: `interlude_core::page`).
//!
//! Counters begin in a static block, so that they work before the first page and in a child after
//! fork; the first event loop of a process publishes them in a shared mapping. A thread adds
//! without locked instructions in a shard that is its own; the last shard is for the threads that
//! came too late.
//!
//! Invariant: `BASE` points to `SHARDS * stride` bytes of counters that live as long as the process.

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use interlude_core::page::{BYTES, Layout, NAME, SHARDS};
use interlude_offload::{JobKind, LaneKind};

use crate::context::{self, Local};
use crate::counters::{HOOKS_AT, JOB_EVENTS, NAMES, PASS_EVENTS, run_names};
use crate::table;

/// Number of counters.
pub(crate) const COUNTERS: usize = HOOKS_AT + table::COUNT * 2;
const STRIDE_WORDS: usize = (COUNTERS * 8).next_multiple_of(64) / 8;
const WORDS: usize = STRIDE_WORDS * SHARDS;

static BLOCK: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
static BASE: AtomicPtr<AtomicU64> = AtomicPtr::new(BLOCK.as_ptr().cast_mut());
/// Changes with `BASE`; never 0, which is what a new thread has seen.
static GENERATION: AtomicUsize = AtomicUsize::new(1);
static PUBLISHED: AtomicBool = AtomicBool::new(false);
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

/// The shard that threads share.
pub(crate) const SHARED: usize = SHARDS - 1;

/// Adds to a counter.
#[inline]
pub(crate) fn add(index: usize, by: u64) {
    add_by(context::local(), index, by);
}

/// As [`add`], for a caller that knows its thread.
#[inline]
pub(crate) fn add_by(local: &Local, index: usize, by: u64) {
    if index >= COUNTERS {
        return;
    }
    let own = local.counters();
    if own.is_null() {
        add_shared(index, by);
        return;
    }
    add_own(own, index, by);
}

/// Adds 1 to a counter, if the thread knows where its own are.
#[inline(always)]
pub(crate) fn add_known(local: &Local, index: usize) -> bool {
    let own = local.known_counters().filter(|_| index < COUNTERS);
    if let Some(own) = own {
        add_own(own, index, 1);
    }
    own.is_some()
}

/// `own` is this thread's shard, and has the counter.
#[inline(always)]
fn add_own(own: *const AtomicU64, index: usize, by: u64) {
    debug_assert!(index < COUNTERS);
    // SAFETY: a shard holds `COUNTERS` counters.
    let address = unsafe { own.add(index) };
    // SAFETY: the invariant of `BASE`.
    let counter = unsafe { &*address };
    // This thread alone writes here.
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

fn add_shared(index: usize, by: u64) {
    // SAFETY: the last shard lies within the counters.
    let address = unsafe { BASE.load(Ordering::Acquire).add(SHARED * STRIDE_WORDS + index) };
    // SAFETY: the invariant of `BASE`.
    unsafe { &*address }.fetch_add(by, Ordering::Relaxed);
}

/// The counters of one shard, for the only thread that uses it; null for the shared one.
pub(crate) fn shard(number: usize) -> *const AtomicU64 {
    if number >= SHARED {
        return std::ptr::null();
    }
    // SAFETY: within the counters.
    unsafe { BASE.load(Ordering::Acquire).add(number * STRIDE_WORDS) }
}

/// A number that changes when [`shard`] would.
#[inline]
pub(crate) fn generation() -> usize {
    GENERATION.load(Ordering::Acquire)
}

/// A shard for a thread that will count much.
pub(crate) fn take_shard() -> usize {
    NEXT_SHARD.fetch_add(1, Ordering::Relaxed).min(SHARED)
}

/// Publishes the page, once a process; true: it was the first time. Without memory or memfd the counters
/// stay private.
pub(crate) fn publish(facts: &[(&str, String)]) -> bool {
    if PUBLISHED.swap(true, Ordering::Relaxed) {
        return false;
    }
    map_counters(facts);
    true
}

fn map_counters(facts: &[(&str, String)]) {
    let text = text(facts);
    let Some(layout) = Layout::new(text.len(), COUNTERS) else { return };
    let Some(page) = map() else { return };
    for (i, byte) in text.bytes().enumerate() {
        // SAFETY: the layout fits into the mapping.
        let slot = unsafe { page.add(layout.text_offset + i) };
        // SAFETY: as above.
        unsafe { slot.write(byte) };
    }
    // SAFETY: as above; the offset is a multiple of 64 in a page-aligned mapping.
    let base = unsafe { page.add(layout.counters_offset) }.cast::<AtomicU64>();
    for (i, before) in BLOCK.iter().enumerate() {
        // SAFETY: `WORDS` words lie there by the layout.
        let counter = unsafe { base.add(i) };
        // SAFETY: zeroed memory is a valid counter.
        unsafe { &*counter }.store(before.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    BASE.store(base, Ordering::Release);
    GENERATION.fetch_add(1, Ordering::Release);
    for (i, word) in layout.header(std::process::id()).iter().enumerate().rev() {
        // SAFETY: the header's words lie at the start of the mapping.
        let slot = unsafe { page.cast::<AtomicU64>().add(i) };
        // SAFETY: as above. The magic word comes last: a reader sees all or nothing.
        unsafe { &*slot }.store(*word, Ordering::Release);
    }
}

/// In a child after fork: it counts for itself, from nothing.
pub(crate) fn after_fork() {
    BASE.store(BLOCK.as_ptr().cast_mut(), Ordering::Release);
    GENERATION.fetch_add(1, Ordering::Release);
    for counter in &BLOCK {
        counter.store(0, Ordering::Relaxed);
    }
    PUBLISHED.store(false, Ordering::Relaxed);
}

fn text(facts: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (key, value) in facts {
        text.push_str(&format!("#{key}={}\n", value.replace('\n', " ")));
    }
    let jobs = JobKind::ALL.iter().flat_map(|kind| {
        JOB_EVENTS.iter().map(move |event| format!("job.{}.{event}", kind.name()))
    });
    let lanes = LaneKind::ALL.iter().flat_map(|kind| {
        PASS_EVENTS.iter().map(move |event| format!("simd.{}.{event}", kind.name()))
    });
    let hooks = table::NAMES
        .iter()
        .flat_map(|name| [format!("hook.{name}.handled"), format!("hook.{name}.passed")]);
    let names = NAMES.iter().map(|name| (*name).to_owned());
    for name in names.chain(jobs).chain(lanes).chain(run_names()).chain(hooks) {
        text.push_str(&name);
        text.push('\n');
    }
    text
}

fn map() -> Option<*mut u8> {
    let name = std::ffi::CString::new(NAME).ok()?;
    // SAFETY: a terminated string.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: just made, and nobody else has it; closed again below.
    let _memfd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an fd of ours.
    if unsafe { libc::ftruncate(fd, BYTES as libc::off_t) } != 0 {
        return None;
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, access, libc::MAP_SHARED, fd, 0) };
    (page != libc::MAP_FAILED).then_some(page.cast())
}
