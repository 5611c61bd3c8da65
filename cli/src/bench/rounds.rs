//! Alternating measurements: in each round stock and every variant once.
//!
//! A shared machine gets faster and slower while a benchmark runs. Within a round the variants are
//! near each other in time, and every other round runs backwards, so that a drift falls out of the
//! medians of the rounds' ratios.

use super::interrupt;
use super::options::Plan;
use super::outcome::{Outcome, Series};
use super::sample::{Sample, key};
use super::variant::Variant;
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::time::{Duration, Instant};

/// What a benchmark measures.
pub(crate) trait Workload {
    /// Its name.
    const NAME: &'static str;
    /// The values of which ratios to stock are taken.
    const RATIOS: &'static [&'static str];

    /// What was asked for, for the outcome.
    fn params(&self) -> Map<String, Value>;

    /// Starts a server as this variant, measures it, and stops it.
    fn measure(&self, variant: &Variant) -> Result<Sample, Failure>;
}

/// Measures every variant of the plan in every round.
pub(crate) fn compare<W: Workload>(workload: &W, plan: &Plan) -> Result<Outcome, Failure> {
    let mut series: Vec<Series> = plan
        .variants
        .iter()
        .map(|variant| Series { name: variant.name.clone(), samples: Vec::new() })
        .collect();
    let mut rounds = 0;
    let mut longest = Duration::ZERO;
    while rounds < plan.rounds && (rounds == 0 || plan.has_time_for(longest)) {
        let begin = Instant::now();
        for index in order(series.len(), rounds) {
            let (Some(variant), Some(series)) = (plan.variants.get(index), series.get_mut(index))
            else {
                continue;
            };
            interrupt::check()?;
            let sample = measure(workload, variant)?;
            eprintln!("{}", progress(W::NAME, rounds, plan.rounds, &variant.name, &sample));
            series.samples.push(sample);
        }
        longest = longest.max(begin.elapsed());
        rounds += 1;
    }
    let mut params = workload.params();
    plan.add_to(&mut params);
    params.insert("rounds".into(), rounds.into());
    Ok(Outcome::of(W::NAME, params, &series, W::RATIOS))
}

fn measure<W: Workload>(workload: &W, variant: &Variant) -> Result<Sample, Failure> {
    workload.measure(variant).map_err(|failure| failure.within(&variant.name))
}

/// Stock first, then its variants; the other way round in every other round.
fn order(variants: usize, round: u32) -> Box<dyn Iterator<Item = usize>> {
    if round.is_multiple_of(2) { Box::new(0..variants) } else { Box::new((0..variants).rev()) }
}

/// Who comes in which place of a turn, where all serve side by side: each in every place, and beside others in every other
/// turn.
pub(crate) fn in_turn(turn: usize, servers: usize) -> impl Iterator<Item = usize> {
    (0..servers).map(move |place| {
        let place = if turn.is_multiple_of(2) { place } else { servers - 1 - place };
        (place + turn / 2) % servers
    })
}

fn progress(bench: &str, round: u32, rounds: u32, variant: &str, sample: &Sample) -> String {
    let rate = sample.value(key::PER_SECOND).unwrap_or_default();
    let errors =
        if sample.errors > 0 { format!(", {} errors", sample.errors) } else { String::new() };
    format!("{bench}: round {} of {rounds}, {variant}: {rate:.0} per s{errors}", round + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Recorder {
        measured: RefCell<Vec<String>>,
    }

    impl Workload for Recorder {
        const NAME: &'static str = "recorder";
        const RATIOS: &'static [&'static str] = &[key::PER_SECOND];

        fn params(&self) -> Map<String, Value> {
            Map::from_iter([("size".to_owned(), 1.into())])
        }

        fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
            self.measured.borrow_mut().push(variant.name.clone());
            Ok(Sample::default().with(key::PER_SECOND, self.measured.borrow().len() as f64))
        }
    }

    #[test]
    fn every_other_round_runs_backwards() {
        let recorder = Recorder { measured: RefCell::default() };
        let outcome = compare(&recorder, &Plan::for_test(&["stock", "off", "spin"], 2)).unwrap();
        let expected = ["stock", "off", "spin", "spin", "off", "stock"];
        assert_eq!(*recorder.measured.borrow(), expected);
        assert_eq!(outcome.params["rounds"], 2);
        assert_eq!(outcome.params["size"], 1);
        // Rounds 1, 2, 3 and 6, 5, 4.
        assert_eq!(outcome.ratios[1].1, [(key::PER_SECOND, (3.0 + 4.0 / 6.0) / 2.0)]);
    }

    #[test]
    fn each_comes_once_in_a_turn_and_in_each_place() {
        let turns: Vec<Vec<usize>> = (0..6).map(|turn| in_turn(turn, 3).collect()).collect();
        assert_eq!(turns[..3], [vec![0, 1, 2], vec![2, 1, 0], vec![1, 2, 0]]);
        for place in 0..3 {
            let mut there: Vec<usize> = turns.iter().map(|turn| turn[place]).collect();
            there.sort_unstable();
            assert_eq!(there, [0, 0, 1, 1, 2, 2]);
        }
        assert_eq!(in_turn(7, 0).count(), 0);
    }

    #[test]
    fn a_round_that_would_end_too_late_is_not_begun() {
        let recorder = Recorder { measured: RefCell::default() };
        let mut plan = Plan::for_test(&["stock"], 5);
        plan.deadline = Some(Instant::now());
        let outcome = compare(&recorder, &plan).unwrap();
        assert_eq!(outcome.params["rounds"], 1);
    }
}
