//! `interlude calibrate`: for each engine and kind of job from which size on it is worth it, here.
//!
//! ```text
//! subject (buffers, keys) ──> measure: in place, set-up, latency ──> crossover ──┬──> report: table, JSON
//!    an operation, in place       one engine, driven directly,                   ├──> policy: TOML for `run`
//!    and as a job                 without a server                               ├──> curves: PNG, SVG
//!                                                                                └──> docs/policy.md
//! ```
//!
//! Must not: show a figure of an emulated device without saying so.

mod buffers;
mod crossover;
mod curves;
mod docs;
mod engine;
mod keys;
mod measure;
mod policy;
mod report;
mod subject;

use super::{check_file, machine, write_file};
use crate::failure::Failure;
use crate::figures::Folder;
use crate::{output, variables};
use crossover::Crossover;
use engine::Candidate;
use interlude_offload::JobKind;
use interlude_settings::Settings;
use measure::Measured;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use subject::Wanted;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only this engine: cores, simd, device (emulated) or plugin; all that this machine has where not given
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// One setting by its key; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Seconds that the measurements of one engine take, at least one pass over everything
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Level of all compressions
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    level: u8,
    /// Only these kinds of jobs, of sign, derive, keygen, decrypt, deflate, compress
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Bytes of the buffers that are compressed, instead of 64 to 1048576
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    sizes: Vec<u32>,
    /// Write the policy to this file, for `interlude run --config FILE`
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Draw the curves into this folder, as PNG and SVG
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Write what was measured to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    json: bool,
}

/// What was measured of all engines.
struct Calibration {
    machine: String,
    day: String,
    seconds: u32,
    level: u8,
    engines: Vec<Of>,
    /// Engines that were not measured, and why.
    missing: Vec<(&'static str, String)>,
}

/// And of one.
struct Of {
    engine: Candidate,
    /// That it is emulated, where it is.
    remark: Option<String>,
    measured: Measured,
    crossovers: Vec<Crossover>,
}

/// Measures, and prints what came of it.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let asked = args.engine.as_deref().map(Candidate::named).transpose()?;
    let wanted = args.wanted()?;
    let settings = variables::loaded(args.config.as_deref(), &args.settings)?;
    check_file(args.write.as_ref())?;
    check_file(args.docs.as_ref())?;
    let folder = args.figures.as_deref().map(Folder::open).transpose()?;
    let calibration = calibrate(args, asked, &wanted, &settings)?;
    if let Some(folder) = folder {
        curves::charts(&calibration).iter().try_for_each(|chart| folder.write(chart))?;
    }
    write_file(args.write.as_ref(), || policy::text(&calibration))?;
    write_file(args.docs.as_ref(), || docs::text(args, &calibration))?;
    if args.json {
        return output::print_json(&report::json(&calibration));
    }
    output::print(&report::text(&calibration))
}

fn calibrate(
    args: &Args,
    asked: Option<Candidate>,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<Calibration, Failure> {
    let (here, missing) = match asked {
        Some(engine) => match engine.is_missing(settings) {
            Some(why) => return Err(Failure::not_so(format!("{}: {why}", engine.name()))),
            None => (vec![engine], Vec::new()),
        },
        None => Candidate::here(settings),
    };
    let mut missing: Vec<_> =
        missing.into_iter().map(|(engine, why)| (engine.name(), why)).collect();
    let mut engines = Vec::new();
    for engine in here {
        match one(args.seconds, engine, wanted, settings)? {
            Some(of) => engines.push(of),
            None => missing.push((engine.name(), "it does no such jobs".to_owned())),
        }
    }
    if let ([], Some((engine, why))) = (&engines[..], missing.first()) {
        return Err(Failure::not_so(format!("{engine}: {why}")));
    }
    Ok(Calibration {
        machine: machine::processor(),
        day: machine::today(),
        seconds: args.seconds,
        level: args.level,
        engines,
        missing,
    })
}

/// `None`: it does nothing of what is wanted.
fn one(
    seconds: u32,
    engine: Candidate,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<Option<Of>, Failure> {
    let mut opened = engine.open(settings)?;
    let mut cases = engine.cases(&*opened.engine, wanted)?;
    if cases.is_empty() {
        return Ok(None);
    }
    let time = Duration::from_secs(seconds.into());
    let measured = measure::take(&mut *opened.engine, &mut cases, time, engine.name())
        .map_err(|failure| failure.within(engine.name()))?;
    let crossovers = crossover::all(&measured.curves);
    Ok(Some(Of { engine, remark: opened.remark.take(), measured, crossovers }))
}

impl Args {
    fn listed_sizes(&self) -> String {
        self.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    fn wanted(&self) -> Result<Wanted, Failure> {
        let all = || JobKind::ALL.into_iter().filter(|kind| *kind != JobKind::Infer);
        let of = |name: &String| {
            all().find(|kind| kind.name() == *name).ok_or_else(|| {
                let known: Vec<&str> = all().map(JobKind::name).collect();
                let known = known.join(", ");
                Failure::usage(format!("--kinds {name}: no such kind; there are {known}"))
            })
        };
        let kinds = self.kinds.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let kinds = if kinds.is_empty() { all().collect() } else { kinds };
        let mut sizes: Vec<usize> = self.sizes.iter().map(|size| *size as usize).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let sizes = if sizes.is_empty() { buffers::sizes() } else { sizes };
        Ok(Wanted { kinds, sizes, level: self.level })
    }
}
