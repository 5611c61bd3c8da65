//! The server's clocks (C5): beside parked coroutines they do not pass its next timer.
//!
//! Followed: `clock_gettime(2)`, `gettimeofday(2)`, `time(2)`, `timespec_get(3)`. The originals run
//! inside the shim: they are the kernel's functions in this process, and call nothing of the server.

use std::ffi::{c_int, c_void};

use interlude_core::fence::Clock;
use libc::{clockid_t, time_t, timespec, timeval};

use crate::clocks::{nanos, of, shown};
use crate::hook::{Call, Outcome};
use crate::table::originals;

const SECOND: i64 = 1_000_000_000;
const MICROSECOND: i64 = 1_000;
/// `TIME_UTC` of `<time.h>`.
const TIME_UTC: c_int = 1;

pub(crate) fn get(
    call: &Call<originals::clock_gettime::Function>,
    id: clockid_t,
    time: *mut timespec,
) -> Outcome<c_int> {
    // SAFETY: the caller's own arguments.
    let result = call.made(unsafe { (call.original)(id, time) });
    if result == 0
        && let Some(clock) = of(id)
    {
        show(clock, time);
    }
    Outcome::Handled(result)
}

pub(crate) fn get_base(
    call: &Call<originals::timespec_get::Function>,
    time: *mut timespec,
    base: c_int,
) -> Outcome<c_int> {
    // SAFETY: the caller's own arguments.
    let result = call.made(unsafe { (call.original)(time, base) });
    if result == TIME_UTC {
        show(Clock::Real, time);
    }
    Outcome::Handled(result)
}

fn show(clock: Clock, time: *mut timespec) {
    // SAFETY: an original has just written the time there.
    let time = unsafe { &mut *time };
    let real = nanos(time.tv_sec, time.tv_nsec);
    let value = shown(clock, real);
    if value != real {
        *time = timespec { tv_sec: value.div_euclid(SECOND), tv_nsec: value.rem_euclid(SECOND) };
    }
}

pub(crate) fn get_day(
    call: &Call<originals::gettimeofday::Function>,
    time: *mut timeval,
    zone: *mut c_void,
) -> Outcome<c_int> {
    // SAFETY: the caller's own arguments.
    let result = call.made(unsafe { (call.original)(time, zone) });
    // SAFETY: the contract of gettimeofday(2): a valid place, or null.
    let Some(time) = (unsafe { time.as_mut() }).filter(|_| result == 0) else {
        return Outcome::Handled(result);
    };
    let real = nanos(time.tv_sec, time.tv_usec * MICROSECOND);
    let value = shown(Clock::Real, real);
    if value != real {
        time.tv_sec = value.div_euclid(SECOND);
        time.tv_usec = value.rem_euclid(SECOND) / MICROSECOND;
    }
    Outcome::Handled(result)
}

pub(crate) fn get_seconds(
    call: &Call<originals::time::Function>,
    time: *mut time_t,
) -> Outcome<time_t> {
    // SAFETY: the caller's own argument.
    let real = call.made(unsafe { (call.original)(time) });
    let value = shown(Clock::Seconds, nanos(real, 0)).div_euclid(SECOND);
    // SAFETY: the contract of time(2): a valid place, or null.
    if let Some(time) = unsafe { time.as_mut() } {
        *time = value;
    }
    Outcome::Handled(value)
}
