//! C5: what the server's clocks show while coroutines are parked.
//!
//! A server runs its timers between events, and a timer may free what a parked coroutine will use,
//! without a call that anybody sees. But a timer runs because a clock has shown its time; and
//! servers say when their next timer is due: `epoll_wait`'s timeout, reckoned from what their clock
//! has shown. So beside a parked coroutine no clock shows the announced time.
//!
//! ```text
//! nobody parked         real time; what was shown is remembered
//! parked, unannounced   a clock stands where it stood: the parked coroutine may have set a timer,
//!                       due (by a millisecond or more) after what it had seen
//! announced: t          at the first reading of a turn a clock moves on, but stays below what the
//!                       server reckoned from + t; then it stands: this turn may set timers, too
//! real time is there    for as long as the last drain took (GRACE: 2 to 50 ms) all is as before; then
//!                       nothing more is delivered (`is_due`); nobody is parked; real time
//! ```
//!
//! **Only a turn that begins moves clocks**: one that has done something (`acts`), or one that goes on
//! after a park, may have set a timer from an older reading, and nobody has announced that. A server
//! that only reads its clock before it waits (lighttpd) therefore sees it stand as long as somebody
//! is parked; after a second of that, nothing more is delivered until nobody is.
//!
//! **From what a server reckons** is not known; it is a reading that it remembers (nginx: the first
//! after `epoll_wait`; libevent: the same, or the last before). The limit is counted from the first
//! reading of a clock since the last announcement, or, where there was none, from that of the turn
//! before. That is the oldest of them, so the limit is early, never late. It is counted for each
//! clock by itself: a coarse clock is some milliseconds behind, and nginx reckons by that. (What a
//! library reads of the same clock is taken for the server's. Where the server itself reads only
//! before it waits, and nobody is parked, that is later than what it reckons from.)
//!
//! **Roundings.** nginx cuts its readings down to milliseconds; libevent rounds the timeout up to
//! them. Either way the timer may be due a millisecond before the sum, so that much is taken off.
//! lighttpd cuts down to seconds, asks to be woken after 1000 ms, and runs its timers when the second
//! has changed: from one second on a timeout counts from the whole second. For servers with finer
//! timers that is early by a second at most, which costs them one drain.
//!
//! **No time at all** (a due timer, or just more work) announces nothing, but that the timers which
//! were due have run, and that those set since are due in the next millisecond at the earliest: the
//! clocks stand for that and the grace (3 to 51 ms at most) before nothing more is delivered. (So
//! timers with fractions of a millisecond are not fenced exactly in a server that asks for this.)
//!
//! Readings are nanoseconds in each clock's own count. Must not: read a clock.

use std::time::Duration;

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// How long the clocks may stand below a limit that real time has passed, in nanoseconds, before
/// nothing more is delivered: as long as that took the last time, so that a server over a slow engine
/// serves for half of the time at least; but no less and no more than this.
pub const GRACE: (i64, i64) = (2 * MILLISECOND, 50 * MILLISECOND);
/// The number of the first turn that we see: what the server has read before it is not known.
const FIRST: u64 = 1;
/// How long the clocks may stand without any limit, in nanoseconds.
const STAND: i64 = SECOND;
/// A turn that has read a clock so often, and for so long, in vain, waits for it to go on.
const PATIENCE: (u32, i64) = (100, SECOND);

/// A clock of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_MONOTONIC_COARSE`.
    MonotonicCoarse,
    /// `CLOCK_MONOTONIC_RAW`.
    MonotonicRaw,
    /// `CLOCK_BOOTTIME`.
    Boot,
    /// `CLOCK_REALTIME`, `gettimeofday`, `timespec_get`.
    Real,
    /// `CLOCK_REALTIME_COARSE`.
    RealCoarse,
    /// `CLOCK_TAI`.
    Tai,
    /// `time`: whole seconds.
    Seconds,
}

impl Clock {
    /// Every clock.
    pub const ALL: [Self; 8] = [
        Self::Monotonic,
        Self::MonotonicCoarse,
        Self::MonotonicRaw,
        Self::Boot,
        Self::Real,
        Self::RealCoarse,
        Self::Tai,
        Self::Seconds,
    ];

    /// The clock by which it can be told how far this one is ahead of [`Clock::Monotonic`].
    fn pace(self) -> Self {
        match self {
            Self::MonotonicCoarse => Self::Monotonic,
            Self::RealCoarse | Self::Seconds => Self::Real,
            other => other,
        }
    }

    /// The first reading at which a timer may run, if the server waits for `timeout` at most after
    /// it has seen `reading`.
    fn limit(self, reading: i64, timeout: Duration) -> i64 {
        let timeout = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        if self == Self::Seconds {
            // It shows nothing else than whole seconds, and the next one at the earliest.
            return down(reading, SECOND).saturating_add(up(timeout, SECOND).max(SECOND));
        }
        let rounded_up = reading.saturating_add((timeout - MILLISECOND).max(0)).saturating_add(1);
        match timeout {
            0 => down(reading, MILLISECOND) + MILLISECOND,
            SECOND.. => rounded_up.min(down(reading, SECOND).saturating_add(timeout)),
            _ => rounded_up,
        }
    }
}

/// Cut down to a multiple of `unit`.
fn down(nanos: i64, unit: i64) -> i64 {
    nanos - nanos.rem_euclid(unit)
}

/// Rounded up to a multiple of `unit`, or nearly the largest number.
fn up(nanos: i64, unit: i64) -> i64 {
    down(nanos.saturating_add(unit - 1), unit)
}

/// What was shown of one clock.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    /// The first reading of `epoch`.
    first: i64,
    /// The latest one.
    last: i64,
    /// After which announcement it was read last; 0: never.
    epoch: u64,
    /// In which turn of the server's loop.
    turn: u64,
    /// What it may not reach beside parked coroutines; `None`: unlimited, or not in use.
    limit: Option<i64>,
}

/// The fence of one thread.
#[derive(Debug)]
pub struct Fence {
    clocks: [Shown; Clock::ALL.len()],
    /// Counts announcements, and turns that began after one. A server reads the clocks that it
    /// reckons by between any two of those: when a turn begins, or before it waits.
    epoch: u64,
    turn: u64,
    /// When this turn began, by the real monotonic clock; and the last one in which clocks moved.
    woke: i64,
    moved: i64,
    /// May clocks move on, beside parked coroutines?
    moves: bool,
    /// Does the running coroutine go on after a park? What it had seen before may be older than what was
    /// shown since the last announcement.
    resumed: bool,
    /// Has such a one seen time pass, since the last announcement?
    jumped: bool,
    /// Has a coroutine parked since the last announcement, and when did its turn begin?
    frozen: Option<i64>,
    /// The limit of the monotonic clock for a server that reads clocks without our seeing it.
    unseen: Option<i64>,
    /// When real time reaches a limit, by the monotonic clock. Only known beside parked ones.
    due: Option<i64>,
    /// Readings in vain, and when the first was.
    stuck: u32,
    stuck_since: i64,
    /// A turn has waited for the clock: it may see real time.
    free: bool,
    /// How long it may stand below a limit, within [`GRACE`].
    grace: i64,
    /// Since when, and until when, nothing was delivered for a timer's sake; `None`: taken note of.
    drained: Option<(i64, i64)>,
}

impl Fence {
    /// That of a loop of which nothing was seen for a while. Its turn has begun at that time, by the real monotonic clock.
    #[must_use]
    pub fn of_turn_since(woke: i64) -> Self {
        Self { woke, ..Self::default() }
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self {
            clocks: [Shown::default(); Clock::ALL.len()],
            epoch: 1,
            turn: FIRST - 1,
            woke: 0,
            moved: 0,
            moves: false,
            resumed: false,
            jumped: false,
            frozen: None,
            unseen: None,
            due: None,
            stuck: 0,
            stuck_since: 0,
            free: false,
            grace: GRACE.0,
            drained: None,
        }
    }
}

impl Fence {
    /// The server is given events, or none: a turn of its loop begins. `now` is the real monotonic
    /// clock's.
    pub fn turn(&mut self, now: i64) {
        self.woke = now;
        self.goes_on();
        self.moves = self.frozen.is_none();
        self.turn += u64::from(self.moves);
    }

    /// The running turn does something of its own: it may set timers from now on.
    #[inline]
    pub fn acts(&mut self) {
        self.moves = false;
    }

    /// A parked coroutine goes on.
    pub fn resumes(&mut self) {
        self.goes_on();
        self.resumed = true;
    }

    fn goes_on(&mut self) {
        self.moves = false;
        self.resumed = false;
        self.stuck = 0;
        self.free = false;
    }

    /// The running coroutine has been parked, as the first one or beside others. `real` reads a clock.
    pub fn parked(&mut self, first: bool, real: impl Fn(Clock) -> i64) {
        if first {
            self.moved = self.woke;
            if let Some((since, until)) = self.drained.take() {
                self.grace = (until - since).clamp(GRACE.0, GRACE.1);
            }
        }
        if self.frozen.is_none() {
            self.frozen = Some(self.woke);
        }
        if self.due.is_none() {
            self.settle(real);
        }
        self.goes_on();
    }

    /// The server waits in its loop, for `timeout` at most. Its timers are due after that, not
    /// before. `beside`: are coroutines parked?
    pub fn announce(
        &mut self,
        timeout: Option<Duration>,
        beside: bool,
        real: impl Fn(Clock) -> i64,
    ) {
        for clock in Clock::ALL {
            let shown = *self.of(clock);
            let before = shown.limit.filter(|limit| shown.last < *limit);
            let limit = timeout.filter(|_| self.uses(&shown)).map(|timeout| {
                let limit = clock.limit(shown.first, timeout);
                if timeout.is_zero() {
                    before.map_or(limit, |before| before.min(limit))
                } else {
                    limit
                }
            });
            self.of(clock).limit = limit;
        }
        self.epoch += 1;
        self.jumped = false;
        self.frozen = None;
        let some = timeout.filter(|timeout| !timeout.is_zero());
        self.unseen = some.map(|timeout| Clock::Monotonic.limit(self.woke, timeout));
        self.due = None;
        self.goes_on();
        if beside {
            self.settle(real);
        }
    }

    /// A reading: what the server is shown instead of `real`. `beside`: are coroutines parked?
    /// `now` reads the real monotonic clock.
    #[inline]
    pub fn show(
        &mut self,
        clock: Clock,
        real: i64,
        beside: bool,
        now: impl FnOnce() -> i64,
    ) -> i64 {
        let value = if beside { self.beside(clock, real, now) } else { real };
        let (epoch, turn, resumed) = (self.epoch, self.turn, self.resumed);
        let shown = self.of(clock);
        // It may have set a timer, before it was parked, by what the clock showed then.
        let jumps =
            resumed && shown.epoch > 0 && down(shown.last, MILLISECOND) < down(value, MILLISECOND);
        if shown.epoch != epoch {
            shown.first = value;
            shown.epoch = epoch;
        }
        shown.turn = turn;
        shown.last = value;
        self.jumped |= jumps;
        value
    }

    fn beside(&mut self, clock: Clock, real: i64, now: impl FnOnce() -> i64) -> i64 {
        let shown = *self.of(clock);
        if shown.epoch == 0 {
            return self.mapped(clock, real, now);
        }
        if shown.epoch == self.epoch || (!self.moves && self.uses(&shown)) {
            return if self.waits_for(now) { real.max(shown.last) } else { shown.last };
        }
        if self.moves {
            self.moved = self.woke;
        }
        let value = match shown.limit {
            Some(limit) if self.moves => whole(clock, real.min(limit - 1)),
            _ => self.mapped(clock, real, now),
        };
        value.max(shown.last)
    }

    /// A clock that the server does not reckon by, as far as is known.
    fn mapped(&self, clock: Clock, real: i64, now: impl FnOnce() -> i64) -> i64 {
        let Some(until) = self.frozen.or(self.due.map(|due| due - 1)) else { return real };
        let ahead = now().saturating_sub(until).max(0);
        whole(clock, real.saturating_sub(ahead))
    }

    /// Has this turn waited for the clock to go on, and for too long? It would wait for ever: it may
    /// see real time, and run its timers.
    fn waits_for(&mut self, now: impl FnOnce() -> i64) -> bool {
        if self.free {
            return true;
        }
        self.stuck += 1;
        if self.stuck == 1 {
            self.stuck_since = now();
        } else if self.stuck >= PATIENCE.0 && self.stuck.is_multiple_of(PATIENCE.0) {
            self.free = now() - self.stuck_since >= PATIENCE.1;
        }
        self.free
    }

    /// May a timer of the server's run now, in this turn or in the next, because a clock has shown its
    /// time? What parks then is parked alone. `now` reads the real monotonic clock.
    pub fn is_reached(&self, now: impl FnOnce() -> i64) -> bool {
        let reached = |shown: &Shown| {
            shown.limit.is_some_and(|limit| shown.last >= limit)
                || (shown.epoch == self.epoch
                    && down(shown.first, MILLISECOND) < down(shown.last, MILLISECOND))
        };
        self.turn <= FIRST
            || self.jumped
            || self.clocks.iter().any(reached)
            || (!self.is_seen() && self.unseen.is_some_and(|limit| now() >= limit))
    }

    /// Is nothing more to be delivered beside the parked coroutines? A timer is due, or would have been
    /// for some time, or the clocks have stood for too long. `now` is the real monotonic clock's.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        self.is_reached(|| now)
            || self.due.is_some_and(|due| now >= due.saturating_add(self.grace))
            || (self.is_seen() && now >= self.moved.saturating_add(STAND))
    }

    /// Nothing was delivered from `since` to `until`, by the real monotonic clock, while the parked
    /// coroutines ended for a timer's sake.
    pub fn drained(&mut self, since: i64, until: i64) {
        let began = self.drained.map_or(since, |(began, _)| began);
        self.drained = Some((began, until));
    }

    /// How long it is until nothing more is to be delivered, since a timer is due, beside parked
    /// coroutines. `None`: there is no timer.
    #[must_use]
    pub fn left(&self, now: i64) -> Option<Duration> {
        self.due.map(|due| {
            let left = due.saturating_add(self.grace).saturating_sub(now).max(0);
            Duration::from_nanos(left.unsigned_abs())
        })
    }

    /// For how long has a timer been due that the parked coroutines have kept from running, in
    /// nanoseconds?
    #[must_use]
    pub fn lateness(&self, now: i64) -> i64 {
        self.due.map_or(0, |due| now.saturating_sub(due).max(0))
    }

    /// Have we seen the clock that the server reckons by? (`time` is read by libraries, too.)
    fn is_seen(&self) -> bool {
        let finer = Clock::ALL.into_iter().zip(&self.clocks);
        finer.filter(|(clock, _)| *clock != Clock::Seconds).any(|(_, shown)| self.uses(shown))
    }

    /// Does the server read this clock in every turn?
    fn uses(&self, shown: &Shown) -> bool {
        shown.epoch > 0 && self.turn - shown.turn <= 1
    }

    /// Finds out when real time will have reached a limit.
    fn settle(&mut self, real: impl Fn(Clock) -> i64) {
        self.due = self.due_at(real);
    }

    /// When real time reaches a limit, or has reached it, by the monotonic clock. `real` reads a clock.
    pub fn due_at(&self, real: impl Fn(Clock) -> i64) -> Option<i64> {
        let limits = Clock::ALL.into_iter().zip(&self.clocks);
        let limits = limits.filter_map(|(clock, shown)| Some((clock.pace(), shown.limit?)));
        let due = limits.map(|(pace, limit)| match pace {
            Clock::Monotonic => limit,
            pace => limit.saturating_sub(real(pace)).saturating_add(real(Clock::Monotonic)),
        });
        due.min().or(self.unseen)
    }

    fn of(&mut self, clock: Clock) -> &mut Shown {
        &mut self.clocks[clock as usize]
    }
}

/// As the clock shows it: `time` knows whole seconds only.
fn whole(clock: Clock, value: i64) -> i64 {
    if clock == Clock::Seconds { down(value, SECOND) } else { value }
}

#[cfg(test)]
mod tests;
