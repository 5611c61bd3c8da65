//! The jobs that are out, and what the engine takes for them.
//!
//! What is seen of a job is when it was handed over and when it came back. Between the two it has waited for others:
//! what it was expected to wait and what it was expected to take share the time in proportion.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use crate::cost::Size;

/// A job that is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) kind: usize,
    pub(super) size: Size,
    /// When it was handed over.
    pub(super) since: u64,
    /// How long it was to wait.
    pub(super) wait: Duration,
    /// How long the engine was to take; `None`: nothing was known.
    pub(super) service: Option<Duration>,
    /// Does the thread wait for it?
    pub(super) waits: bool,
    /// Had the engine, and the thread, nothing else to do?
    pub(super) is_alone: bool,
}

impl Flight {
    /// What it has taken the engine, if it is done now.
    pub(super) fn service_by(&self, now: u64) -> Duration {
        if self.wait.is_zero() {
            return self.elapsed(now);
        }
        let elapsed = u128::from(now.saturating_sub(self.since));
        let (wait, service) = (self.wait.as_nanos(), self.service.unwrap_or_default().as_nanos());
        let own = match wait + service {
            0 => elapsed,
            both => elapsed * service / both,
        };
        Duration::from_nanos(u64::try_from(own).unwrap_or(u64::MAX))
    }

    /// How long it has been out.
    pub(super) fn elapsed(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.since))
    }
}

/// Tickets are numbers of ours, one after the other: a multiplication is enough to spread them.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All of a thread's.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_ticket: HashMap<u64, Flight, BuildHasherDefault<Spread>>,
    /// Of those of which it is known what they take: what all of them do, and how many they are.
    expected: Duration,
    known: u32,
}

impl Flights {
    pub(super) fn begin(&mut self, ticket: u64, flight: Flight) {
        self.end(ticket);
        if let Some(service) = flight.service {
            self.expected += service;
            self.known += 1;
        }
        self.by_ticket.insert(ticket, flight);
    }

    pub(super) fn end(&mut self, ticket: u64) -> Option<Flight> {
        let flight = self.by_ticket.remove(&ticket)?;
        if let Some(service) = flight.service {
            self.expected = self.expected.saturating_sub(service);
            self.known -= 1;
        }
        Some(flight)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }

    /// What those that are out take on average; `None`: that is known of none.
    pub(super) fn mean(&self) -> Option<Duration> {
        self.expected.checked_div(self.known)
    }
}
