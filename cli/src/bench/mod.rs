//! `interlude bench`: what the library gains or costs, measured against stock in one run.
//!
//! ```text
//! handshake  gzip  overhead  mixed  infer   each a Workload: one measurement of one variant
//!        \      |      |     /
//!         rounds::compare               stock, then each variant, again and again
//!                |
//!             Outcome                   medians, ratios within a round
//!            /       \
//!         JSON      table               `switch`, `job` and `crypto` make theirs without a server;
//!                                       `device` has rounds and a report of its own;
//!                                       `handshake` may have several outcomes, a row each
//! ```
//!
//! Must not: be used as a test, or compare numbers of different runs.

use crate::failure::Failure;
use crate::output;
use outcome::Outcome;
use std::process::ExitCode;

mod alone;
mod client;
mod crypto;
mod device;
mod gets;
mod gzip;
mod handoff;
mod handshake;
mod infer;
mod infer_client;
pub(crate) mod interrupt;
mod job;
mod lanes;
mod mixed;
mod options;
mod outcome;
mod overhead;
mod placement;
mod redis;
mod rounds;
pub(crate) mod sample;
mod size;
mod storm;
mod switch;
pub(crate) mod table;
mod variant;
mod web;
mod wrk;

/// Measure stock servers and the same servers under Interlude.
///
/// Servers and clients are started and stopped here, on free ports of 127.0.0.1. Ratios are
/// medians of ratios within a round, in which each variant follows stock; on a shared machine only
/// they can be believed. With the defaults each benchmark ends within 50 seconds.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(clap::Subcommand)]
enum Bench {
    Handshake(handshake::Args),
    Gzip(gzip::Args),
    Overhead(overhead::Args),
    Mixed(mixed::Args),
    Infer(infer::Args),
    Switch(switch::Args),
    Job(job::Args),
    Crypto(crypto::Args),
    Device(device::Args),
}

/// Runs one benchmark and prints its outcome.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    interrupt::watch()?;
    let (outcome, json) = match &args.bench {
        Bench::Handshake(args) => return handshake::run(args),
        Bench::Gzip(args) => (gzip::run(args)?, args.common.json),
        Bench::Overhead(args) => (overhead::run(args)?, args.common.json),
        Bench::Mixed(args) => (mixed::run(args)?, args.common.json),
        Bench::Infer(args) => (infer::run(args)?, args.common.json),
        Bench::Switch(args) => (switch::run(args)?, args.alone.json),
        Bench::Job(args) => (job::run(args)?, args.alone.json),
        Bench::Crypto(args) => (crypto::run(args)?, args.alone.json),
        Bench::Device(args) => return device::run(args),
    };
    print(&outcome, json)
}

fn print(outcome: &Outcome, json: bool) -> Result<ExitCode, Failure> {
    if json { output::print_json(&outcome.json()) } else { output::print(&table::text(outcome)) }
}
