//! Real time, and what the server is shown of it (C5).
//!
//! The standard library's clock calls would come in through our own exports; these do not.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use interlude_core::fence::Clock;
use interlude_core::moment::same_moment;
use interlude_settings::Mode;
use interlude_submission as submission;
use libc::{clockid_t, timespec};

use crate::context;
use crate::table::originals;
use crate::thread::Thread;

/// The real monotonic clock, in nanoseconds.
#[inline]
pub(crate) fn now() -> i64 {
    real(Clock::Monotonic)
}

/// The same for jobs.
pub(crate) struct Monotonic;

impl submission::Clock for Monotonic {
    #[inline]
    fn now(&self) -> u64 {
        u64::try_from(now()).unwrap_or(0)
    }

    #[inline]
    fn instant(&self, now: u64) -> Instant {
        /// The same moment by both.
        static ORIGIN: OnceLock<(Instant, i64)> = OnceLock::new();
        let (instant, origin) = *ORIGIN.get_or_init(|| same_moment(self::now, Instant::now));
        let since = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(origin);
        instant + Duration::from_nanos(u64::try_from(since).unwrap_or(0))
    }
}

/// What a clock shows really, in nanoseconds; 0 if it cannot be read.
pub(crate) fn real(clock: Clock) -> i64 {
    let id = match clock {
        Clock::Monotonic => libc::CLOCK_MONOTONIC,
        Clock::MonotonicCoarse => libc::CLOCK_MONOTONIC_COARSE,
        Clock::MonotonicRaw => libc::CLOCK_MONOTONIC_RAW,
        Clock::Boot => libc::CLOCK_BOOTTIME,
        Clock::Real => libc::CLOCK_REALTIME,
        Clock::RealCoarse | Clock::Seconds => libc::CLOCK_REALTIME_COARSE,
        Clock::Tai => libc::CLOCK_TAI,
    };
    let Some(original) = originals::clock_gettime::ORIGINAL.function() else { return 0 };
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the time.
    unsafe { original(id, &raw mut time) };
    nanos(time.tv_sec, time.tv_nsec)
}

/// The clock of that number, if it goes by itself and not by what a program does.
#[inline]
pub(crate) fn of(id: clockid_t) -> Option<Clock> {
    Some(match id {
        libc::CLOCK_MONOTONIC => Clock::Monotonic,
        libc::CLOCK_MONOTONIC_COARSE => Clock::MonotonicCoarse,
        libc::CLOCK_MONOTONIC_RAW => Clock::MonotonicRaw,
        libc::CLOCK_BOOTTIME => Clock::Boot,
        libc::CLOCK_REALTIME => Clock::Real,
        libc::CLOCK_REALTIME_COARSE => Clock::RealCoarse,
        libc::CLOCK_TAI => Clock::Tai,
        _ => return None,
    })
}

/// Nanoseconds of a time that a clock has shown.
#[inline]
pub(crate) fn nanos(seconds: i64, nanos: i64) -> i64 {
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos)
}

/// What the server is shown, in the running event, of a clock that shows `real` really.
#[inline]
pub(crate) fn shown(clock: Clock, real: i64) -> i64 {
    let Some(thread) = context::in_event().filter(|thread| has_fence(thread)) else { return real };
    // A server sees all events that came in time before it runs a timer. The events that it is given
    // one at a time are no reason to run it between them: a client that has sent would time out.
    let beside = thread.parked.get() > 0 || thread.backlog.get();
    match thread.fence.try_borrow_mut() {
        Ok(mut fence) => fence.show(clock, real, beside, now),
        Err(_) => real,
    }
}

/// May a timer of the server's have run in the running coroutine, or run in it still?
pub(crate) fn may_run_timers(thread: &Thread) -> bool {
    has_fence(thread) && thread.fence.borrow().is_reached(now)
}

/// Only coroutines are parked.
fn has_fence(thread: &Thread) -> bool {
    thread.settings.rules.timers && thread.settings.mode == Mode::Coroutine
}
