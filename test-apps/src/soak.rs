//! The soak: stock nginx and lighttpd under everything at once, for as long as one likes.
//!
//! ```text
//! stage    the servers: nginx and lighttpd, and an nginx behind both
//! actors   the clients of each: whole, resumed and broken handshakes, HTTP/2, slow readers,
//!          throttled bodies, uploads, proxied pages, and such that the proxy unpacks; half of them reset
//!          their connections
//! watch    what the servers' own counters said, workers that have ended included
//! log      the lines that their error logs may hold
//! report   what came of it
//! ```
//!
//! The time is cut into rounds. Each begins with load and ends with silence, in which the servers
//! must be as before: as many workers, no connection, nothing parked. Memory and files are measured
//! there, so that they are compared like with like.

use crate::growth::Sample;
use crate::matrix::Workplace;
use crate::{HarnessError, Preload, Server, Shim, usage};
use stage::{Front, Stage};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

mod actors;
mod http2;
mod log;
mod report;
mod stage;
mod watch;

pub use actors::Act;
pub use report::Report;

/// How many rounds the time is cut into, and how long one takes at least.
const ROUNDS: (u32, Duration) = (40, Duration::from_secs(3));
/// How long a server may take to come to rest: longer than any of its own timeouts.
const PATIENCE: Duration = Duration::from_secs(40);

/// What stands below the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing: the stock servers, to know what the load does to them.
    Stock,
    /// The shim in coroutine mode, over this engine.
    Engine(&'static str),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Soak {
    /// How long, not counting start and end.
    pub time: Duration,
    /// What stands below the servers.
    pub below: Below,
    /// How often nginx is reloaded, if it is.
    pub reload: Option<Duration>,
    /// Whose clients there are.
    pub clients: Vec<Act>,
    /// The server's name, if it is only one.
    pub server: Option<String>,
    /// nginx's workers.
    pub workers: u32,
    /// Chaos delays each job by so many milliseconds at most.
    pub delay_max_ms: u32,
    /// Helper threads of the engine `simd`.
    pub simd_threads: u32,
    /// The policy by which others than zlib compress (`compress.with = "isal"`), if they do.
    pub isal: Option<String>,
    /// What the load and the chaos are drawn from.
    pub seed: u32,
}

impl FromStr for Below {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stock" => Ok(Self::Stock),
            "chaos" => Ok(Self::Engine("chaos")),
            "cores" => Ok(Self::Engine("cores")),
            "inline" => Ok(Self::Engine("inline")),
            "simd" => Ok(Self::Engine("simd")),
            _ => Err("must be chaos, cores, inline, simd or stock"),
        }
    }
}

impl fmt::Display for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Self::Engine(name) = self { name } else { "stock" })
    }
}

impl Below {
    /// Every heavy call is a job. Chaos does one or two of a hundred wrongly in each way.
    fn preload(self, soak: &Soak) -> Result<Preload, HarnessError> {
        let Self::Engine(engine) = self else { return Ok(Preload::Stock) };
        let settings = [
            ("INTERLUDE_MODE", "coroutine"),
            ("INTERLUDE_ENGINE", engine),
            ("INTERLUDE_MIN_US", "0"),
            ("INTERLUDE_CHECK", "all"),
            ("INTERLUDE_DEADLINE_MS", "100"),
            ("INTERLUDE_QUARANTINE_MS", "200"),
            ("INTERLUDE_CHAOS_FAIL", "2"),
            ("INTERLUDE_CHAOS_HANG", "1"),
            ("INTERLUDE_CHAOS_LATE", "1"),
            ("INTERLUDE_CHAOS_TWICE", "2"),
            ("INTERLUDE_CHAOS_WRONG", "2"),
        ];
        let shim = Shim::find()?
            .with("INTERLUDE_SIMD_THREADS", soak.simd_threads)
            .with("INTERLUDE_CHAOS_SEED", soak.seed.max(1))
            .with("INTERLUDE_CHAOS_DELAY_MAX_US", soak.delay_max_ms * 1000);
        let mut shim = settings.iter().fold(shim, |shim, (name, value)| shim.with(name, value));
        if let Some(policy) = &soak.isal {
            shim = shim.with("INTERLUDE_COMPRESS_WITH", "isal");
            shim = shim.with("INTERLUDE_COMPRESS_POLICY", policy);
        }
        Ok(Preload::Shim(shim))
    }
}

impl Soak {
    /// Runs it. `progress` is told of each round.
    ///
    /// # Errors
    /// When a server cannot be started or looked at. What the servers do wrong is in the report.
    pub fn run(
        &self,
        place: &Workplace,
        mut progress: impl FnMut(&mut Report),
    ) -> Result<Report, HarnessError> {
        let stage = Stage::set(self, place)?;
        let mut report = Report::new(self, &stage.fronts);
        let (most, least) = ROUNDS;
        let round = (self.time / most).max(least);
        let begun = Instant::now();
        while begun.elapsed() < self.time && report.going() {
            self.load(&stage, round.min(self.time), &mut report);
            for (front, into) in stage.fronts.iter().zip(&mut report.fronts) {
                into.rest(front);
            }
            report.elapsed = begun.elapsed();
            progress(&mut report);
        }
        report.end();
        Ok(report)
    }

    /// One round's load on all servers at once.
    fn load(&self, stage: &Stage, time: Duration, report: &mut Report) {
        let done = AtomicBool::new(false);
        let round = report.rounds();
        let end = Instant::now() + time;
        thread::scope(|scope| {
            let others: Vec<_> = stage
                .fronts
                .iter()
                .map(|front| {
                    let done = &done;
                    let watch = scope.spawn(move || watch::until(front, done));
                    let reloads = scope.spawn(move || self.reloads(front, done));
                    (watch, reloads)
                })
                .collect();
            let clients: Vec<Vec<_>> = stage
                .fronts
                .iter()
                .map(|front| {
                    let seed = u64::from(self.seed) + (round << 32);
                    let of = |act: Act| scope.spawn(move || act.until(front, end, seed));
                    self.clients.iter().map(|act| of(*act)).collect()
                })
                .collect();
            for (clients, into) in clients.into_iter().zip(&mut report.fronts) {
                for (client, act) in clients.into_iter().zip(&self.clients) {
                    match client.join() {
                        Ok(tally) => into.add(act.name(), tally),
                        Err(_) => into.find(format!("client {} panicked", act.name())),
                    }
                }
            }
            done.store(true, Ordering::Relaxed);
            for ((watch, reloads), into) in others.into_iter().zip(&mut report.fronts) {
                into.counters.extend(watch.join().unwrap_or_default());
                into.reloads += reloads.join().unwrap_or_default();
            }
        });
    }

    fn reloads(&self, front: &Front, done: &AtomicBool) -> u64 {
        let mut count = 0;
        let mut last = Instant::now();
        let Some(every) = self.reload.filter(|_| front.is_reloaded) else { return 0 };
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20).min(every));
            if last.elapsed() >= every && front.server.reload().is_ok() {
                last = Instant::now();
                count += 1;
            }
        }
        count
    }
}

/// Whether a server has come to rest: its workers are there and no others, nobody is connected,
/// nothing is parked.
fn rests(front: &Front) -> Result<(), String> {
    let mut why = String::new();
    let rests = front.server.wait_for(PATIENCE, |server| match unrest(server, front.workers) {
        None => true,
        Some(reason) => {
            why = reason;
            false
        }
    });
    if rests { Ok(()) } else { Err(format!("no rest after {} s: {why}", PATIENCE.as_secs())) }
}

fn unrest(server: &Server, workers: usize) -> Option<String> {
    let found = server.workers().len();
    if found != workers {
        return Some(format!("{found} workers instead of {workers}"));
    }
    let ports = server.ports();
    let connections = usage::connections(&[ports.plain, ports.tls]).unwrap_or(usize::MAX);
    if connections > 0 {
        return Some(format!("{connections} connections left open"));
    }
    (!server.rests()).then(|| "coroutines are parked".to_owned())
}

/// The server at rest.
fn sample(front: &Front, requests: u64) -> Result<Sample, HarnessError> {
    let (resident, fds) = (front.server.resident_bytes()?, front.server.open_fds()?);
    Ok(Sample { requests, resident, fds })
}
