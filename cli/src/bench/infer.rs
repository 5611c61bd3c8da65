//! `bench infer`: an inference server that calls ONNX Runtime synchronously, one request at a time.
//!
//! For several numbers of connections everything is measured for one after the other; a line then stands for a variant
//! and a number, and is compared with stock for the same number, in the same round.

use super::infer_client::{self, Asks, Expected, Report};
use super::interrupt;
use super::options::{Common, Plan};
use super::outcome::{Outcome, Series};
use super::rounds::{Workload, compare, in_turn};
use super::sample::{Sample, key};
use super::variant::{BATCHED, Variant};
use crate::failure::Failure;
use interlude_test_apps::{AppServer, HarnessError, ModelFile, ModelKind, Preload, inference};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// What is compared with stock where nothing else is asked for.
const VARIANTS: [&str; 4] = ["block", "spin", "coroutine", BATCHED];
/// Stock, once more.
const AGAIN: &str = "again";
/// How runs of the engine `onnx` are counted, by the requests in them: names, least and most.
const RUNS: [(&str, usize, usize); 5] = [
    ("runs_of_1", 1, 1),
    ("runs_of_2_to_3", 2, 3),
    ("runs_of_4_to_7", 4, 7),
    ("runs_of_8_to_15", 8, 15),
    ("runs_of_16_up", 16, 32),
];

/// Inferences, each asked for by one request of a keep-alive connection; every answer compared.
///
/// The variant `batched` is mode coroutine with the engine onnx. Needs what scripts/setup.sh fetches. The server has
/// one CPU, and its helper threads share it; with --health, or with --set onnx.threads=N, it has another one
/// for them, in every variant.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// silero-vad or minilm; or one that is built here: tiny, or pairs, for which batching loses
    #[arg(long, value_name = "NAME", default_value = "silero-vad")]
    model: ModelKind,
    /// Connections, each with one request out at a time; several numbers are measured one after the other
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "32")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: Vec<u32>,
    /// Words in a request to minilm; 16 where not given
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=512))]
    sequence: Option<u32>,
    /// GET /health so many times per second meanwhile, on eight connections of their own; "served" is
    /// without what the client itself waits for a CPU
    #[arg(long, value_name = "R", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000))]
    health: u32,
    /// Have all servers serve side by side, in turns of so many milliseconds, until each has served for as long as
    /// otherwise; and stock once more ("again"), to see by how much two measurements of the same differ
    #[arg(long, value_name = "MS", conflicts_with = "health")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turns: Option<u32>,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Args {
    fn words(&self) -> usize {
        self.sequence.map_or(ModelKind::WORDS, |words| words as usize)
    }
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    if args.sequence.is_some() && args.model != ModelKind::MiniLm {
        return Err(Failure::usage("--sequence: only minilm's requests have a length".to_owned()));
    }
    // One CPU for the server and its helpers, where not said otherwise: what is to be gained is the model's.
    let has_helpers =
        args.health > 0 || args.common.last_set("onnx.threads").is_some_and(|n| n != "0");
    let plan = args.common.plan_of(has_helpers, &VARIANTS)?;
    let model = ModelFile::of(args.model).map_err(usage)?;
    let stock = inference::start(args.model, model.path(), &Preload::Stock, &[]).map_err(failed)?;
    let expected = Expected::ask(args.model, args.words(), stock.port())?;
    stock.stop().map_err(failed)?;
    let measured = args.connections.iter().map(|&connections| {
        let (model, expected) = (model.path(), &expected);
        let infer = Infer { args, plan: &plan, model, connections, expected };
        match args.turns {
            None => compare(&infer, &plan),
            Some(turns) => infer.side_by_side(Duration::from_millis(turns.into())),
        }
    });
    let outcomes: Vec<Outcome> = measured.collect::<Result<_, _>>()?;
    Ok(together(outcomes, &args.connections))
}

/// One outcome of several, whose variants get their numbers of connections.
fn together(outcomes: Vec<Outcome>, connections: &[u32]) -> Outcome {
    let mut all = Outcome::of(Infer::NAME, Map::new(), &[], Infer::RATIOS);
    let is_one = outcomes.len() == 1;
    for (outcome, connections) in outcomes.into_iter().zip(connections) {
        let name = |name: &str| match is_one {
            true => name.to_owned(),
            false => format!("{name} {connections}"),
        };
        let ratio = |ratio: &str| match ratio.split_once('/') {
            Some((variant, base)) => format!("{}/{}", name(variant), name(base)),
            None => name(ratio),
        };
        all.params.extend(outcome.params);
        all.variants.extend(outcome.variants.into_iter().map(|(of, sample)| (name(&of), sample)));
        all.ratios.extend(outcome.ratios.into_iter().map(|(of, values)| (ratio(&of), values)));
    }
    if !is_one {
        all.params.insert("connections".to_owned(), json!(connections));
    }
    all
}

struct Infer<'a> {
    args: &'a Args,
    plan: &'a Plan,
    model: &'a Path,
    connections: u32,
    expected: &'a Expected,
}

impl Workload for Infer<'_> {
    const NAME: &'static str = "infer";
    const RATIOS: &'static [&'static str] = &[
        key::PER_SECOND,
        key::PER_SERVER_CPU_SECOND,
        key::P50_US,
        key::P99_US,
        "health_p99_us",
        "health_served_p99_us",
    ];

    fn params(&self) -> Map<String, Value> {
        let Args { model, health, .. } = self.args;
        let mut params = Map::from_iter([
            ("model".to_owned(), json!(model.name())),
            ("connections".to_owned(), json!(self.connections)),
            ("tolerance".to_owned(), json!(infer_client::TOLERANCE)),
        ]);
        if *model == ModelKind::MiniLm {
            params.insert("sequence".into(), json!(self.args.words()));
        }
        if *health > 0 {
            params.insert("health".into(), json!(health));
        }
        params
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = self.start(variant)?;
        let asks = self.asks(&server);
        // What is found out about a session is found out at its beginning.
        asks.run(1, &self.plan.placement)?;
        let before = server.cpu_time();
        let report = asks.run(self.plan.seconds, &self.plan.placement)?;
        let cpu = server.cpu_time().saturating_sub(before).as_secs_f64();
        if let Some(ended) = server.ended() {
            return Err(Failure::not_so(format!("the server ended: {ended}")));
        }
        let sample = sample_of(&report, cpu);
        let sample = match self.args.health {
            0 => sample,
            _ => {
                let (seen, served) = report.health_quantiles(0.99);
                sample.with("health_p99_us", seen).with("health_served_p99_us", served)
            }
        };
        let sample = if variant.name == BATCHED { runs(sample, &server)? } else { sample };
        server.stop().map_err(failed)?;
        Ok(sample)
    }
}

impl Infer<'_> {
    fn start(&self, variant: &Variant) -> Result<AppServer, Failure> {
        let cpus = &self.plan.placement.server;
        inference::start(self.args.model, self.model, &variant.preload, cpus).map_err(failed)
    }

    fn asks(&self, server: &AppServer) -> Asks<'_> {
        Asks {
            port: server.port(),
            connections: self.connections,
            health: self.args.health,
            expected: self.expected,
        }
    }

    /// Every variant's server, in turns of a fraction of a second: what the machine does besides changes too much
    /// between measurements that come one after the other. A ratio is the median of the turns'.
    fn side_by_side(&self, time: Duration) -> Result<Outcome, Failure> {
        let Plan { variants, placement, seconds, rounds, .. } = self.plan;
        let again = Variant { name: AGAIN.to_owned(), preload: Preload::Stock };
        let variants: Vec<&Variant> = variants.iter().chain([&again]).collect();
        let servers: Vec<AppServer> =
            variants.iter().map(|variant| self.start(variant)).collect::<Result<_, _>>()?;
        let asks: Vec<Asks> = servers.iter().map(|server| self.asks(server)).collect();
        let mut askers: Vec<_> = asks.iter().map(Asks::askers).collect();
        let mut series: Vec<Series> = variants
            .iter()
            .map(|variant| Series { name: variant.name.clone(), samples: Vec::new() })
            .collect();
        let turns = Duration::from_secs(u64::from(*seconds) * u64::from(*rounds));
        let turns = turns.as_millis().div_ceil(time.as_millis().max(1)) as usize;
        for turn in 0..=turns {
            for index in in_turn(turn, servers.len()) {
                interrupt::check()?;
                let (server, asks, askers) = (&servers[index], &asks[index], &mut askers[index]);
                // What is found out about a session is found out at its beginning.
                let time = if turn == 0 { Duration::from_secs(1) } else { time };
                let before = server.cpu_time();
                let report = asks.turn(askers, time, placement)?;
                let cpu = server.cpu_time().saturating_sub(before).as_secs_f64();
                if let Some(ended) = server.ended() {
                    return Err(Failure::not_so(format!("the server ended: {ended}")));
                }
                if turn > 0 {
                    series[index].samples.push(sample_of(&report, cpu));
                }
            }
            if turn > 0 && turn.is_multiple_of(turns.div_ceil(10)) {
                eprintln!("infer: turn {turn} of {turns}");
            }
        }
        drop(askers);
        for server in servers {
            server.stop().map_err(failed)?;
        }
        let mut params = self.params();
        self.plan.add_to(&mut params);
        params.insert("turns".into(), json!(turns));
        params.insert("turn_ms".into(), json!(time.as_millis() as u64));
        let ratios = &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND, key::P50_US];
        Ok(Outcome::of(Self::NAME, params, &series, ratios))
    }
}

/// What every way of measuring gives.
fn sample_of(report: &Report, cpu: f64) -> Sample {
    Sample::default()
        .with(key::PER_SECOND, report.answers() as f64 / report.elapsed)
        .with(key::PER_SERVER_CPU_SECOND, report.answers() as f64 / cpu.max(1e-6))
        .with(key::P50_US, report.quantile(0.5))
        .with(key::P99_US, report.quantile(0.99))
        .with(key::CLIENT_CPU, report.cpu / report.elapsed)
        .with("largest_difference_ppm", f64::from(report.difference) * 1e6)
        .errors(report.errors)
}

/// How many requests there were in a run, by the server's own counters, with those of its beginning.
fn runs(sample: Sample, server: &AppServer) -> Result<Sample, Failure> {
    let stats = server.stats().map_err(failed)?;
    let of = |requests: usize| {
        let up = if requests == 32 { "_up" } else { "" };
        stats.counter(&format!("onnx.requests_{requests}{up}")) as f64
    };
    let add = |sample: Sample, &(name, least, most): &(&'static str, usize, usize)| {
        sample.with(name, (least..=most).map(of).sum())
    };
    Ok(RUNS.iter().fold(sample, add).with("run_in_place", stats.counter("bypass.apart") as f64))
}

fn usage(error: HarnessError) -> Failure {
    Failure::usage(error.to_string())
}

fn failed(error: HarnessError) -> Failure {
    Failure::not_so(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(connections: u32, rates: [f64; 2]) -> Outcome {
        let params = Map::from_iter([
            ("model".to_owned(), json!("tiny")),
            ("connections".to_owned(), json!(connections)),
        ]);
        let series = |(name, rate): (&str, f64)| Series {
            name: name.to_owned(),
            samples: vec![Sample::default().with(key::PER_SECOND, rate)],
        };
        let all = ["stock", BATCHED].into_iter().zip(rates).map(series);
        Outcome::of("infer", params, &all.collect::<Vec<_>>(), &[key::PER_SECOND])
    }

    #[test]
    fn each_number_of_connections_is_compared_with_stock_of_the_same_number() {
        let outcomes = vec![outcome(1, [100.0, 98.0]), outcome(32, [110.0, 330.0])];
        let json = together(outcomes, &[1, 32]).json();
        assert_eq!(json["params"], json!({"model": "tiny", "connections": [1, 32]}));
        let names: Vec<_> =
            json["variants"].as_array().unwrap().iter().map(|variant| &variant["name"]).collect();
        assert_eq!(names, ["stock 1", "batched 1", "stock 32", "batched 32"]);
        let ratios = json!({
            "batched 1/stock 1": {"per_second": 0.98},
            "batched 32/stock 32": {"per_second": 3.0},
        });
        assert_eq!(json["ratios"], ratios);
    }

    #[test]
    fn one_number_of_connections_is_not_in_the_names() {
        let json = together(vec![outcome(32, [110.0, 330.0])], &[32]).json();
        assert_eq!(json["params"]["connections"], 32);
        assert_eq!(json["ratios"], json!({"batched/stock": {"per_second": 3.0}}));
    }
}
