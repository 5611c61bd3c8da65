//! `interlude calibrate`: what there is to choose between, measured on this machine.
//!
//! ```text
//! calibrate            engines:  in place or by an engine, by kind and size of job ──> a policy for `run`
//! calibrate compress   compress: who does which of zlib's levels                   ──> docs/compression.md
//! ```
//!
//! Must not: change anything by itself. What was measured is printed, and written where it was asked for.

pub(crate) mod compress;
mod engines;
mod machine;
mod progress;

use crate::bench::interrupt;
use crate::failure::Failure;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measure engines, or compressors, on this machine.
///
/// Without a command: for each kind of job, from which size on an engine is worth it.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    engines: engines::Args,
}

#[derive(clap::Subcommand)]
enum What {
    Compress(compress::Args),
}

/// Measures, and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    interrupt::watch()?;
    match &args.what {
        Some(What::Compress(args)) => compress::run(args),
        None => engines::run(&args.engines),
    }
}

/// An error where that file cannot be written: better now than when everything is measured.
fn check_file(path: Option<&PathBuf>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let was_there = path.exists();
    let file = OpenOptions::new().create(true).append(true).open(path);
    // What is broken off later leaves what was there, and nothing else.
    file.and_then(|_| if was_there { Ok(()) } else { fs::remove_file(path) })
        .map_err(|error| cannot_write(path, &error))
}

fn write_file(path: Option<&PathBuf>, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}
