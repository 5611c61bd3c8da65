//! How long a server's loop stands when its engine comes to hang for good.
//!
//! Clients make full handshakes, one after the other on each connection; beside them a *probe* asks
//! for a small page over HTTP again and again. Its longest wait is how long the loop stood, counted from the
//! engine's last answer where that came later than the question: until then it did not hang, and a
//! job's deadline counts from there.

use crate::crowd::{Connection, Crowd, Page, Tally, Transport};
use crate::matrix::Workplace;
use crate::{HarnessError, Preload, Server, Shim, WebOptions, WebServer};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The deadline of a job.
pub const DEADLINE: Duration = Duration::from_millis(100);
/// Jobs until the engine hangs.
const JOBS: u32 = 1200;
/// Clients, and requests of all of them.
const LOAD: (usize, usize) = (16, 1600);
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the engine has answered.
const LOOK: Duration = Duration::from_micros(500);

/// What was seen.
#[derive(Debug)]
pub struct Stall {
    /// The longest wait of the probe while the engine worked.
    pub before: Duration,
    /// The longest from when it began to hang: from its last answer, or from when the probe asked after that.
    pub after: Duration,
    /// What the clients saw.
    pub tally: Tally,
}

impl Stall {
    /// Loads `server`, as coroutines, until its engine hangs and beyond.
    ///
    /// # Errors
    /// When it cannot be started or asked.
    pub fn watch(server: WebServer, place: &Workplace) -> Result<Self, HarnessError> {
        let options = WebOptions::default();
        let (reference, server) = place.beside_stock(server, &options, &preload()?)?;
        let small = reference.pages().iter().min_by_key(|page| page.size);
        let small = small.ok_or_else(|| HarnessError::new("the site", "has no page"))?;
        let (connections, requests) = LOAD;
        let crowd =
            Crowd { keep_alive: false, ..Crowd::new(Transport::tls13(), connections, requests) };
        let done = AtomicBool::new(false);
        let answers = Answers::new();
        let (tally, waits) = thread::scope(|scope| {
            let probe = scope.spawn(|| probe(&server, small, &answers, &done));
            scope.spawn(|| answers.watch(&server, &done));
            let tally = crowd.run(server.ports().tls, &reference);
            done.store(true, Ordering::Relaxed);
            (tally, probe.join())
        });
        let waits = waits.map_err(|_| HarnessError::new("the probe", "panicked"))?;
        let (before, after) = waits.map_err(|e| HarnessError::new("the probe", e))?;
        Ok(Self { before, after, tally })
    }
}

/// The engine is as fast as it can be, until it hangs; it is tried again after longer than this takes.
fn preload() -> Result<Preload, HarnessError> {
    let shares = ["FAIL", "HANG", "LATE", "TWICE", "WRONG"];
    let shim = shares
        .iter()
        .fold(Shim::find()?, |shim, share| shim.with(&format!("INTERLUDE_CHAOS_{share}"), 0))
        .mode("coroutine")
        .with("INTERLUDE_ENGINE", "chaos")
        .with_every_job()
        .with("INTERLUDE_CHAOS_DELAY_MAX_US", 0)
        .with("INTERLUDE_CHAOS_HANG_AFTER", JOBS)
        .with("INTERLUDE_DEADLINE_MS", DEADLINE.as_millis())
        .with("INTERLUDE_QUARANTINE_MS", 600_000);
    Ok(Preload::Shim(shim))
}

/// When the engine gave its last answer before the first job was given up.
struct Answers {
    base: Instant,
    /// In nanoseconds from `base`. Never later than it was, by what one look takes.
    last: AtomicU64,
}

impl Answers {
    fn new() -> Self {
        Self { base: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Looks again and again, until a job is given up or all is `done`.
    fn watch(&self, server: &Server, done: &AtomicBool) {
        let mut known = 0;
        while !done.load(Ordering::Relaxed) {
            let looked = self.base.elapsed();
            let answered = server.counter("engine.cores.completed");
            // Jobs that are given up count as completed, too: what was just read is none of theirs.
            if server.counter("engine.late") > 0 {
                return;
            }
            if answered > known {
                known = answered;
                let nanos = u64::try_from(looked.as_nanos()).unwrap_or(u64::MAX);
                self.last.store(nanos, Ordering::Relaxed);
            }
            thread::sleep(LOOK);
        }
    }

    fn last(&self) -> Instant {
        self.base + Duration::from_nanos(self.last.load(Ordering::Relaxed))
    }
}

/// The longest waits before and after the first jobs were given up.
fn probe(
    server: &Server,
    page: &Page,
    answers: &Answers,
    done: &AtomicBool,
) -> io::Result<(Duration, Duration)> {
    let mut connection = Connection::open(&Transport::Plain, server.ports().plain, PATIENCE)?;
    let request = page.request(true);
    let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
    while !done.load(Ordering::Relaxed) {
        let asked = Instant::now();
        connection.send(&request)?;
        let answer = connection.receive()?;
        let answered = Instant::now();
        page.compare(&answer).map_err(io::Error::other)?;
        let (longest, from) = match server.counter("engine.late") {
            0 => (&mut before, asked),
            _ => (&mut after, asked.max(answers.last())),
        };
        *longest = answered.saturating_duration_since(from).max(*longest);
    }
    Ok((before, after))
}
