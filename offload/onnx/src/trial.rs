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
/// Where it is known to lose with another number of rows, or was found to lose before, these are enough.
const SAMPLES_IN_DOUBT: u32 = 2;
/// It has to gain so much: a twentieth.
const GAIN: u32 = 20;
/// Requests that are served apart before it is tried again, at first and at most.
const REST: (u32, u32) = (64, 8192);
/// And so many times as many as could have been served in the time that was lost by trying: all trying costs
/// a hundredth.
const PAID_BACK: u32 = 100;
/// At most.
const LONGEST_REST: u32 = 1 << 20;
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
    /// Rows that were run in both ways, since the latest rest.
    doubled: usize,
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
    /// Rows, since the latest rest.
    tried: usize,
}

const CLASSES: usize = 8;

fn class(rows: usize) -> usize {
    (rows.max(2).ilog2() as usize - 1).min(CLASSES - 1)
}

fn took(known: &mut Option<Duration>, now: Duration) {
    *known = Some(match *known {
        None => now,
        Some(before) if now < before => before - (before - now) / 2,
        // (Whoever was interrupted may have taken ten times as long.)
        Some(before) => before + (now - before).min(before) / 16,
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
        match self.among.get(class(rows)) {
            Some(among) if self.loses(among, self.samples()) => Way::Apart,
            _ => Way::Together,
        }
    }

    /// How often it is measured before it is judged.
    fn samples(&self) -> u32 {
        let is_doubted = self.rest > 0 || self.among.iter().any(|among| self.loses(among, SAMPLES));
        if is_doubted { SAMPLES_IN_DOUBT } else { SAMPLES }
    }

    fn loses(&self, among: &Among, samples: u32) -> bool {
        let measured = self.alone.zip(among.row).filter(|_| among.samples >= samples);
        measured.is_some_and(|(alone, row)| !gains(alone, row))
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
        among.samples += 1;
        among.tried += rows;
        match among.row {
            Some(least) if among.samples <= SAMPLES => among.row = Some(least.min(row)),
            _ => took(&mut among.row, row),
        }
        let gains = self.alone.zip(among.row).is_some_and(|(alone, row)| gains(alone, row));
        if among.samples >= SAMPLES && gains {
            self.rest = 0;
            self.forget_costs();
        }
    }

    /// So many rows were run in both ways: were the results the same?
    pub fn proved(&mut self, rows: usize, is_same: bool) {
        self.doubled += rows;
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
        let paid_back = self.lost() * f64::from(PAID_BACK);
        self.forget_costs();
        // What is so now will say nothing of then.
        if let Some(among) = self.among.get_mut(class(rows)) {
            *among = Among::default();
        }
        self.rest.max((paid_back as u32).min(LONGEST_REST))
    }

    /// By how much trying has taken longer than each row alone, since the latest rest, in rows alone. By what runs
    /// take, not by what they took: some were interrupted.
    fn lost(&self) -> f64 {
        let Some(alone) = self.alone.filter(|alone| !alone.is_zero()) else { return 0.0 };
        let lost = |among: &Among| {
            let more = among.row.map_or(Duration::ZERO, |row| row.saturating_sub(alone));
            more.div_duration_f64(alone) * among.tried as f64
        };
        self.among.iter().map(lost).sum::<f64>() + self.doubled as f64
    }

    fn forget_costs(&mut self) {
        self.doubled = 0;
        self.among.iter_mut().for_each(|among| among.tried = 0);
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
            trial.proved(4, true);
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
        trial.proved(4, true);
        trial.proved(4, false);
        assert!(trial.is_refuted());
        assert_eq!(trial.way(8, 8), Way::Apart);
    }

    #[test]
    fn what_loses_is_left_and_tried_again_ever_more_rarely() {
        let mut trial = proved();
        // Once is not enough to know, at first.
        for _ in 0..SAMPLES {
            assert_eq!(trial.way(4, 4), Way::Together);
            trial.ran_together(4, MICROS(390));
        }
        let mut rests = Vec::new();
        for _ in 0..10 {
            assert_eq!(trial.way(4, 4), Way::Apart);
            rests.push(trial.rests(4));
            for _ in 0..SAMPLES_IN_DOUBT {
                assert_eq!(trial.way(4, 4), Way::Together);
                trial.ran_together(4, MICROS(390));
            }
        }
        // What was lost by the proofs is paid back first.
        assert_eq!(rests[0], 3 * 4 * PAID_BACK);
        assert_eq!(rests[1..], [128, 256, 512, 1024, 2048, 4096, 8192, 8192, 8192]);
        // Of another number of rows nothing is known.
        assert_eq!(trial.way(16, 16), Way::Together);
        (0..SAMPLES).for_each(|_| trial.ran_together(16, MICROS(16 * 50)));
        assert_eq!(trial.way(16, 16), Way::Together);
        (0..SAMPLES).for_each(|_| trial.ran_together(4, MICROS(390)));
        assert_eq!((trial.way(4, 4), trial.rests(4)), (Way::Apart, 64));
    }

    #[test]
    fn a_run_that_was_interrupted_ends_nothing() {
        let mut trial = proved();
        (0..SAMPLES).for_each(|_| trial.ran_together(4, MICROS(4 * 60)));
        for _ in 0..4 {
            trial.ran_together(4, MICROS(20_000));
            assert_eq!(trial.way(4, 4), Way::Together);
        }
    }

    #[test]
    fn the_dearer_a_trial_the_longer_the_rest() {
        let mut trial = proved();
        trial.rests(4);
        // One was interrupted.
        trial.ran_together(16, MICROS(16 * 850));
        trial.ran_together(16, MICROS(16 * 250));
        assert_eq!((trial.way(16, 16), trial.rests(16)), (Way::Apart, 100 * 32 * 3 / 2));
        trial.alone = Some(MICROS(1));
        (0..2).for_each(|_| trial.ran_together(16, Duration::from_secs(1)));
        assert_eq!(trial.rests(16), LONGEST_REST);
    }

    /// A server of requests that take 100 us alone, of which so many wait at a time; so many rows together take so
    /// many microseconds. Returns how many requests were served until the first rest, and what they all took,
    /// in times of what they would have taken alone.
    fn serve(mut waiting: impl FnMut(u32) -> u32, together: fn(u64) -> u64) -> (u32, f64) {
        const REQUESTS: u32 = 20_000;
        let mut trial = Trial::default();
        let (mut served, mut took, mut first_rest) = (0, Duration::ZERO, None);
        while served < REQUESTS {
            let asked = waiting(served);
            let (rows, mut taken) = (asked as usize, asked);
            let mut run = |trial: &mut Trial, requests: u32| {
                let time = MICROS(together(requests.into()));
                trial.ran_together(requests as usize, time);
                took += time;
            };
            match trial.way(rows, rows) {
                Way::Together => run(&mut trial, asked),
                Way::Prove => {
                    taken = asked.min(4);
                    (0..taken).for_each(|_| trial.ran_alone(1, MICROS(100)));
                    run(&mut trial, taken);
                    trial.proved(taken as usize, true);
                    took += MICROS(100) * taken;
                }
                Way::Apart => {
                    first_rest.get_or_insert(served);
                    // Those that wait, and those that do not any more.
                    taken += trial.rests(rows);
                    taken = taken.min(REQUESTS - served);
                    trial.ran_alone(1, MICROS(100));
                    took += MICROS(100) * taken;
                }
            }
            served += taken;
        }
        let apart = MICROS(100) * served;
        (first_rest.unwrap_or(served), took.as_secs_f64() / apart.as_secs_f64())
    }

    #[test]
    fn what_loses_is_known_within_a_hundred_requests_and_costs_a_fiftieth_at_most() {
        let losing: [fn(u64) -> u64; 3] =
            [|rows| 110 * rows, |rows| 150 * rows, |rows| 50 * rows + 50 * rows * rows];
        for together in losing {
            for connections in 2..=16 {
                let (first_rest, times) = serve(|_| connections, together);
                assert!(first_rest <= 100, "{connections}: after {first_rest}");
                assert!(times <= 1.0 / 0.98, "{connections}: {times}");
            }
            let (first_rest, times) = serve(|served| 2 + served * 7 % 15, together);
            assert!(first_rest <= 100 && times <= 1.0 / 0.98, "{first_rest}, {times}");
        }
        // And what gains is not given up.
        let (first_rest, times) = serve(|served| 2 + served * 7 % 15, |rows| 50 + 40 * rows);
        assert!(first_rest > 20_000 - 16 && times < 0.6, "{first_rest}, {times}");
    }

    #[test]
    fn a_gain_that_the_parks_eat_up_is_none() {
        let mut trial = Trial::default();
        for _ in 0..PROOFS {
            trial.ran_alone(1, MICROS(5));
            trial.ran_together(8, MICROS(8 * 3));
            trial.proved(4, true);
        }
        assert_eq!(trial.way(8, 8), Way::Apart);
    }

    #[test]
    fn it_is_proved_again_now_and_then() {
        let mut trial = proved();
        (0..AGAIN).for_each(|_| trial.ran_together(8, MICROS(400)));
        assert_eq!(trial.way(8, 8), Way::Prove);
        trial.proved(4, true);
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
