//! Waiting for a condition, with an upper bound: tests never sleep and hope.

use std::thread;
use std::time::{Duration, Instant};

/// The longest pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks `done` again and again until it says yes (true), or until `limit` is over (false).
pub fn until(limit: Duration, done: impl FnMut() -> bool) -> bool {
    asking(limit, PAUSE, done)
}

/// As [`until`], every millisecond.
pub fn closely(limit: Duration, done: impl FnMut() -> bool) -> bool {
    asking(limit, Duration::from_millis(1), done)
}

fn asking(limit: Duration, longest: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if done() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}
