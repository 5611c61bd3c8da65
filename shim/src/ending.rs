//! The process ends by `exit`: its libraries clean up after themselves while threads still run.
//!
//! No helper may be inside one of them by then, so they are ended first. Nor may a loop of another
//! thread go on with parked coroutines: without Interlude it would have been through with their
//! events, and idle. So `exit` waits until nobody is parked on others, and no job is waited for; loops
//! let those end that are, and begin with nothing new meanwhile. Where that takes longer than an
//! engine may, `exit` itself may keep them from it (by a lock of its caller's): then it goes on, and
//! they stand still where they are. A handler of `exit` that waits for the thread of one has them go on:
//! with those who are parked, or without them where libcrypto is no more.
//!
//! ```text
//! loop     works: AT_WORK + 1, then ENDS? ---- drains; new since ENDS, or STANDING: stands still
//! exit     ENDS, then AT_WORK = 0? ----------- OVER, or STANDING; helpers end, the handlers of libraries
//!   by another thread: stands still            a handler joins a thread: GOES_ON
//! ```

use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::cancel::NotCancelled;
use crate::thread::{self, Thread};
use crate::{clocks, context, errors, hook, log, start};

/// How long `exit` waits for loops beyond the time that an engine has for a job, and at most.
const GRACE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);
/// How long loops stand still, in nanoseconds: a handler of `exit` may wait for one in a way that is not seen.
const STANDSTILL: i64 = 60_000_000_000;
/// How often `exit` looks, and how often a loop that stands still.
const GLANCE: Duration = Duration::from_micros(100);
const SLOW_GLANCE: Duration = Duration::from_millis(5);

/// The process lives.
const LIVES: u8 = 0;
/// `exit` waits for the loops of other threads,
const ENDS: u8 = 1;
/// and has done so: nobody is at work.
const OVER: u8 = 2;
/// It has waited long enough: whoever is at work stands still,
const STANDING: u8 = 3;
/// and does no longer: somebody waits for that.
const GOES_ON: u8 = 4;

static STATE: AtomicU8 = AtomicU8::new(LIVES);
/// Threads on which somebody is parked, or which wait for a job.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// The process whose threads these are.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The thread that has called `exit`, and until when it waits.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);
static UNTIL: AtomicI64 = AtomicI64::new(0);

/// Who goes on with a thread that was at work.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// Whoever is parked on it.
    Everybody,
    /// Its loop alone: what those who are parked are in the midst of exists no more.
    Nobody,
}

/// Before anything can be parked, or a helper starts.
pub(crate) fn prepare() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
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
pub(crate) fn works(thread: &Thread) -> With {
    let is_new = !thread.at_work.replace(true);
    if is_new {
        AT_WORK.fetch_add(1, Ordering::SeqCst);
    }
    match STATE.load(Ordering::SeqCst) {
        LIVES => With::Everybody,
        ENDS if !is_new => With::Everybody,
        // Who begins only now may not have been waited for.
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
fn stand_still(thread: &Thread) -> With {
    // A handler of `exit` may have a loop of its own.
    if is_by_this_thread() {
        return With::Everybody;
    }
    rests(thread);
    if let Some(state) = wait_to_go_on() {
        let _ = STATE.compare_exchange(state, GOES_ON, Ordering::SeqCst, Ordering::SeqCst);
    }
    thread.at_work.set(true);
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    if errors::is_no_more() { With::Nobody } else { With::Everybody }
}

/// Until somebody waits for this thread, or, with the state that it was then, for long enough.
fn wait_to_go_on() -> Option<u8> {
    let until = clocks::now() + STANDSTILL;
    loop {
        match STATE.load(Ordering::SeqCst) {
            GOES_ON => return None,
            state if clocks::now() >= until => return Some(state),
            _ => std::thread::sleep(SLOW_GLANCE),
        }
    }
}

/// A thread is waited for. Where a handler of `exit` does so, that of a loop has to go on to end.
pub(crate) fn joins() {
    if has_begun() && is_by_this_thread() {
        for waits in [STANDING, OVER] {
            let _ = STATE.compare_exchange(waits, GOES_ON, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

/// It has ended. Others that went on meanwhile are waited for anew.
pub(crate) fn has_joined() {
    if STATE.load(Ordering::SeqCst) == GOES_ON && is_by_this_thread() {
        let _whole = NotCancelled::new();
        begin();
        wait_for_others();
    }
}

fn is_by_this_thread() -> bool {
    ENDED_BY.load(Ordering::Relaxed) == this_thread()
}

/// `exit` is called. Where it has been by another thread, glibc has this one run the handlers that are left, beside
/// those of the first, OpenSSL's among them: so it stands still, and nobody waits for it any more. (The handler of a
/// signal that has interrupted the first one's wait goes on with that.)
pub(crate) fn is_called() {
    // A child of a fork that went by our hooks knows nothing of its parent's end.
    if !has_begun() || !is_ours() {
        return;
    }
    let _whole = NotCancelled::new();
    if is_by_this_thread() {
        if STATE.load(Ordering::SeqCst) == ENDS {
            wait_for_others();
            // The rest of the first call's handler is never reached.
            thread::stop_helpers();
        }
        return;
    }
    if let Some(thread) = context::thread() {
        say_who_is_lost(thread);
        rests(thread);
    }
    wait_to_go_on();
}

extern "C" fn at_exit() {
    hook::guarded(|| {
        if has_begun() {
            return;
        }
        let _whole = NotCancelled::new();
        context::thread().into_iter().for_each(say_who_is_lost);
        if is_ours() {
            begin();
            wait_for_others();
        }
        // The handler of a signal may have called `exit` within the shim.
        let local = context::local();
        let _shadow = (!local.is_inside(0)).then(|| local.enter());
        thread::stop_helpers();
    });
}

/// A server that calls `exit` in the midst of an event does not know of them.
fn say_who_is_lost(thread: &Thread) {
    let parked = thread.parked.get();
    if parked > 0 {
        log::line(format_args!(
            "exit beside {parked} parked coroutines: what they were at is lost"
        ));
    }
}

/// Is this the process whose threads are known?
fn is_ours() -> bool {
    PROCESS.load(Ordering::Relaxed) == std::process::id()
}

/// From now on it is waited for loops.
fn begin() {
    let deadline = start::settings().map_or(0, |settings| settings.jobs.deadline_ms);
    let patience = (Duration::from_millis(deadline.into()) + GRACE).min(PATIENCE);
    let until = clocks::now() + i64::try_from(patience.as_nanos()).unwrap_or(0);
    UNTIL.store(until, Ordering::Relaxed);
    ENDED_BY.store(this_thread(), Ordering::Relaxed);
    STATE.store(ENDS, Ordering::SeqCst);
}

/// Whoever has called `exit` waits.
fn wait_for_others() {
    let is_at_work = || context::thread().is_some_and(|thread| thread.at_work.get());
    while STATE.load(Ordering::SeqCst) == ENDS {
        let next = if AT_WORK.load(Ordering::SeqCst) <= usize::from(is_at_work()) {
            OVER
        } else if clocks::now() >= UNTIL.load(Ordering::Relaxed) {
            STANDING
        } else {
            std::thread::sleep(GLANCE);
            continue;
        };
        let turned = STATE.compare_exchange(ENDS, next, Ordering::SeqCst, Ordering::SeqCst);
        if turned.is_ok() && next == STANDING {
            log::line(format_args!("exit beside the loops of other threads, which stand still"));
        }
    }
}

fn this_thread() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}
