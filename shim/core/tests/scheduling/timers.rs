//! The server's timers (C5), after nginx: it reads a clock when its wait returns, reckons by that until the
//! next one, runs what is due at the end of a turn, and says how long it may sleep.
//!
//! There is one such time for all turns: what one of them has read, another runs its timers by. The fence is
//! driven as `shim/src/{clocks,scheduler/turn}.rs` do.

use std::time::Duration;

use interlude_core::fence::{Clock, Fence};

use crate::violation::Violation;

const MILLISECOND: i64 = 1_000_000;
/// What the clock shows when the server starts.
const START: i64 = 1_000_000 * MILLISECOND;

/// A clock, the timers set by it, and the fence before it.
pub(crate) struct Timers {
    fence: Fence,
    /// Is the rule in force?
    fenced: bool,
    /// Real time, in nanoseconds.
    now: i64,
    /// What the server thinks is now: whole milliseconds.
    seen: i64,
    due: Vec<i64>,
    /// The server has more work, and will not wait.
    more: bool,
    /// It waits for no time.
    hurries: bool,
    /// When the drain began that is under way.
    drains: Option<i64>,
}

impl Timers {
    pub(crate) fn new(fenced: bool) -> Self {
        let mut timers = Self {
            fence: Fence::default(),
            fenced,
            now: START,
            seen: START,
            due: Vec::new(),
            more: false,
            hurries: false,
            drains: None,
        };
        // In its first turn nothing is known of what the server has read before.
        timers.fence.turn(START);
        timers.announce(false);
        timers
    }

    /// Real time goes on.
    pub(crate) fn pass(&mut self, micros: u32) {
        self.now += i64::from(micros) * 1000;
    }

    /// Nothing happens before a timer is due: it sleeps until then.
    pub(crate) fn sleep(&mut self) {
        if let Some(due) = self.due.iter().min() {
            self.now = self.now.max(*due);
        }
    }

    /// The running turn sets a timer.
    pub(crate) fn set(&mut self, millis: u8) {
        self.due.push(self.seen + i64::from(millis) * MILLISECOND);
    }

    /// The server has more work for its next turn than it has events.
    pub(crate) fn has_more(&mut self) {
        self.more = true;
    }

    /// Is it given no event, though it has not slept?
    pub(crate) fn hurries(&self) -> bool {
        self.hurries
    }

    /// A turn begins. `beside`: is anybody parked, or are there events that wait for their turn?
    pub(crate) fn begin(&mut self, beside: bool) {
        self.fence.turn(self.now);
        self.look(beside);
    }

    /// The server reads its clock.
    pub(crate) fn look(&mut self, beside: bool) {
        let now = self.now;
        let shown =
            if self.fenced { self.fence.show(Clock::Monotonic, now, beside, || now) } else { now };
        self.seen = shown - shown.rem_euclid(MILLISECOND);
    }

    /// The running turn does something.
    pub(crate) fn acts(&mut self) {
        self.fence.acts();
    }

    /// A parked coroutine goes on.
    pub(crate) fn resumes(&mut self) {
        self.fence.resumes();
    }

    /// The running coroutine has been parked.
    pub(crate) fn parked(&mut self, first: bool) {
        let now = self.now;
        self.fence.parked(first, |_| now);
    }

    /// A turn is at its end: the server runs its timers, and says until when it may sleep. Says how many ran.
    pub(crate) fn end(&mut self, parked: usize) -> Result<usize, Violation> {
        let (seen, before) = (self.seen, self.due.len());
        self.due.retain(|due| *due > seen);
        let ran = before - self.due.len();
        if ran > 0 && parked > 0 {
            return Err(Violation::Timer(format!("{ran} run beside {parked} that are parked")));
        }
        self.announce(parked > 0);
        Ok(ran)
    }

    fn announce(&mut self, beside: bool) {
        let next = self.due.iter().min();
        let timeout = next.map(|due| Duration::from_nanos((due - self.seen).max(0).unsigned_abs()));
        self.hurries = std::mem::take(&mut self.more);
        let timeout = if self.hurries { Some(Duration::ZERO) } else { timeout };
        let now = self.now;
        self.fence.announce(timeout, beside, |_| now);
    }

    /// Must all that are parked end before the next turn? `has_events`: are there some to be given?
    pub(crate) fn are_due(&self, has_events: bool) -> bool {
        self.fenced
            && if has_events {
                // It does not change what the fence decides later.
                self.fence.is_reached(|| self.now)
            } else {
                self.fence.is_due(self.now)
            }
    }

    /// Does the clock stand behind real time for the sake of those that are parked?
    pub(crate) fn are_late(&self) -> bool {
        self.fenced && self.fence.lateness(self.now) > 0
    }

    /// May a timer run in this turn?
    pub(crate) fn may_run(&self) -> bool {
        self.fenced && self.fence.is_reached(|| self.now)
    }

    /// Nothing is delivered, since those that are parked come first.
    pub(crate) fn drain(&mut self) {
        let since = *self.drains.get_or_insert(self.now);
        if self.are_late() {
            self.fence.drained(since, self.now);
        }
    }

    /// Events are delivered again.
    pub(crate) fn delivers(&mut self) {
        self.drains = None;
    }
}
