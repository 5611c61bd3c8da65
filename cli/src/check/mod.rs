//! `interlude check`: what the library would do in a program, found without starting it.
//!
//! Must not: execute the program or load anything of it.

use crate::executable::Executable;
use crate::failure::Failure;
use crate::output;
use report::Report;
use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) mod closure;
mod display;
mod report;
mod verdict;

/// Say what Interlude can do for PROGRAM, without starting it.
///
/// Exit code 1 where nothing can be accelerated.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program, searched for in PATH
    program: OsString,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    json: bool,
}

/// Prints the report.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let executable = Executable::find(&args.program)?;
    let report = Report::of(&executable)?;
    if args.json {
        output::print_json(&report)?;
    } else {
        output::print(&display::text(&report))?;
    }
    Ok(if report.accelerable { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
