//! Has a thread time for calls in place, or is it busy all the time?
//!
//! Known is how long it has slept. One that has hardly slept during the last calls is held to be *busy*: it parks what
//! it would rather have made in place, for its CPU is what all wait for. But a thread with few connections, which
//! never rest, looks busy, too, and would only sleep instead. So it is looked at whether what it saves so is more than
//! what it sleeps then. Where it is not, the thread is not held to be busy for the next 32 calls, then 64, ... 32768.

use std::time::Duration;

/// Calls for which a thread is not held to be busy, at first, and at most.
const HOLD: (u32, u32) = (16, 32_768);
/// It is held to be busy after so many calls of which it has slept for less than the second part of the time.
const BUSY: (u32, u64) = (16, 8);
/// What comes of that is judged after so many;
const JUDGED: u32 = 16;
/// or after so few, if more than the second part was slept.
const IDLE: (u32, u64) = (4, 2);
/// If it was right for so long, what was wrong before is forgotten.
const RIGHT: u32 = 256;
/// Of the sums, that part is forgotten with each call.
const FORGOTTEN: u64 = 32;

#[derive(Debug)]
pub(super) struct Leisure {
    /// When it was last looked at, and how long the thread had slept by then.
    last: Option<(u64, u64)>,
    is_busy: bool,
    /// Since that is so: calls,
    calls: u32,
    /// the time, what of it was slept, and what was saved by calls that were parked for that; nanoseconds.
    all: u64,
    slept: u64,
    saved: u64,
    hold: u32,
}

impl Default for Leisure {
    fn default() -> Self {
        Self { last: None, is_busy: false, calls: 0, all: 0, slept: 0, saved: 0, hold: HOLD.0 }
    }
}

impl Leisure {
    /// A call comes, now; the thread has slept for so long since it began.
    pub(super) fn look(&mut self, now: u64, slept: u64) {
        let (before, slept_before) = self.last.replace((now, slept)).unwrap_or((now, slept));
        self.all += now.saturating_sub(before);
        self.slept += slept.saturating_sub(slept_before);
        self.calls = self.calls.saturating_add(1);
        if self.is_busy {
            let is_idle = self.calls >= IDLE.0 && self.slept > self.all / IDLE.1;
            if is_idle || (self.calls >= JUDGED && self.slept > self.saved) {
                let was_right = self.calls >= RIGHT;
                self.hold = if was_right { HOLD.0 } else { (self.hold * 2).min(HOLD.1) };
                self.turn();
            }
        } else if self.calls >= BUSY.0.max(self.hold) && self.slept < self.all / BUSY.1 {
            self.turn();
        }
        for sum in [&mut self.all, &mut self.slept, &mut self.saved] {
            *sum -= *sum / FORGOTTEN;
        }
    }

    /// A call comes that is made as it is whatever the thread has time for: so is what was slept around it.
    pub(super) fn skips(&mut self) {
        self.last = None;
    }

    fn turn(&mut self) {
        *self =
            Self { last: self.last, is_busy: !self.is_busy, hold: self.hold, ..Self::default() };
    }

    /// Is it busy all the time?
    pub(super) fn is_none(&self) -> bool {
        self.is_busy
    }

    /// A call is parked for that reason only, which saves the thread so much.
    pub(super) fn saves(&mut self, time: Duration) {
        self.saved += u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    }
}
