//! How much a run still may begin.
//!
//! Whatever has been begun is finished, so that what is counted is whole; only then the run ends.
//!
//! Must not: count what has been done. That is the tally's.

use std::time::Instant;

/// What is left to begin; `None` is without limit.
#[derive(Debug)]
pub(crate) struct Budget {
    /// When nothing more may begin.
    pub(crate) until: Option<Instant>,
    /// Connections that may still begin.
    pub(crate) connections: Option<u64>,
    /// Requests that may still begin.
    pub(crate) requests: Option<u64>,
}

impl Budget {
    /// Takes one connection, and its first request where it is to have one.
    pub(crate) fn claim_connection(&mut self, now: Instant, with_request: bool) -> bool {
        if self.is_spent(now) {
            return false;
        }
        take(&mut self.connections);
        if with_request {
            take(&mut self.requests);
        }
        true
    }

    /// Takes one more request of a connection that is open.
    pub(crate) fn claim_request(&mut self, now: Instant) -> bool {
        if self.is_over(now) || self.requests == Some(0) {
            return false;
        }
        take(&mut self.requests);
        true
    }

    /// Whether the request just claimed was the last one of all.
    pub(crate) fn has_no_request(&self) -> bool {
        self.requests == Some(0)
    }

    /// Whether no further connection may begin.
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        self.is_over(now) || self.connections == Some(0) || self.requests == Some(0)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

fn take(left: &mut Option<u64>) {
    if let Some(left) = left {
        *left = left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn requests_are_claimed_by_connections_old_and_new() {
        let now = Instant::now();
        let mut budget = Budget { until: None, connections: None, requests: Some(3) };
        assert!(budget.claim_connection(now, true));
        assert!(budget.claim_request(now));
        assert!(!budget.has_no_request());
        assert!(budget.claim_connection(now, true));
        assert!(budget.has_no_request() && budget.is_spent(now));
        assert!(!budget.claim_request(now) && !budget.claim_connection(now, true));
    }

    #[test]
    fn connections_end_where_their_number_is_reached_and_requests_do_not() {
        let now = Instant::now();
        let mut budget = Budget { until: None, connections: Some(1), requests: None };
        assert!(budget.claim_connection(now, false));
        assert!(!budget.claim_connection(now, false));
        assert!(budget.claim_request(now));
    }

    #[test]
    fn nothing_begins_once_the_time_is_over() {
        let now = Instant::now();
        let until = now + Duration::from_secs(1);
        let mut budget = Budget { until: Some(until), connections: None, requests: None };
        assert!(budget.claim_connection(now, true) && budget.claim_request(now));
        assert!(!budget.claim_connection(until, true) && !budget.claim_request(until));
    }
}
