//! What is seen of the engine and the thread when a call is to be made, and what of that is in the call's way.

use std::time::Duration;

/// The engine, and what is there to be done besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Jobs that it has and has not done, whoever's they are,
    pub depth: usize,
    /// and those of them that are other threads'.
    pub others: usize,
    /// Jobs that it works on at the same time.
    pub parallel: usize,
    /// Does it put several calls into one? Then they are to wait for each other.
    pub gathers: bool,
    /// Does it work on processors other than the submitter's?
    pub has_own_cpus: bool,
    /// Events that wait for the thread, as far as it knows.
    pub waiting: usize,
    /// What time it is, in nanoseconds since whenever.
    pub now: u64,
    /// For how many of them the thread had nothing to do.
    pub slept: u64,
}

impl Seen {
    /// This thread's jobs that the engine has and has not done.
    pub(super) fn own(&self) -> usize {
        self.depth.saturating_sub(self.others)
    }

    /// How long a job would wait until the engine begins with it, where it is so long from one job's end to the next one's,
    pub(super) fn wait(&self, apart: Duration) -> Duration {
        times(apart, (self.depth + 1).saturating_sub(self.parallel))
    }

    /// and what of that is for this thread's own.
    pub(super) fn own_wait(&self, apart: Duration) -> Duration {
        times(apart, (self.own() + 1).saturating_sub(self.parallel))
    }

    /// Has nobody anything else to do?
    pub(super) fn is_alone(&self) -> bool {
        self.depth == 0 && self.waiting == 0
    }

    /// By how much a call in place delays all that this thread has: its own connection, those whose events wait,
    /// and those whose jobs are done meanwhile, one after the other so far `apart`, and other threads' between them.
    pub(super) fn in_place_delays(&self, inline: Duration, apart: Duration) -> Duration {
        let own = self.own();
        let apart = match self.others {
            0 => apart,
            _ => times(apart, self.depth) / u32::try_from(own.max(1)).unwrap_or(u32::MAX),
        };
        let most = nanos(inline).checked_div(nanos(apart)).unwrap_or(0);
        let done = usize::try_from(most).unwrap_or(usize::MAX).min(own);
        // The first waits longest.
        let late = times(inline, done).saturating_sub(times(apart, done * (done + 1) / 2));
        times(inline, 1 + self.waiting) + late
    }
}

pub(super) fn times(one: Duration, number: usize) -> Duration {
    one.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
