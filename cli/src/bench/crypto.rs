//! `bench crypto`: the vector unit by filled lanes, beside OpenSSL, without any server.
//!
//! In each round every operation is made by OpenSSL, one at a time, and by the unit with 1, 2, 4
//! and 8 lanes filled; every other round runs backwards. OpenSSL's part is what a TLS library
//! calls, with the context that it makes for each call; the unit's is a pass, with nonces and
//! private keys drawn from OpenSSL's generator where OpenSSL draws them, too.

mod curves;
mod edwards;
mod operation;
mod rsa;

use super::alone::Alone;
use super::outcome::{Outcome, Series};
use super::sample::{Sample, median};
use super::{gets, interrupt};
use crate::failure::Failure;
use interlude_simd::Unit;
use operation::{Operation, Problem, all};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, json};
use std::thread;
use std::time::{Duration, Instant};

/// Public-key operations in the lanes of the vector unit, beside OpenSSL, without any server.
///
/// What is compared is operations per second of CPU time. Below the break-even number of lanes
/// OpenSSL, one at a time, is faster.
#[derive(clap::Args)]
#[command(mut_arg("seconds", |seconds| seconds
    .help("Seconds that all measurements take together")
    .default_value("32")))]
#[command(mut_arg("rounds", |rounds| rounds.default_value("5")))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) alone: Alone,
}

const PER_SECOND: &str = "per_cpu_second";
const US_PER_CALL: &str = "us_per_call";
const BREAK_EVEN: &str = "break_even_lanes";

/// Filled lanes that are measured.
const FILLED: [usize; 4] = [1, 2, 4, 8];

/// Who makes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    OpenSsl,
    /// With so many lanes filled.
    Unit(usize),
}

impl Maker {
    fn all() -> impl DoubleEndedIterator<Item = Self> {
        [Self::OpenSsl].into_iter().chain(FILLED.map(Self::Unit))
    }

    fn variant(self, operation: &str) -> String {
        match self {
            Self::OpenSsl => format!("{operation} openssl"),
            Self::Unit(lanes) => format!("{operation} simd-{lanes}"),
        }
    }

    /// Operations in one call.
    fn operations(self) -> usize {
        match self {
            Self::OpenSsl => 1,
            Self::Unit(lanes) => lanes,
        }
    }
}

/// Measures, alternating, on a thread of its own.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut unit = Unit::open().map_err(|missing| Failure::not_so(missing.to_string()))?;
    let cpus = args.alone.cpus()?;
    let measured = thread::scope(|scope| {
        let measure = || measure(args, &cpus, &mut unit);
        let thread = thread::Builder::new().spawn_scoped(scope, measure)?;
        thread.join().map_err(|_| Problem::from("the measuring thread panicked"))?
    });
    interrupt::check()?;
    let series = measured.map_err(|problem| Failure::not_so(format!("crypto: {problem}")))?;
    let params = Map::from_iter([
        ("cpus".to_owned(), json!(cpus)),
        ("openssl".to_owned(), json!(openssl::version::version())),
        ("seconds".to_owned(), json!(args.alone.seconds)),
        ("rounds".to_owned(), json!(args.alone.rounds)),
    ]);
    Ok(outcome(params, &series))
}

/// The samples of one operation, by maker.
type Measured = Vec<(&'static str, Vec<(Maker, Series)>)>;

fn measure(args: &Args, cpus: &[usize], unit: &mut Unit) -> Result<Measured, Problem> {
    gets::pin(cpus)?;
    eprintln!("crypto: making keys");
    let mut operations = all(unit)?;
    let slot = args.alone.slot(operations.len() * Maker::all().count());
    let mut measured: Measured = operations
        .iter()
        .map(|operation| {
            let series = |maker: Maker| {
                let name = maker.variant(operation.name());
                (maker, Series { name, samples: Vec::new() })
            };
            (operation.name(), Maker::all().map(series).collect())
        })
        .collect();
    for round in 0..args.alone.rounds {
        eprintln!("crypto: round {} of {}", round + 1, args.alone.rounds);
        for (operation, (_, series)) in operations.iter_mut().zip(&mut measured) {
            let mut makers: Vec<_> = series.iter_mut().collect();
            if !round.is_multiple_of(2) {
                makers.reverse();
            }
            for (maker, series) in makers {
                if interrupt::requested() {
                    return Ok(measured);
                }
                series.samples.push(time(operation.as_mut(), *maker, unit, slot)?);
            }
        }
    }
    Ok(measured)
}

/// Calls for as long as a slot lasts, and at least once. What counts is this thread's CPU time:
/// others may want the CPU, too.
fn time(
    operation: &mut dyn Operation,
    maker: Maker,
    unit: &mut Unit,
    slot: Duration,
) -> Result<Sample, Problem> {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let mut calls = 0.0;
    loop {
        match maker {
            Maker::OpenSsl => operation.openssl()?,
            Maker::Unit(lanes) => operation.simd(unit, lanes)?,
        }
        calls += 1.0;
        if begin.elapsed() >= slot {
            let seconds = cpu_seconds() - cpu;
            return Ok(Sample::default()
                .with(PER_SECOND, calls * maker.operations() as f64 / seconds)
                .with(US_PER_CALL, seconds * 1e6 / calls));
        }
    }
}

/// CPU time that the calling thread has had.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn outcome(params: Map<String, serde_json::Value>, measured: &Measured) -> Outcome {
    let (mut variants, mut ratios) = (Vec::new(), Vec::new());
    for (operation, series) in measured {
        let stock = series.iter().find(|(maker, _)| *maker == Maker::OpenSsl);
        let Some((_, stock)) = stock else { continue };
        let ratio = |other: &Series| {
            let rates = other.samples.iter().zip(&stock.samples).filter_map(|(other, stock)| {
                Some(other.value(PER_SECOND)? / stock.value(PER_SECOND)?)
            });
            median(rates)
        };
        let by_lanes: Vec<(usize, f64)> = series
            .iter()
            .filter(|(maker, _)| *maker != Maker::OpenSsl)
            .map(|(maker, series)| (maker.operations(), ratio(series)))
            .collect();
        for (maker, series) in series {
            let mut sample = Sample::median_of(&series.samples);
            if *maker == Maker::OpenSsl {
                sample = sample.with(BREAK_EVEN, break_even(&by_lanes) as f64);
            }
            variants.push((series.name.clone(), sample));
        }
        ratios.extend(by_lanes.into_iter().map(|(lanes, ratio)| {
            let name = Maker::Unit(lanes).variant(operation);
            (format!("{name}/{}", stock.name), vec![(PER_SECOND, ratio)])
        }));
    }
    Outcome { bench: "crypto", params, variants, ratios, counts_errors: false }
}

/// The fewest lanes with which a pass is not slower than OpenSSL, or 0 where it always is. With a
/// number of lanes between two that were measured it is taken to last as long as with the larger.
fn break_even(ratios: &[(usize, f64)]) -> usize {
    let most = ratios.iter().map(|(lanes, _)| *lanes).max().unwrap_or_default();
    let is_enough = |filled: &usize| {
        let measured =
            ratios.iter().filter(|(lanes, _)| lanes >= filled).min_by_key(|(lanes, _)| *lanes);
        measured.is_some_and(|(lanes, ratio)| ratio * *filled as f64 >= *lanes as f64)
    };
    (1..=most).find(is_enough).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn break_even_lies_where_a_pass_takes_as_long_as_that_many_calls() {
        // A pass as long as 3 calls, of 0.5, of 8, of 9.
        let flat = |calls: f64| FILLED.map(|lanes| (lanes, lanes as f64 / calls));
        let cases = [(3.0, 3), (0.5, 1), (1.0, 1), (8.0, 8), (9.0, 0), (4.0, 4), (4.1, 5)];
        for (calls, lanes) in cases {
            assert_eq!(break_even(&flat(calls)), lanes, "{calls}");
        }
        assert_eq!(break_even(&[]), 0);
    }

    #[test]
    fn each_operation_has_its_ratios_and_its_break_even() {
        let series = |maker: Maker, rates: &[f64]| {
            let sample = |rate: &f64| {
                Sample::default().with(PER_SECOND, *rate).with(US_PER_CALL, 1e6 / rate)
            };
            let samples = rates.iter().map(sample).collect();
            (maker, Series { name: maker.variant("x"), samples })
        };
        let measured = vec![(
            "x",
            vec![
                series(Maker::OpenSsl, &[100.0, 200.0, 400.0]),
                series(Maker::Unit(1), &[50.0, 100.0, 200.0]),
                series(Maker::Unit(8), &[400.0, 600.0, 1600.0]),
            ],
        )];
        let expected = json!({
            "bench": "crypto",
            "params": {"rounds": 3},
            "variants": [
                {"name": "x openssl", "per_cpu_second": 200.0, "us_per_call": 5000.0,
                 "break_even_lanes": 2.0},
                {"name": "x simd-1", "per_cpu_second": 100.0, "us_per_call": 10000.0},
                {"name": "x simd-8", "per_cpu_second": 600.0, "us_per_call": 1666.667},
            ],
            "ratios": {
                "x simd-1/x openssl": {"per_cpu_second": 0.5},
                "x simd-8/x openssl": {"per_cpu_second": 4.0},
            },
        });
        let params = Map::from_iter([("rounds".to_owned(), json!(3))]);
        assert_eq!(outcome(params, &measured).json(), expected);
    }
}
