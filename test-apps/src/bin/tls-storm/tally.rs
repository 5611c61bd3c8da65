//! What a run has done so far.
//!
//! Must not: drop a failure. Each is counted; of the messages the first few different ones are
//! kept.

use crate::failure::{Failure, Failures};
use hdrhistogram::Histogram;
use rustls::HandshakeKind;
use std::time::Duration;

/// How many different messages are kept.
const MESSAGES: usize = 8;

/// Counters and histograms of a run.
pub(crate) struct Tally {
    /// Handshakes without resumption.
    pub(crate) full: u64,
    /// Handshakes that resumed an earlier session.
    pub(crate) resumed: u64,
    /// Among the full ones, those in which the server asked for another group first.
    pub(crate) retried: u64,
    /// Responses that were whole and right.
    pub(crate) requests: u64,
    /// Bytes of their bodies.
    pub(crate) body_bytes: u64,
    /// Failed connections, by kind.
    pub(crate) failures: Failures,
    /// The first different messages, each with how often it came.
    pub(crate) messages: Vec<(String, u64)>,
    /// From the begin of a connection to its established session, in nanoseconds.
    pub(crate) handshake_ns: Histogram<u64>,
    /// From a request to the last byte of its response, in nanoseconds.
    pub(crate) request_ns: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, hdrhistogram::CreationError> {
        let histogram = || Histogram::new_with_bounds(100, 600_000_000_000, 3);
        Ok(Self {
            full: 0,
            resumed: 0,
            retried: 0,
            requests: 0,
            body_bytes: 0,
            failures: Failures::default(),
            messages: Vec::new(),
            handshake_ns: histogram()?,
            request_ns: histogram()?,
        })
    }

    pub(crate) fn handshakes(&self) -> u64 {
        self.full + self.resumed
    }

    pub(crate) fn handshake(&mut self, kind: HandshakeKind, took: Duration) {
        match kind {
            HandshakeKind::Resumed => self.resumed += 1,
            HandshakeKind::Full => self.full += 1,
            HandshakeKind::FullWithHelloRetryRequest => {
                self.full += 1;
                self.retried += 1;
            }
        }
        self.handshake_ns.saturating_record(nanoseconds(took));
    }

    pub(crate) fn request(&mut self, body_bytes: u64, took: Duration) {
        self.requests += 1;
        self.body_bytes += body_bytes;
        self.request_ns.saturating_record(nanoseconds(took));
    }

    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.failures.add(failure.kind);
        let message = failure.to_string();
        if let Some((_, times)) = self.messages.iter_mut().find(|(known, _)| *known == message) {
            *times += 1;
        } else if self.messages.len() < MESSAGES {
            self.messages.push((message, 1));
        }
    }
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn every_failure_is_counted_and_equal_messages_are_kept_once() {
        let mut tally = Tally::new().unwrap();
        for number in 0..20 {
            tally.failure(&Failure::new(Kind::Tls, format!("message {}", number % 10)));
        }
        assert_eq!(tally.failures.total(), 20);
        assert_eq!(tally.messages.len(), MESSAGES);
        assert!(tally.messages.iter().all(|(_, times)| *times == 2));
    }
}
