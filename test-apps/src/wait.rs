//! Waiting for a condition, with an upper bound: tests never sleep and hope.

use std::thread;
use std::time::{Duration, Instant};

/// Asks `done` again and again until it says yes (true), or until `limit` is over (false).
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
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
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
