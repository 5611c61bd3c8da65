//! `bench infer`: an inference server that calls ONNX Runtime synchronously, one request at a time.

use super::infer_client::{self, Asks, Expected};
use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::variant::{BATCHED, Variant};
use crate::failure::Failure;
use interlude_test_apps::{AppServer, HarnessError, ModelKind, Preload, inference};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What is compared with stock where nothing else is asked for.
const VARIANTS: [&str; 4] = ["block", "spin", "coroutine", BATCHED];
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
/// The variant `batched` is mode coroutine with the engine onnx. Needs what scripts/setup.sh fetches.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// silero-vad or minilm
    #[arg(long, value_name = "NAME", default_value = "silero-vad")]
    model: ModelKind,
    /// Connections, each with one request out at a time
    #[arg(long, value_name = "N", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: u32,
    /// GET /health so many times per second meanwhile, on eight connections of their own
    #[arg(long, value_name = "R", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000))]
    health: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    // One CPU for the server and its helpers, where not said otherwise: what is to be gained is the model's.
    let plan = args.common.plan_of(false, &VARIANTS)?;
    let model = inference::model(args.model).map_err(usage)?;
    let stock = inference::start(args.model, &model, &Preload::Stock, &[]).map_err(failed)?;
    let expected = Expected::ask(args.model, stock.port())?;
    stock.stop().map_err(failed)?;
    compare(&Infer { args, plan: &plan, model, expected }, &plan)
}

struct Infer<'a> {
    args: &'a Args,
    plan: &'a Plan,
    model: PathBuf,
    expected: Expected,
}

impl Workload for Infer<'_> {
    const NAME: &'static str = "infer";
    const RATIOS: &'static [&'static str] =
        &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND, key::P50_US, key::P99_US, "health_p99_us"];

    fn params(&self) -> Map<String, Value> {
        let Args { model, connections, health, .. } = self.args;
        let mut params = Map::from_iter([
            ("model".to_owned(), json!(model.name())),
            ("connections".to_owned(), json!(connections)),
            ("tolerance".to_owned(), json!(infer_client::TOLERANCE)),
        ]);
        if *health > 0 {
            params.insert("health".into(), json!(health));
        }
        params
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let cpus = &self.plan.placement.server;
        let server = inference::start(self.args.model, &self.model, &variant.preload, cpus);
        let server = server.map_err(failed)?;
        let asks = Asks {
            port: server.port(),
            connections: self.args.connections,
            health: self.args.health,
            expected: &self.expected,
        };
        // What is found out about a session is found out at its beginning.
        asks.run(1, &self.plan.placement)?;
        let before = server.cpu_time();
        let report = asks.run(self.plan.seconds, &self.plan.placement)?;
        let cpu = server.cpu_time().saturating_sub(before).as_secs_f64();
        if let Some(ended) = server.ended() {
            return Err(Failure::not_so(format!("the server ended: {ended}")));
        }
        let sample = Sample::default()
            .with(key::PER_SECOND, report.answers() as f64 / report.elapsed)
            .with(key::PER_SERVER_CPU_SECOND, report.answers() as f64 / cpu.max(0.01))
            .with(key::P50_US, report.quantile(0.5))
            .with(key::P99_US, report.quantile(0.99))
            .with(key::CLIENT_CPU, report.cpu / report.elapsed)
            .with("largest_difference_ppm", f64::from(report.difference) * 1e6)
            .errors(report.errors);
        let sample = match self.args.health {
            0 => sample,
            _ => sample.with("health_p99_us", report.health_quantile(0.99)),
        };
        let sample = if variant.name == BATCHED { runs(sample, &server)? } else { sample };
        server.stop().map_err(failed)?;
        Ok(sample)
    }
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
