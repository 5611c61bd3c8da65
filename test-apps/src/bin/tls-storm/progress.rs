//! One line on a terminal while a longer run is under way.
//!
//! Must not: write to anything but a terminal, or keep the loop waiting for it.

use crate::tally::Tally;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// Runs shorter than this show nothing.
const QUIET: Duration = Duration::from_secs(3);
const EVERY: Duration = Duration::from_secs(1);

/// When the line is due.
#[derive(Debug)]
pub(crate) struct Progress {
    begin: Instant,
    due: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(begin: Instant) -> Self {
        Self { begin, due: stderr().is_terminal().then_some(begin + QUIET), shown: false }
    }

    pub(crate) fn show(&mut self, now: Instant, tally: &Tally) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = Some(now + EVERY);
        self.shown = true;
        let line = format!(
            "\r\x1b[K{:.0} s: {} handshakes, {} requests, {} errors",
            (now - self.begin).as_secs_f64(),
            tally.handshakes(),
            tally.requests,
            tally.failures.total()
        );
        write(&line);
    }

    /// Takes the line away again.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            write("\r\x1b[K");
        }
    }
}

/// A terminal that is gone is no reason to end the run.
fn write(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}
