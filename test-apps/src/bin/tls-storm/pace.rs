//! When connections are due, where a rate is given.
//!
//! The schedule does not wait for the server (an open loop): a connection that could not begin in
//! time begins late, and its latency counts from when it was due.
//!
//! Must not: forget a connection that is late.

use std::time::{Duration, Instant};

/// A steady schedule.
#[derive(Debug)]
pub(crate) struct Pace {
    begin: Instant,
    per_second: f64,
    taken: u64,
}

impl Pace {
    pub(crate) fn new(begin: Instant, per_second: f64) -> Self {
        Self { begin, per_second, taken: 0 }
    }

    /// When the next connection is due.
    pub(crate) fn due(&self) -> Instant {
        // From the number each time: adding up an interval would add up its rounding.
        self.begin + Duration::from_secs_f64(self.taken as f64 / self.per_second)
    }

    /// Goes on to the one after.
    pub(crate) fn advance(&mut self) {
        self.taken += 1;
    }

    /// How many were due before `end` and never began.
    pub(crate) fn missed(&self, end: Instant) -> u64 {
        let due =
            (end.saturating_duration_since(self.begin).as_secs_f64() * self.per_second).ceil();
        (due as u64).saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_keeps_its_rate_and_knows_what_was_missed() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin, 3.0);
        assert_eq!(pace.due(), begin);
        (0..3000).for_each(|_| pace.advance());
        assert_eq!(pace.due(), begin + Duration::from_secs(1000));
        assert_eq!(pace.missed(begin + Duration::from_secs(1000)), 0);
        assert_eq!(pace.missed(begin + Duration::from_secs(1001)), 3);
    }
}
