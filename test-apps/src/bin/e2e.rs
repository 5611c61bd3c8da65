//! The end-to-end matrix, as long as one likes: stock nginx and lighttpd, alone and under
//! `libinterlude.so` in each mode, must answer alike. Prints a line a case; `scripts/e2e.sh` builds
//! and runs it.
//!
//! Exit code: 0 no difference (or no growth), 1 at least one, 2 bad usage.

use clap::Parser;
use interlude_test_apps::clients::{self, Shares};
use interlude_test_apps::growth::{Growth, Sample};
use interlude_test_apps::inference::order;
use interlude_test_apps::matrix::{Case, MODES, Outcome, Workplace};
use interlude_test_apps::restarts::Restarts;
use interlude_test_apps::stall::{self, Stall};
use interlude_test_apps::{HarnessError, KeyKind, Preload, Shim, WebServer};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often a case that takes long says how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);

/// Compares stock nginx and lighttpd with the same servers under libinterlude.so.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Requests of each case.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(conflicts_with = "instead")]
    requests: u32,
    /// Only cases whose line contains all these words, e.g. "nginx coroutine tls1.3".
    #[arg(long, value_name = "WORDS", default_value = "", conflicts_with = "instead")]
    only: String,
    /// The short selection of the test suite instead of the whole matrix.
    #[arg(long, conflicts_with = "instead")]
    selection: bool,
    /// Watch memory and open files of nginx and lighttpd over so many requests instead, stock and
    /// in coroutine mode.
    #[arg(
        long,
        value_name = "REQUESTS",
        num_args = 0..=1,
        default_missing_value = "200000",
        value_parser = clap::value_parser!(u32).range(1000..),
        group = "instead"
    )]
    growth: Option<u32>,
    /// The same over so many connections that are reset while they are parked in their handshakes.
    #[arg(
        long,
        value_name = "CONNECTIONS",
        num_args = 0..=1,
        default_missing_value = "100000",
        value_parser = clap::value_parser!(u32).range(1000..),
        group = "instead"
    )]
    aborts: Option<u32>,
    /// Measure how long each server's loop stands when its engine comes to hang for good.
    #[arg(long, group = "instead")]
    stall: bool,
    /// Have each server read its files again under load, in coroutine mode, so many times.
    #[arg(
        long,
        value_name = "TIMES",
        num_args = 0..=1,
        default_missing_value = "200",
        value_parser = clap::value_parser!(u32).range(1..),
        group = "instead"
    )]
    reloads: Option<u32>,
    /// A TOML file of the library's settings, an engine's for instance; a case's own mode wins. Compressed
    /// bodies are compared by what is in them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Crowds of HTTP/1.1 clients ask only for pages of so many bytes, each as often as another
    #[arg(long, value_name = "FROM-TO", value_parser = sizes, conflicts_with = "instead")]
    sizes: Option<RangeInclusive<usize>>,
    /// More directives of the servers, in nginx's `server` block or at lighttpd's top level; "output_buffers 1 2m;"
    /// for instance has nginx hand over whole pages to be compressed
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "instead")]
    directives: String,
    /// Ask the inference server so many times over each engine that may bring its answers out of order.
    #[arg(
        long,
        value_name = "REQUESTS",
        num_args = 0..=1,
        default_missing_value = "100000",
        value_parser = clap::value_parser!(u32).range(16..),
        group = "instead"
    )]
    infer: Option<u32>,
    /// Have clients of other make accept so many full handshakes instead, every signature verified:
    /// rustls, openssl s_client, and curl over OpenSSL and over GnuTLS; with each kind of key, over the
    /// engine simd.
    #[arg(
        long,
        value_name = "HANDSHAKES",
        num_args = 0..=1,
        default_missing_value = "100000",
        value_parser = clap::value_parser!(u32).range(1000..),
        group = "instead"
    )]
    clients: Option<u32>,
    /// How many of a hundred of those each client makes [rustls=80,openssl=4,curl-openssl=8,curl-gnutls=8]:
    /// one of openssl takes a process.
    #[arg(long, value_name = "NAME=PERCENT,...", requires = "clients")]
    shares: Option<Shares>,
    /// Only this server, for --growth, --aborts, --stall and --reloads: nginx or lighttpd.
    #[arg(long, value_name = "NAME", requires = "instead", conflicts_with_all = ["infer", "clients"])]
    #[arg(value_parser = ["nginx", "lighttpd"])]
    server: Option<String>,
    /// Print the cases and run none.
    #[arg(long, conflicts_with = "instead")]
    list: bool,
    /// Where certificates are kept between runs; by default they are made anew.
    #[arg(long, value_name = "DIR")]
    certificates: Option<PathBuf>,
}

impl Options {
    /// Those that are asked for.
    fn servers(&self) -> impl Iterator<Item = WebServer> {
        let named = self.server.as_deref();
        WebServer::ALL.into_iter().filter(move |server| named.is_none_or(|n| n == server.name()))
    }
}

fn sizes(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (from, to) = text.split_once('-').ok_or("must be FROM-TO, in bytes")?;
    let bytes = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of bytes"));
    let sizes = bytes(from)?..=bytes(to)?;
    if sizes.is_empty() { Err("from more than to".into()) } else { Ok(sizes) }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let cases = cases(&options);
    if cases.is_empty() {
        eprintln!("e2e: no case is called {:?}; --list shows them", options.only);
        return ExitCode::from(2);
    }
    if options.list {
        cases.iter().for_each(|case| println!("{case}"));
        return ExitCode::SUCCESS;
    }
    verdict(match &options {
        Options { growth: Some(_), .. } | Options { aborts: Some(_), .. } => watch(&options),
        Options { stall: true, .. } => stall(&options),
        Options { reloads: Some(times), .. } => reload(&options, *times as usize),
        Options { infer: Some(requests), .. } => infer(*requests as usize),
        Options { clients: Some(handshakes), .. } => clients(&options, *handshakes as usize),
        _ => run(&options, &cases),
    })
}

fn verdict(result: Result<usize, HarnessError>) -> ExitCode {
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} failed");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("e2e: {error}");
            ExitCode::from(1)
        }
    }
}

fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Case::all();
    if options.selection {
        let each = |server| MODES.into_iter().flat_map(move |m| Case::selection(server, m));
        cases = WebServer::ALL.into_iter().flat_map(each).collect();
    }
    let words: Vec<&str> = options.only.split_whitespace().collect();
    cases.retain(|case| {
        let line = case.to_string();
        words.iter().all(|word| line.split_whitespace().any(|part| part == *word))
    });
    cases
}

/// Runs the cases; returns how many failed.
fn run(options: &Options, cases: &[Case]) -> Result<usize, HarnessError> {
    let (place, _dir) = workplace(options)?;
    println!(
        "server   mode      traffic  body  connection con    requests      MB    events    parked      \
         jobs seconds  failures"
    );
    let mut failed = 0;
    for case in cases {
        match watched(&place, &case.to_string(), || case.run(options.requests as usize, &place)) {
            Ok(outcome) => {
                print(case, &outcome);
                failed += usize::from(!outcome.tally.clean());
            }
            Err(error) => {
                println!("{case}  {error}");
                failed += 1;
            }
        }
    }
    Ok(failed)
}

/// Says every now and then on stderr how far a case has come.
fn watched<T>(place: &Workplace, name: &str, body: impl FnOnce() -> T) -> T {
    let before = place.made.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(PROGRESS) {
                let made = place.made.load(Ordering::Relaxed) - before;
                if made > 0 {
                    eprintln!("e2e: {name}: {made} requests");
                }
            }
        });
        let result = body();
        drop(ended);
        result
    })
}

/// The directory of certificates that were not to be kept goes with the second value.
fn workplace(options: &Options) -> Result<(Workplace, TempDir), HarnessError> {
    let temporary = tempfile::tempdir().map_err(|e| HarnessError::new("certificates", e))?;
    let dir = options.certificates.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let config = options.config.as_ref().map(std::path::absolute).transpose();
    let config = config.map_err(|e| HarnessError::new("--config", e))?;
    let (directives, sizes) = (options.directives.clone(), options.sizes.clone());
    Ok((Workplace { config, directives, sizes, ..Workplace::new(dir)? }, temporary))
}

/// Watches each server; returns how many grew or answered wrongly.
fn watch(options: &Options) -> Result<usize, HarnessError> {
    let (place, _dir) = workplace(options)?;
    println!("server   mode        requests  resident KiB  files");
    let mut failed = 0;
    for server in options.servers() {
        let tell = |sample: &Sample| eprintln!("e2e: {}: {}", server.name(), sample.requests);
        if let Some(count) = options.aborts {
            let growth = Growth::watch_aborts(server, count as usize, &place, tell)?;
            failed += usize::from(!is_flat(server, "coroutine", &growth));
        }
        for mode in ["stock", "coroutine"] {
            if let Some(requests) = options.growth {
                let growth = Growth::watch(server, mode, requests as usize, &place, tell)?;
                failed += usize::from(!is_flat(server, mode, &growth));
            }
        }
    }
    Ok(failed)
}

/// Prints what was measured, and the verdict.
fn is_flat(server: WebServer, mode: &str, growth: &Growth) -> bool {
    for sample in &growth.samples {
        let (name, kib) = (server.name(), sample.resident / 1024);
        println!("{name:<8} {mode:<9} {:>10} {kib:>13} {:>6}", sample.requests, sample.fds);
    }
    growth.tally.failed.iter().for_each(|line| println!("    {line}"));
    let flat = growth.flat();
    println!("    {}", flat.as_ref().map_or_else(String::as_str, |()| "flat"));
    flat.is_ok() && growth.tally.clean()
}

/// Has handshakes made with each kind of key; returns how many clients did not accept all.
fn clients(options: &Options, handshakes: usize) -> Result<usize, HarnessError> {
    let (place, _dir) = workplace(options)?;
    let preload = Preload::Shim(Shim::find()?.mode("coroutine").with("INTERLUDE_ENGINE", "simd"));
    let shares = options.shares.unwrap_or_default();
    println!("key         TLS  client       accepted");
    let mut failed = 0;
    for key in KeyKind::ALL {
        let each = handshakes / KeyKind::ALL.len();
        for (version, outcome) in clients::run(key, &preload, each, shares, &place)?.outcomes {
            println!("{:<11} {version}  {outcome}", key.name());
            failed += usize::from(!outcome.is_right());
        }
    }
    Ok(failed)
}

/// Measures each server; returns how many stood for too long or answered wrongly.
fn stall(options: &Options) -> Result<usize, HarnessError> {
    let (place, _dir) = workplace(options)?;
    println!("server    longest wait of a small GET: before the engine hangs, after; deadline");
    let mut failed = 0;
    for server in options.servers() {
        let Stall { before, after, tally } = Stall::watch(server, &place)?;
        let name = server.name();
        println!("{name:<9} {before:>10.1?} {after:>10.1?} {:>10.1?}  {tally}", stall::DEADLINE);
        let stands = after > stall::DEADLINE + Duration::from_millis(10);
        failed += usize::from(stands || !tally.clean());
    }
    Ok(failed)
}

/// Restarts each server; returns for how many something failed.
fn reload(options: &Options, times: usize) -> Result<usize, HarnessError> {
    let (place, _dir) = workplace(options)?;
    println!("server     reloads  requests");
    let mut failed = 0;
    for server in options.servers() {
        let tell = |time| {
            if time % 20 == 0 {
                eprintln!("e2e: {} was reloaded {time} times", server.name());
            }
        };
        let Restarts { done, tally, alarms } =
            Restarts::of(server, "coroutine", times, &place, tell)?;
        println!("{:<9} {done:>8}  {tally}", server.name());
        tally.failed.iter().chain(&alarms).for_each(|line| println!("    {line}"));
        failed += usize::from(!tally.clean() || !alarms.is_empty());
    }
    Ok(failed)
}

/// Asks over each engine; returns over how many of them an answer was not right, or no requests were put into one
/// run that should have been.
fn infer(requests: usize) -> Result<usize, HarnessError> {
    println!("engine               requests    parked  together  redone  seconds");
    let mut failed = 0;
    for over in order::ALL {
        let begun = Instant::now();
        match over.watch(requests, &[]) {
            Ok(seen) => {
                let count = |name: &str| seen.counters.counter(name);
                println!(
                    "{:<18} {:>10} {:>9} {:>9} {:>7} {:>8.1}",
                    over.name,
                    seen.requests,
                    count("coroutine.parked"),
                    count("onnx.together"),
                    count("engine.redone"),
                    begun.elapsed().as_secs_f64()
                );
                if over.batches && !seen.is_together() {
                    println!("    nothing was run together: no order could go wrong by it");
                    failed += 1;
                }
            }
            Err(error) => {
                println!("{:<18} {error}", over.name);
                failed += 1;
            }
        }
    }
    Ok(failed)
}

fn print(case: &Case, outcome: &Outcome) {
    let tally = &outcome.tally;
    println!(
        "{case} {:>11} {:>7} {:>9} {:>9} {:>9} {:>7.1} {:>9}",
        tally.requests,
        tally.bytes / 1_000_000,
        outcome.events,
        outcome.parked,
        outcome.jobs,
        outcome.duration.as_secs_f64(),
        tally.failures
    );
    for line in &tally.failed {
        println!("    {line}");
    }
}
