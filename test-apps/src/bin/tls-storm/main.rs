//! `tls-storm`: an event-driven client that loads a server with TLS handshakes and HTTP requests,
//! cheaply enough to saturate an accelerated server from one core, and checks what comes back.
//!
//! One thread, one epoll, rustls with ring. What a handshake costs the client, and what was tried
//! to get there, stands in `docs/tls-storm.md`; the two ideas are in `share` (the key exchange
//! needs no multiplication) and `verifier` (a share of the signatures is verified).
//!
//! Must not: be used for anything but load. Its sessions are not secret.

mod args;
mod budget;
mod chunked;
mod connection;
mod failure;
mod pace;
mod page;
mod plan;
mod progress;
mod report;
mod response;
mod session;
mod share;
mod static_rsa;
mod storm;
mod tally;
mod tickets;
mod tls;
mod verifier;

use args::Args;
use clap::Parser;
use clap::error::ErrorKind;
use connection::World;
use mio::Poll;
use plan::Plan;
use report::Report;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use storm::Storm;
use tally::Tally;
use tls::TlsClient;

/// Some connection failed.
const FAILED: u8 = 1;
/// The arguments, or what they need of this machine, are no good.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    match storm(&args) {
        Ok(report) => print(&args, &report),
        Err(message) => {
            eprintln!("tls-storm: {message}");
            ExitCode::from(USAGE)
        }
    }
}

/// Help and version as clap prints them; bad usage as one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return error.print().map_or(ExitCode::from(FAILED), |()| ExitCode::SUCCESS);
    }
    let text = error.render().to_string();
    let words: Vec<&str> =
        text.lines().take_while(|line| !line.is_empty()).flat_map(str::split_whitespace).collect();
    let line = words.join(" ");
    eprintln!("tls-storm: {}", line.strip_prefix("error: ").unwrap_or(&line));
    ExitCode::from(USAGE)
}

fn storm(args: &Args) -> Result<Report, String> {
    let plan = Plan::new(args)?;
    let pages = plan::pages(args)?;
    allow_descriptors(plan.connections as u64)?;
    let interrupted = interrupt_flag().map_err(|error| format!("signal handlers: {error}"))?;
    let tls = match plan.version {
        Some(version) => Some(TlsClient::new(&plan, version).map_err(|error| error.to_string())?),
        None => None,
    };
    let poll = Poll::new().map_err(|error| format!("epoll: {error}"))?;
    let world = World {
        registry: poll.registry().try_clone().map_err(|error| format!("epoll: {error}"))?,
        budget: plan.budget(Instant::now()),
        tally: Tally::new().map_err(|error| format!("histogram: {error:?}"))?,
        next_page: 0,
        tls,
        pages,
        plan,
    };
    let before = cpu_time();
    let ended = Storm::new(poll, world, &interrupted).run();
    let cpu = cpu_time() - before;
    ended.map(|ended| Report::new(ended, cpu)).map_err(|error| format!("epoll: {error}"))
}

fn print(args: &Args, report: &Report) -> ExitCode {
    let text = if args.json {
        serde_json::to_string(report).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    } else {
        report.to_string()
    };
    let written = writeln!(std::io::stdout(), "{text}");
    if report.has_errors() || written.is_err() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// Set by the first Ctrl-C (or SIGTERM), which ends the run and prints what it has; a second one
/// ends the program at once.
fn interrupt_flag() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

/// Each connection is a descriptor; the standard streams, the epoll and the like come on top.
fn allow_descriptors(connections: u64) -> Result<(), String> {
    let needed = connections + 32;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        return Err(format!(
            "--connections {connections}: at most {} files may be open (ulimit -Hn)",
            maximum.unwrap_or_default()
        ));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .map_err(|error| format!("--connections {connections}: {error}"))
}

/// What this process has used of the processors, in user and kernel mode.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}
