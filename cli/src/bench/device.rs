//! `bench device`: the evaluation of the thesis that BlueField-2's description is made of (A. Vijeev, UC San Diego,
//! 2023) once more, over an emulated BlueField-2, on one core.
//!
//! ```text
//! mode (what serves) x workload (what is asked) --client--> Sample --> Outcome, ratios to software
//!        `--> sweep: async by polling interval, by dequeue batch; a request by size and kind of input
//!                                        report, figures: beside the thesis's
//! ```
//!
//! Must not: show a figure without the word *emulated*, or one that the emulation decides without saying so.

mod client;
mod figures;
mod loads;
mod mode;
mod report;
mod sweep;
mod workload;

use super::outcome::{Outcome, Series};
use super::placement::Placement;
use super::rounds::in_turn;
use super::sample::Sample;
use super::{interrupt, options};
use crate::failure::Failure;
use crate::figures::Folder;
use crate::output;
use client::{Asks, Expected};
use interlude_device::{Description, Operation};
use interlude_settings::Settings;
use interlude_test_apps::AppServer;
use interlude_test_apps::HarnessError;
use interlude_test_apps::objects::Corpora;
use mode::{CUSTOM_LC, MODES, Mode, SOFTWARE};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use sweep::Sweeps;
use workload::{CACHE1, FEED1, WEB, Workload};

/// What `--quick` takes at most, but for the measurement that is under way.
const QUICK: Duration = Duration::from_secs(44);
/// Values of which ratios are taken.
const RATIOS: [&str; 3] = [CACHE1.keys.per_second, FEED1.keys.per_second, WEB.keys.per_second];

/// Compression by an emulated accelerator: the five modes of a study with BlueField-2, and two baselines.
///
/// Request-size distributions Cache-1 and Feed-1 and a web service, by one server core; then the polling
/// interval, the dequeue batch, and one request by its size and data. All of the device's times are emulated.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Everything once, within 50 seconds
    #[arg(long)]
    quick: bool,
    /// Milliseconds that one measurement takes; 2000 where not given, 700 with --quick, and half of it with
    /// --sweep-loads
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(10..=3_600_000))]
    time: Option<u32>,
    /// Rounds in which each mode is measured once; 3 where not given, and 1 with --quick
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Requests in each message of a connection
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=256))]
    pipeline: u32,
    /// Only these modes, of stock, inline, software, block, sync, custom-lc, async, custom-batch; software is
    /// always there
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    modes: Vec<String>,
    /// Mode custom-lc compresses so many bytes in place and no more (the thesis: 256); measured where not given
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=65536))]
    in_place_up_to: Option<u32>,
    /// No sweeps, and no latency by size
    #[arg(long)]
    no_sweeps: bool,
    /// Draw everything into this folder, as PNG and SVG
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Only this: sizes by connections, with every call in place, every call parked, and by the policy
    #[arg(long, conflicts_with_all = ["modes", "no_sweeps"])]
    sweep_loads: bool,
    /// Only these sizes of those that are swept by loads, in bytes
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "sweep_loads")]
    sizes: Vec<u32>,
    /// Only these numbers of connections of those that are
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "sweep_loads")]
    connections: Vec<u32>,
    /// CPUs of the server instead of the one chosen
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    server_cpus: Vec<usize>,
    /// CPUs of the client instead of the one chosen
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    client_cpus: Vec<usize>,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    json: bool,
}

/// The parameter that says up to how many bytes mode custom-lc compresses in place.
const IN_PLACE: &str = "custom_lc_in_place_up_to";

/// Turns of each server in a round: what the machine does besides changes too much between measurements that come one
/// after the other.
const TURNS: u32 = 8;

/// What all measurements share.
struct Bench {
    time: Duration,
    pipeline: usize,
    placement: Placement,
    corpora: Corpora,
    deadline: Option<Instant>,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let modes = chosen(&args.modes)?;
    let (time, rounds) = if args.quick { (700, 1) } else { (2000, 3) };
    // A sweep has many points.
    let time = if args.sweep_loads { time / 2 } else { time };
    let bench = Bench {
        time: Duration::from_millis(args.time.unwrap_or(time).into()),
        pipeline: args.pipeline as usize,
        placement: Placement::choose(false, &args.server_cpus, &args.client_cpus)?,
        corpora: Corpora::default(),
        deadline: args.quick.then(|| Instant::now() + QUICK),
    };
    if args.sweep_loads {
        let loads = loads::chosen(&args.sizes, &args.connections)?;
        return loads::run(&bench, args.rounds.unwrap_or(rounds), &loads, args.json);
    }
    let device = description()?;
    let folder = args.figures.as_deref().map(Folder::open).transpose()?;
    let in_place = match modes.iter().any(|mode| mode.name == CUSTOM_LC) {
        true => Some(match args.in_place_up_to {
            Some(bytes) => bytes,
            None => sweep::in_place_up_to(&bench)?,
        }),
        false => None,
    };
    let rounds = args.rounds.unwrap_or(rounds);
    let series = bench.rounds(&modes, rounds, in_place)?;
    let sweeps = if args.no_sweeps { Sweeps::default() } else { Sweeps::measure(&bench)? };
    let mut params = bench.params(rounds);
    if let Some(bytes) = in_place {
        params.insert(IN_PLACE.to_owned(), json!(bytes));
    }
    let outcome = Outcome::against(SOFTWARE, "device", params, &series, &RATIOS);
    if let Some(folder) = folder {
        let charts = figures::charts(&outcome, &sweeps, &device);
        charts.iter().try_for_each(|chart| folder.write(chart))?;
    }
    if args.json {
        return output::print_json(&json(&outcome, &sweeps));
    }
    output::print(&report::text(&outcome, &sweeps, &device))
}

/// The modes of these names, in the order of the table; all where none is named.
fn chosen(names: &[String]) -> Result<Vec<Mode>, Failure> {
    if let Some(wrong) = names.iter().find(|name| Mode::named(name).is_none()) {
        let all = MODES.map(|mode| mode.name).join(", ");
        return Err(Failure::usage(format!("--modes {wrong}: no such mode; there are {all}")));
    }
    let is_chosen = |mode: &Mode| {
        names.is_empty() || mode.name == SOFTWARE || names.iter().any(|name| name == mode.name)
    };
    Ok(MODES.into_iter().filter(is_chosen).collect())
}

/// What is emulated.
fn description() -> Result<Description, Failure> {
    let name = Settings::default().device.description;
    Description::load(&name, |path| std::fs::read_to_string(path))
        .map_err(|error| Failure::usage(error.to_string()))
}

/// Set-up and latency of one request, in microseconds, by the description.
fn device_us(device: &Description, bytes: u32) -> (f64, f64) {
    let us = |ns: u64| ns as f64 / 1e3;
    device.cost(Operation::Compress).map_or((0.0, 0.0), |cost| {
        (us(cost.setup_ns.at(bytes.into())), us(cost.latency_ns.at(bytes.into())))
    })
}

fn json(outcome: &Outcome, sweeps: &Sweeps) -> Value {
    let mut object = outcome.json();
    if let (Value::Object(object), Value::Object(more)) = (&mut object, sweeps.json()) {
        object.extend(more);
    }
    object
}

impl Bench {
    fn params(&self, rounds: u32) -> Map<String, Value> {
        let mut params = Map::from_iter([
            ("device".to_owned(), json!(options::emulated(&[]))),
            ("emulated".to_owned(), json!(true)),
            ("results".to_owned(), json!("remembered")),
            ("latencies".to_owned(), json!("of requests, by the server's clock")),
            ("pipeline".to_owned(), json!(self.pipeline)),
            ("milliseconds".to_owned(), json!(self.time.as_millis() as u64)),
            ("rounds".to_owned(), json!(rounds)),
        ]);
        self.placement.add_to(&mut params);
        params
    }

    /// All workloads by each mode's server, which serve side by side, in turns.
    fn rounds(
        &self,
        modes: &[Mode],
        rounds: u32,
        in_place: Option<u32>,
    ) -> Result<Vec<Series>, Failure> {
        let start = |mode: &Mode| {
            let least = in_place.filter(|_| mode.name == CUSTOM_LC);
            let settings = least.map(|bytes| format!("jobs.deflate_min={}", bytes + 1));
            mode.start(settings.as_slice(), &self.placement.server)
        };
        let servers: Vec<AppServer> = modes.iter().map(start).collect::<Result<_, _>>()?;
        let named = |mode: &Mode| Series { name: mode.name.to_owned(), samples: Vec::new() };
        let mut series: Vec<Series> = modes.iter().map(named).collect();
        for turn in 0..rounds * TURNS {
            for index in in_turn(turn as usize, modes.len()) {
                interrupt::check()?;
                let sample = self.turn(&servers[index]);
                let sample = sample.map_err(|failure| failure.within(modes[index].name))?;
                series[index].samples.push(sample);
            }
            let (round, turn) = (turn / TURNS + 1, turn % TURNS + 1);
            eprintln!("device: round {round} of {rounds}, turn {turn} of {TURNS}");
        }
        for server in servers {
            server.stop().map_err(|error: HarnessError| Failure::not_so(error.to_string()))?;
        }
        Ok(series)
    }

    /// All workloads, by one server.
    fn turn(&self, server: &AppServer) -> Result<Sample, Failure> {
        let mut sample = Sample::default();
        for workload in Workload::ALL {
            sample = self.workload(server, workload, self.time / TURNS, sample)?;
        }
        match server.ended() {
            Some(ended) => Err(Failure::not_so(format!("the server ended: {ended}"))),
            None => Ok(sample),
        }
    }

    /// Runs `body` with a server of its own.
    fn served<T>(
        &self,
        mode: &Mode,
        settings: &[String],
        body: impl FnOnce(&AppServer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        interrupt::check()?;
        let server = mode.start(settings, &self.placement.server)?;
        let value = body(&server);
        if let Some(ended) = server.ended() {
            return Err(Failure::not_so(format!("the server ended: {ended}")));
        }
        let value = value?;
        server.stop().map_err(|error: HarnessError| Failure::not_so(error.to_string()))?;
        Ok(value)
    }

    /// One workload; what it gives is added to `sample`.
    fn workload(
        &self,
        server: &AppServer,
        workload: &Workload,
        time: Duration,
        sample: Sample,
    ) -> Result<Sample, Failure> {
        let mut expected = Expected::default();
        // Each object once before: an emulated device has its results from then on.
        expected.ask(server.port(), workload.distinct(), &self.corpora)?;
        let sequence = workload.sequence();
        let count = |name: &str| server.counter(name) as f64;
        let before = (count("engine.device.completed"), count("device.behind"), server.cpu_time());
        let asks = Asks {
            port: server.port(),
            connections: workload.connections,
            pipeline: self.pipeline,
            sequence: &sequence,
            expected: &expected,
            time,
        };
        let mut report = asks.run(&self.placement.client)?;
        let answers = report.nanoseconds.len() as f64;
        let on_device = count("engine.device.completed") - before.0;
        let cpu = server.cpu_time().saturating_sub(before.2).as_secs_f64();
        let keys = &workload.keys;
        let errors = sample.errors + report.errors;
        Ok(sample
            .with(keys.per_second, answers / report.elapsed)
            .with(keys.per_server_cpu_second, answers / cpu.max(1e-6))
            .with(keys.mean_us, report.mean_us())
            .with(keys.p50_us, report.quantile_us(0.5))
            .with(keys.p90_us, report.quantile_us(0.9))
            .with(keys.under_10_us, report.percent_under_us(10))
            .with(keys.on_device, 100.0 * on_device / answers.max(1.0))
            .with(keys.behind, count("device.behind") - before.1)
            .with(keys.client_cpu, report.cpu / report.elapsed)
            .errors(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_always_there_and_names_are_checked() {
        let names = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            chosen(&given).map(|modes| modes.iter().map(|mode| mode.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), MODES.len());
        assert_eq!(names(&["async", "stock"]).unwrap(), ["stock", "software", "async"]);
        let failure = names(&["fast"]).unwrap_err();
        assert!(failure.parts().1.starts_with("--modes fast: no such mode"));
        assert_eq!(failure.parts().0, 2);
    }

    #[test]
    fn the_devices_times_are_its_descriptions() {
        let device = description().unwrap();
        let (setup, latency) = device_us(&device, 8192);
        assert_eq!((latency, (setup * 10.0).round()), (9.0, 7.0));
    }
}
