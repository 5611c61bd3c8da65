//! `bench switch`: park and resume by the size of the slice, beside an OS thread's hand-off and a
//! bare coroutine switch.

use super::alone::Alone;
use super::outcome::Outcome;
use super::sample::{Sample, quantile};
use super::{gets, handoff, interrupt};
use crate::failure::Failure;
use interlude_fiber::{bare_pair, park_resume_pair};
use serde_json::{Map, Value, json};
use std::io;
use std::thread;
use std::time::Instant;

/// Cost of a park and a resume, by size of the slice, without any server.
///
/// Beside it the hand-off to another OS thread and back on the same CPU, and corosensei's bare
/// suspend and resume.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) alone: Alone,
}

const P50: &str = "p50_ns";
const P99: &str = "p99_ns";
const BYTES: &str = "slice_bytes";
const THREAD: &str = "os-thread";

/// What is timed.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Slice(usize),
    OsThread,
    Corosensei,
}

const SUBJECTS: [(&str, Subject); 5] = [
    ("slice-1024", Subject::Slice(1024)),
    ("slice-3072", Subject::Slice(3072)),
    ("slice-16384", Subject::Slice(16384)),
    (THREAD, Subject::OsThread),
    ("corosensei", Subject::Corosensei),
];

/// All timings of one subject, in nanoseconds a pair.
#[derive(Debug, Default)]
struct Timings {
    pairs: Vec<f64>,
    /// The slice's real size.
    bytes: Option<usize>,
}

/// Measures, alternating, on a thread of its own.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let cpus = args.alone.cpus()?;
    let measured = thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || measure(args, &cpus))?;
        thread.join().map_err(|_| io::Error::other("the measuring thread panicked"))?
    });
    interrupt::check()?;
    let timings = measured.map_err(|error| Failure::not_so(format!("switch: {error}")))?;
    let params = Map::from_iter([
        ("cpus".to_owned(), json!(cpus)),
        ("seconds".to_owned(), json!(args.alone.seconds)),
        ("rounds".to_owned(), json!(args.alone.rounds)),
    ]);
    Ok(outcome(params, &timings))
}

fn measure(args: &Args, cpus: &[usize]) -> io::Result<Vec<(&'static str, Timings)>> {
    gets::pin(cpus)?;
    let slot = args.alone.slot(SUBJECTS.len());
    let mut all: Vec<(&str, Timings)> = SUBJECTS.map(|(name, _)| (name, Timings::default())).into();
    for round in 0..args.alone.rounds {
        eprintln!("switch: round {} of {}", round + 1, args.alone.rounds);
        for ((_, timings), (_, subject)) in all.iter_mut().zip(SUBJECTS) {
            let begin = Instant::now();
            while begin.elapsed() < slot && !interrupt::requested() {
                subject.time(cpus, timings)?;
            }
        }
    }
    Ok(all)
}

impl Subject {
    fn time(self, cpus: &[usize], into: &mut Timings) -> io::Result<()> {
        match self {
            Self::Slice(bytes) => {
                let (bytes, pairs) = park_resume_pair(bytes, 100);
                if pairs.is_empty() {
                    return Err(io::Error::other("no stack for the scheduler"));
                }
                into.bytes = Some(bytes);
                into.pairs.extend(pairs);
            }
            Self::OsThread => into.pairs.extend(handoff::pair(cpus, 10)?),
            Self::Corosensei => into.pairs.extend(bare_pair(100)),
        }
        Ok(())
    }
}

fn outcome(params: Map<String, Value>, timings: &[(&'static str, Timings)]) -> Outcome {
    let sample = |timings: &Timings| {
        let sample = Sample::default()
            .with(P50, quantile(&timings.pairs, 0.5))
            .with(P99, quantile(&timings.pairs, 0.99));
        timings.bytes.map_or(sample.clone(), |bytes| sample.with(BYTES, bytes as f64))
    };
    let variants: Vec<(String, Sample)> =
        timings.iter().map(|(name, timings)| ((*name).to_owned(), sample(timings))).collect();
    let thread = variants.iter().find(|(name, _)| name == THREAD);
    let thread = thread.and_then(|(_, sample)| sample.value(P50)).filter(|cost| *cost > 0.0);
    let ratios = variants.iter().filter(|(name, _)| name != THREAD).filter_map(|(name, sample)| {
        Some((format!("{name}/{THREAD}"), vec![(P50, sample.value(P50)? / thread?)]))
    });
    let ratios = ratios.collect();
    Outcome { bench: "switch", params, variants, ratios, counts_errors: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_its_median_and_its_ratio_to_a_thread() {
        let timings = [
            ("slice-1024", Timings { pairs: vec![60.0, 50.0, 90.0], bytes: Some(1100) }),
            (THREAD, Timings { pairs: vec![3000.0], bytes: None }),
        ];
        let expected = json!({
            "bench": "switch",
            "params": {"rounds": 1},
            "variants": [
                {"name": "slice-1024", "p50_ns": 60.0, "p99_ns": 90.0, "slice_bytes": 1100.0},
                {"name": "os-thread", "p50_ns": 3000.0, "p99_ns": 3000.0},
            ],
            "ratios": {"slice-1024/os-thread": {"p50_ns": 0.02}},
        });
        let params = Map::from_iter([("rounds".to_owned(), json!(1))]);
        assert_eq!(outcome(params, &timings).json(), expected);
    }
}
