//! Whether to put the rows of several requests into one run: measured while they are served.
//!
//! ```text
//! Prove     the first times: each row alone, and all together; are the results the same, and what took
//!    |      which way?
//!    v
//! Together <--measured--> Apart: each alone, for a while that grows; then it is tried again
//!    | the results were not the same
//!    v
//! Apart, for ever
//! ```
//!
//! Costs fall fast and rise slowly, since what disturbs a measurement only ever adds to it.
//!
//! Must not: read a clock.

use std::time::Duration;

/// How often it is to be proved before anybody is given a result of a row among others.
const PROOFS: u32 = 3;
/// What a row costs besides its share of a run: to be copied, parked, resumed.
const PARK: Duration = Duration::from_micros(3);
/// So many runs are measured before it is judged: one may have been interrupted by who knows whom.
const SAMPLES: u32 = 3;
/// It has to gain so much: a twentieth.
const GAIN: u32 = 20;
/// Requests that are served apart before it is tried again, at first and at most.
const REST: (u32, u32) = (64, 8192);
/// After so many flushes in a row that found one request alone, the next ones do not wait for company.
const LONELY: u32 = 16;
/// For so many of them, at first and at most.
const ALONE: (u32, u32) = (32, 512);
/// Runs that were made together are proved again, one of so many.
const AGAIN: u32 = 256;

/// How requests that wait are to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In both ways, and the results compared.
    Prove,
    /// In one run.
    Together,
    /// Each by itself.
    Apart,
}

/// What is known of one kind of request.
#[derive(Debug, Default)]
pub struct Trial {
    /// A row alone.
    alone: Option<Duration>,
    /// A row among so many: 2 to 3, 4 to 7, and so on.
    among: [Among; CLASSES],
    proofs: u32,
    together: u32,
    is_refuted: bool,
    lonely: u32,
    rest: u32,
    lonely_rest: u32,
}

/// What was measured of runs with about as many rows.
#[derive(Debug, Clone, Copy, Default)]
struct Among {
    row: Option<Duration>,
    /// How often.
    samples: u32,
}

const CLASSES: usize = 8;

fn class(rows: usize) -> usize {
    (rows.max(2).ilog2() as usize - 1).min(CLASSES - 1)
}

fn took(known: &mut Option<Duration>, now: Duration) {
    *known = Some(match *known {
        None => now,
        Some(before) if now < before => before - (before - now) / 2,
        Some(before) => before + (now - before) / 16,
    });
}

impl Trial {
    /// So many requests wait, with so many rows in all.
    #[must_use]
    pub fn way(&self, requests: usize, rows: usize) -> Way {
        if self.is_refuted || requests < 2 {
            return Way::Apart;
        }
        if self.proofs < PROOFS || self.together >= AGAIN {
            return Way::Prove;
        }
        let (Some(alone), class) = (self.alone, class(rows)) else { return Way::Together };
        match self.among.get(class) {
            Some(Among { row: Some(row), samples: SAMPLES.. }) if !gains(alone, *row) => Way::Apart,
            _ => Way::Together,
        }
    }

    /// A request with so many rows was run by itself, and took so long.
    pub fn ran_alone(&mut self, rows: usize, time: Duration) {
        took(&mut self.alone, time / u32::try_from(rows.max(1)).unwrap_or(1));
    }

    /// So many rows were run together, and took so long in all.
    pub fn ran_together(&mut self, rows: usize, time: Duration) {
        let (row, class) = (time / u32::try_from(rows.max(1)).unwrap_or(1), class(rows));
        self.together += 1;
        let Some(among) = self.among.get_mut(class) else { return };
        took(&mut among.row, row);
        among.samples += 1;
        let gains = self.alone.zip(among.row).is_some_and(|(alone, row)| gains(alone, row));
        if among.samples >= SAMPLES && gains {
            self.rest = 0;
        }
    }

    /// They were run in both ways: were the results the same?
    pub fn proved(&mut self, is_same: bool) {
        self.proofs += 1;
        self.together = 0;
        self.is_refuted |= !is_same;
    }

    /// They were run together, and the runtime refused: it is to be proved again.
    pub fn failed(&mut self) {
        self.proofs = 0;
    }

    /// Were results found that depend on what they were computed beside?
    #[must_use]
    pub fn is_refuted(&self) -> bool {
        self.is_refuted
    }

    /// Those that waited were run apart, since that is faster. For how many requests to come is that
    /// settled?
    pub fn rests(&mut self, rows: usize) -> u32 {
        self.rest = (self.rest * 2).clamp(REST.0, REST.1);
        // What is so now will say nothing of then.
        if let Some(among) = self.among.get_mut(class(rows)) {
            *among = Among::default();
        }
        self.rest
    }

    /// A flush found so many requests. For how many to come is it settled that they have no company?
    pub fn met(&mut self, requests: usize) -> u32 {
        if requests > 1 {
            self.lonely = 0;
            self.lonely_rest = 0;
            return 0;
        }
        self.lonely += 1;
        if self.lonely < LONELY {
            return 0;
        }
        // One alone again is enough to know.
        self.lonely = LONELY - 1;
        self.lonely_rest = (self.lonely_rest * 2).clamp(ALONE.0, ALONE.1);
        self.lonely_rest
    }
}

/// Is a row among others enough faster than one alone?
fn gains(alone: Duration, among: Duration) -> bool {
    (among + PARK) + alone / GAIN < alone
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROS: fn(u64) -> Duration = Duration::from_micros;

    fn proved() -> Trial {
        let mut trial = Trial::default();
        for _ in 0..PROOFS {
            assert_eq!(trial.way(4, 4), Way::Prove);
            trial.ran_alone(1, MICROS(100));
            trial.proved(true);
        }
        trial
    }

    #[test]
    fn it_is_proved_before_it_is_done() {
        let mut trial = proved();
        trial.ran_together(4, MICROS(200));
        assert_eq!(trial.way(4, 4), Way::Together);
        assert_eq!(trial.way(1, 1), Way::Apart);
    }

    #[test]
    fn results_that_depend_on_others_end_it_for_good() {
        let mut trial = Trial::default();
        trial.proved(true);
        trial.proved(false);
        assert!(trial.is_refuted());
        assert_eq!(trial.way(8, 8), Way::Apart);
    }

    #[test]
    fn what_loses_is_left_and_tried_again_ever_more_rarely() {
        let mut trial = proved();
        let mut rests = Vec::new();
        for _ in 0..10 {
            for _ in 0..SAMPLES {
                assert_eq!(trial.way(4, 4), Way::Together);
                trial.ran_together(4, MICROS(440));
            }
            assert_eq!(trial.way(4, 4), Way::Apart);
            rests.push(trial.rests(4));
        }
        assert_eq!(rests, [64, 128, 256, 512, 1024, 2048, 4096, 8192, 8192, 8192]);
        // Of another number of rows nothing is known.
        assert_eq!(trial.way(16, 16), Way::Together);
        (0..SAMPLES).for_each(|_| trial.ran_together(4, MICROS(200)));
        assert_eq!(trial.way(4, 4), Way::Together);
        (0..SAMPLES).for_each(|_| trial.ran_together(4, MICROS(4400)));
        assert_eq!((trial.way(4, 4), trial.rests(4)), (Way::Apart, 64));
    }

    #[test]
    fn a_gain_that_the_parks_eat_up_is_none() {
        let mut trial = Trial::default();
        for _ in 0..PROOFS {
            trial.ran_alone(1, MICROS(5));
            trial.ran_together(8, MICROS(8 * 3));
            trial.proved(true);
        }
        assert_eq!(trial.way(8, 8), Way::Apart);
    }

    #[test]
    fn it_is_proved_again_now_and_then() {
        let mut trial = proved();
        (0..AGAIN).for_each(|_| trial.ran_together(8, MICROS(400)));
        assert_eq!(trial.way(8, 8), Way::Prove);
        trial.proved(true);
        assert_eq!(trial.way(8, 8), Way::Together);
    }

    #[test]
    fn whoever_is_alone_does_not_wait_for_company_for_ever() {
        let mut trial = Trial::default();
        let waits: Vec<u32> = (0..LONELY + 2).map(|_| trial.met(1)).collect();
        assert_eq!(waits.iter().filter(|wait| **wait > 0).count(), 3);
        assert_eq!(waits[LONELY as usize - 1..], [32, 64, 128]);
        assert_eq!((trial.met(2), trial.met(1)), (0, 0));
    }
}
