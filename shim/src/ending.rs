//! The process ends by `exit`: its libraries clean up after themselves while threads still run.
//!
//! No helper may be inside one of them by then, so they are ended first. Nor may a loop of another
//! thread go on with parked coroutines: without Interlude it would have been through with their
//! events, and idle. So `exit` waits until nobody is parked on others, and no job is waited for; loops
//! let those end that are, and begin with nothing new meanwhile. Where that takes longer than an
//! engine may, `exit` itself may keep them from it (by a lock of its caller's): then it goes on, and
//! they stand still where they are.
//!
//! ```text
//! loop     works: AT_WORK + 1, then ENDS? ---- drains; new since ENDS, or STANDING: stands still
//! exit     ENDS, then AT_WORK = 0? ----------- or STANDING; helpers end, the handlers of libraries
//! ```

use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::thread::{self, Thread};
use crate::{clocks, context, hook, log, start};

/// How long `exit` waits for loops beyond the time that an engine has for a job, and at most.
const GRACE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);
/// How long loops stand still: a handler of `exit` may wait for the thread of one.
const STANDSTILL: Duration = Duration::from_secs(60);
/// How often `exit` looks.
const GLANCE: Duration = Duration::from_micros(100);

/// The process lives.
const LIVES: u8 = 0;
/// `exit` waits for the loops of other threads,
const ENDS: u8 = 1;
/// and no longer.
const STANDING: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(LIVES);
/// Threads on which somebody is parked, or which wait for a job.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// The process whose threads these are.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The thread that has called `exit`.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);

/// Before anything can be parked, or a helper starts.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(register);
}

/// A library that cleans up after itself at `exit` is in use from now on: ours has to come before that.
#[cold]
pub(crate) fn register() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
    // SAFETY: a function of this library, which is never unloaded. Without room for it, the end of the
    // process cuts off whoever is at work, as it does any thread.
    let _ = unsafe { libc::atexit(at_exit) };
}

/// Has `exit` begun? Then nothing more is parked.
#[inline]
pub(crate) fn has_begun() -> bool {
    STATE.load(Ordering::Relaxed) != LIVES
}

/// Somebody is parked on `thread`, or it waits for a job.
#[inline]
pub(crate) fn works(thread: &Thread) {
    let is_new = !thread.at_work.replace(true);
    if is_new {
        AT_WORK.fetch_add(1, Ordering::SeqCst);
    }
    // Who begins only now may not have been waited for.
    match STATE.load(Ordering::SeqCst) {
        LIVES => {}
        ENDS if !is_new => {}
        _ => stand_still(thread),
    }
}

/// Nobody is parked on it any more, and it waits for no job.
#[inline]
pub(crate) fn rests(thread: &Thread) {
    if thread.at_work.replace(false) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}

/// In a child after fork: the other threads are the parent's.
pub(crate) fn after_fork() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
    AT_WORK.store(0, Ordering::SeqCst);
    STATE.store(LIVES, Ordering::SeqCst);
}

#[cold]
fn stand_still(thread: &Thread) {
    // A handler of `exit` may have a loop of its own.
    if ENDED_BY.load(Ordering::Relaxed) == this_thread() {
        return;
    }
    rests(thread);
    std::thread::sleep(STANDSTILL);
    STATE.store(ENDS, Ordering::SeqCst);
    thread.at_work.set(true);
    AT_WORK.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn at_exit() {
    hook::guarded(|| {
        if STATE.load(Ordering::Relaxed) != LIVES {
            return;
        }
        let parked = context::thread().map_or(0, |thread| thread.parked.get());
        if parked > 0 {
            // A server that calls `exit` in the midst of an event does not know of them.
            log::line(format_args!(
                "exit beside {parked} parked coroutines: what they were at is lost"
            ));
        }
        // A child of a fork that went by our hooks knows nothing of its threads.
        if PROCESS.load(Ordering::Relaxed) == std::process::id() {
            wait_for_others();
        }
        thread::stop_helpers();
    });
}

fn wait_for_others() {
    let deadline = start::settings().map_or(0, |settings| settings.jobs.deadline_ms);
    let patience = (Duration::from_millis(deadline.into()) + GRACE).min(PATIENCE);
    let until = clocks::now() + i64::try_from(patience.as_nanos()).unwrap_or(0);
    let own = usize::from(context::thread().is_some_and(|thread| thread.at_work.get()));
    ENDED_BY.store(this_thread(), Ordering::Relaxed);
    STATE.store(ENDS, Ordering::SeqCst);
    while AT_WORK.load(Ordering::SeqCst) > own {
        if clocks::now() >= until {
            STATE.store(STANDING, Ordering::SeqCst);
            log::line(format_args!("exit beside the loops of other threads, which stand still"));
            break;
        }
        std::thread::sleep(GLANCE);
    }
}

fn this_thread() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}
