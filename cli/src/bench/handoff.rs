//! What it costs to hand work to another OS thread and back: the approach that parking a coroutine
//! stands against.

use super::gets::pin;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Pairs in one timing; the clock's own cost vanishes in it.
const BATCH: u32 = 200;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Here,
    There,
    Over,
}

/// A mutex and a condition variable: futexes below, as in a thread pool.
#[derive(Debug)]
struct Baton {
    turn: Mutex<Turn>,
    passed: Condvar,
}

/// Cost of one hand-off to a second thread and back, both on the same CPUs, in nanoseconds, once
/// for each of `timings`.
pub(crate) fn pair(cpus: &[usize], timings: usize) -> io::Result<Vec<f64>> {
    let baton = Baton { turn: Mutex::new(Turn::Here), passed: Condvar::new() };
    thread::scope(|scope| {
        let there = thread::Builder::new().spawn_scoped(scope, || {
            let pinned = pin(cpus);
            baton.answer();
            pinned
        })?;
        let here = thread::Builder::new().spawn_scoped(scope, || {
            let measured = pin(cpus).map(|()| (0..timings).map(|_| baton.batch()).collect());
            // Also where pinning failed: the other thread waits for it.
            baton.pass(Turn::Over);
            measured
        });
        let measured = match here {
            Ok(here) => here.join().map_err(|_| io::Error::other("a thread panicked"))?,
            Err(error) => {
                baton.pass(Turn::Over);
                Err(error)
            }
        };
        there.join().map_err(|_| io::Error::other("a thread panicked"))??;
        measured
    })
}

impl Baton {
    fn batch(&self) -> f64 {
        let begin = Instant::now();
        for _ in 0..BATCH {
            self.pass(Turn::There);
            drop(self.wait(|turn| turn == Turn::Here));
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
    }

    fn answer(&self) {
        while *self.wait(|turn| turn != Turn::Here) != Turn::Over {
            self.pass(Turn::Here);
        }
    }

    fn pass(&self, to: Turn) {
        *self.lock() = to;
        self.passed.notify_one();
    }

    fn wait(&self, wanted: impl Fn(Turn) -> bool) -> MutexGuard<'_, Turn> {
        let waited = self.passed.wait_while(self.lock(), |turn| !wanted(*turn));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_an_end_with_as_many_timings_as_asked_for() {
        let timings = pair(&[0], 3).unwrap();
        assert_eq!(timings.len(), 3);
        assert!(timings.iter().all(|cost| *cost > 0.0));
    }

    #[test]
    fn a_cpu_that_does_not_exist_is_an_error() {
        assert!(pair(&[1000], 1).is_err());
    }
}
