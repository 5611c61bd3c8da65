//! What came of a load: how much, and everything that was wrong.

use std::fmt;

/// How many failures are kept in words; the others are only counted.
const WORDS: usize = 20;

/// The sum over all clients.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests answered in full.
    pub requests: u64,
    /// Bytes of their bodies, as on the wire.
    pub bytes: u64,
    /// Those whose body was compressed, and right.
    pub compressed: u64,
    /// Connections opened.
    pub connections: u64,
    /// Connections that the server closed between requests, and that were opened again.
    pub reopened: u64,
    /// Requests that the client broke off.
    pub aborted: u64,
    /// Requests that failed or whose answer differed.
    pub failures: u64,
    /// The first failures, one line each.
    pub failed: Vec<String>,
}

impl fmt::Display for Tally {
    /// How much was done, then the failures, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failures", self.requests, self.failures)?;
        self.failed.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl Tally {
    /// Whether nothing failed.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.failures == 0
    }

    /// Counts a failure.
    pub fn fail(&mut self, why: impl fmt::Display) {
        self.failures += 1;
        if self.failed.len() < WORDS {
            self.failed.push(why.to_string());
        }
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.compressed += other.compressed;
        self.connections += other.connections;
        self.reopened += other.reopened;
        self.aborted += other.aborted;
        self.failures += other.failures;
        let room = WORDS.saturating_sub(self.failed.len());
        self.failed.extend(other.failed.into_iter().take(room));
    }
}
