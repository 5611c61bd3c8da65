//! The process ends by `exit`: its libraries clean up after themselves while threads still run.
//!
//! No helper may be inside one of them by then, so they are ended first. Nor may a loop of another
//! thread go on with parked coroutines, once `exit` has begun: without Interlude it would have been
//! through with their events, and idle. So a loop says when it has somebody parked and does not
//! sleep, `exit` waits for those that do to come by, and they stand still there.
//!
//! ```text
//! loop     goes_on: AT_WORK + 1, then is it ending? ---- stands still until the process is gone
//! exit     it is ending, then AT_WORK = 0? ------------- helpers end, the handlers of libraries
//! ```
//!
//! Both only for a while: whoever `exit` waits for may wait for a lock of its caller's, and a handler
//! of `exit` may wait for the thread of a loop.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::thread::{self, Thread};
use crate::{clocks, context, hook, log};

/// How long `exit` waits for loops, in nanoseconds.
const PATIENCE: i64 = 1_000_000_000;
/// How long loops stand still, in nanoseconds: libraries clean up in less.
const STANDSTILL: i64 = 3_000_000_000;

/// How often `exit` looks.
const GLANCE: Duration = Duration::from_micros(100);

/// Threads that have somebody parked, and whose loops do not sleep.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// When loops go on even so, by the monotonic clock; 0 before `exit`.
static GOES_ON_AT: AtomicI64 = AtomicI64::new(0);
/// The thread that has called `exit`.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);

/// Before anything can be parked, or a helper starts. That is later than OpenSSL's own handler of
/// `exit` is registered, so ours runs before it.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a function of this library, which is never unloaded. Without room for it, the end
        // of the process cuts off whoever is at work, as it does any thread.
        let _ = unsafe { libc::atexit(at_exit) };
    });
}

/// The loop of `thread`, on which somebody is parked, is about to go on.
#[inline]
pub(crate) fn goes_on(thread: &Thread) {
    if !thread.at_work.replace(true) {
        AT_WORK.fetch_add(1, Ordering::SeqCst);
    }
    if GOES_ON_AT.load(Ordering::SeqCst) != 0 {
        stand_still(thread);
    }
}

/// It sleeps, or nobody is parked on it any more.
#[inline]
pub(crate) fn rests(thread: &Thread) {
    if thread.at_work.replace(false) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}

/// In a child after fork: the other threads are the parent's.
pub(crate) fn after_fork() {
    AT_WORK.store(0, Ordering::SeqCst);
    GOES_ON_AT.store(0, Ordering::SeqCst);
}

#[cold]
fn stand_still(thread: &Thread) {
    // A handler of `exit` may have a loop of its own.
    if ENDED_BY.load(Ordering::Relaxed) == this_thread() {
        return;
    }
    rests(thread);
    while let Some(left) = left_until(GOES_ON_AT.load(Ordering::Relaxed)) {
        std::thread::sleep(left);
    }
    thread.at_work.set(true);
    AT_WORK.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn at_exit() {
    hook::guarded(|| {
        let parked = context::thread().map_or(0, |thread| thread.parked.get());
        if parked > 0 {
            // A server that calls `exit` in the midst of an event does not know of them.
            log::line(format_args!(
                "exit beside {parked} parked coroutines: what they were at is lost"
            ));
        }
        wait_for_others();
        thread::stop_helpers();
    });
}

fn wait_for_others() {
    let own = usize::from(context::thread().is_some_and(|thread| thread.at_work.get()));
    let now = clocks::now();
    ENDED_BY.store(this_thread(), Ordering::Relaxed);
    GOES_ON_AT.store(now + STANDSTILL, Ordering::SeqCst);
    while AT_WORK.load(Ordering::SeqCst) > own && left_until(now + PATIENCE).is_some() {
        std::thread::sleep(GLANCE);
    }
}

fn left_until(then: i64) -> Option<Duration> {
    let left = u64::try_from(then - clocks::now()).ok().filter(|left| *left > 0);
    left.map(Duration::from_nanos)
}

fn this_thread() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}
