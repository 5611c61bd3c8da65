//! The client of `bench infer`: connections that ask for one inference after the other, and compare each
//! answer with what the stock server says to the same request alone.
//!
//! Models may remember what a connection has asked before. So each connection asks one of a few fixed
//! sequences, from its beginning, and is then made anew.

use super::gets::pin;
use super::interrupt;
use super::placement::Placement;
use super::sample::quantile;
use crate::failure::Failure;
use interlude_test_apps::crowd::{Connection, Transport};
use interlude_test_apps::{InferThread, ModelKind, Scores, usage};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

/// By how much a score may differ from what the request alone gives, as a share of the largest. (A state that
/// is carried on carries a difference on.)
pub(crate) const TOLERANCE: f64 = 1e-3;
/// Sequences of requests that differ, and requests in each: of a model that is asked often, and of a slow one.
const SEQUENCES: u32 = 4;
const LENGTH: u32 = 256;
const LENGTH_IF_SLOW: u32 = 32;
/// Connections for GET /health.
const HEALTH: u32 = 8;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sequences, and what the stock server answers.
#[derive(Debug)]
pub(crate) struct Expected(Vec<Vec<(Vec<u8>, Scores)>>);

impl Expected {
    /// Asks a stock server, by one connection at a time.
    pub(crate) fn ask(model: ModelKind, words: usize, port: u16) -> Result<Self, Failure> {
        let length = if model == ModelKind::MiniLm { LENGTH_IF_SLOW } else { LENGTH };
        let ask = |sequence: u32| -> io::Result<Vec<(Vec<u8>, Scores)>> {
            let mut connection = Connection::open(&Transport::Plain, port, PATIENCE)?;
            let numbers = (0..length).map(|index| u64::from(sequence * length + index));
            let bodies = numbers.map(|number| model.body_of(number, words));
            bodies
                .map(|body| {
                    let scores = infer(&mut connection, &body)?;
                    Ok((body, scores))
                })
                .collect()
        };
        let all: io::Result<Vec<_>> = (0..SEQUENCES).map(ask).collect();
        all.map(Self).map_err(|error| Failure::not_so(format!("the stock server: {error}")))
    }
}

/// A client with a connection that goes through one sequence after the other.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    asks: &'a Asks<'a>,
    /// The number of the sequence that comes next.
    next: usize,
    begun: Option<Begun<'a>>,
}

/// A sequence, and what is left of it.
#[derive(Debug)]
struct Begun<'a> {
    connection: Connection,
    order: InferThread,
    left: std::slice::Iter<'a, (Vec<u8>, Scores)>,
}

impl<'a> Asker<'a> {
    fn ask_until(&mut self, end: Instant) -> io::Result<Report> {
        let mut report = Report::default();
        while Instant::now() < end && !interrupt::requested() {
            let begun = match &mut self.begun {
                Some(begun) => begun,
                none => none.insert(Begun::of(self.asks, self.next)?),
            };
            let Some((body, expected)) = begun.left.next() else {
                self.next += 1;
                self.begun = None;
                continue;
            };
            let start = Instant::now();
            let answer = infer(&mut begun.connection, body)?;
            report.latencies_us.push(start.elapsed().as_secs_f64() * 1e6);
            let difference = answer.difference(expected);
            report.difference = report.difference.max(difference);
            let is_right = begun.order.is_next(body, &answer) && f64::from(difference) <= TOLERANCE;
            report.errors += u64::from(!is_right);
        }
        Ok(report)
    }
}

impl<'a> Begun<'a> {
    fn of(asks: &'a Asks<'a>, number: usize) -> io::Result<Self> {
        let sequences = &asks.expected.0;
        let sequence =
            sequences.get(number % sequences.len().max(1)).ok_or(io::ErrorKind::NotFound)?;
        let connection = Connection::open(&Transport::Plain, asks.port, PATIENCE)?;
        Ok(Self { connection, order: InferThread::default(), left: sequence.iter() })
    }
}

fn infer(connection: &mut Connection, body: &[u8]) -> io::Result<Scores> {
    connection.send(&InferThread::request(body))?;
    let answer = connection.receive()?;
    if answer.status != 200 {
        return Err(io::Error::other(format!("status {}", answer.status)));
    }
    Scores::parse(&answer.body)
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Asks<'a> {
    pub(crate) port: u16,
    pub(crate) connections: u32,
    /// GET /health so many times per second.
    pub(crate) health: u32,
    pub(crate) expected: &'a Expected,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    latencies_us: Vec<f64>,
    health_us: Vec<f64>,
    /// The same without what the client itself waited for a CPU.
    served_us: Vec<f64>,
    /// Requests without an answer, or with one that is out of order or differs by too much.
    pub(crate) errors: u64,
    /// The largest difference from what was expected.
    pub(crate) difference: f32,
    /// Seconds.
    pub(crate) elapsed: f64,
    /// CPU time of this client, in seconds.
    pub(crate) cpu: f64,
}

impl Report {
    /// Answers, right or wrong.
    pub(crate) fn answers(&self) -> usize {
        self.latencies_us.len()
    }

    /// The latency below which this share of the answers was, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.latencies_us, share)
    }

    /// The same of GET /health; and without what the client itself waited for a CPU, from when it was about to send.
    pub(crate) fn health_quantiles(&self, share: f64) -> (f64, f64) {
        (quantile(&self.health_us, share), quantile(&self.served_us, share))
    }

    fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.health_us.extend(other.health_us);
        self.served_us.extend(other.served_us);
        self.errors += other.errors;
        self.difference = self.difference.max(other.difference);
    }
}

impl Asks<'_> {
    /// One for each connection.
    pub(crate) fn askers(&self) -> Vec<Asker<'_>> {
        (0..self.connections as usize).map(|next| Asker { asks: self, next, begun: None }).collect()
    }

    /// Asks for so many seconds.
    pub(crate) fn run(&self, seconds: u32, placement: &Placement) -> Result<Report, Failure> {
        self.turn(&mut self.askers(), Duration::from_secs(seconds.into()), placement)
    }

    /// Has these ask for so long, each from a thread of its own on the clients' CPUs. They keep their connections.
    pub(crate) fn turn(
        &self,
        askers: &mut [Asker<'_>],
        time: Duration,
        placement: &Placement,
    ) -> Result<Report, Failure> {
        let (begin, cpu) = (Instant::now(), own_cpu());
        let end = begin + time;
        let healths = if self.health > 0 { HEALTH } else { 0 };
        let outcome: io::Result<Report> = thread::scope(|scope| {
            let asking = askers.iter_mut().map(|asker| {
                thread::Builder::new().spawn_scoped(scope, move || {
                    pin(&placement.client)?;
                    asker.ask_until(end)
                })
            });
            let mut threads: Vec<_> = asking.collect();
            threads.extend((0..healths).map(|number| {
                thread::Builder::new().spawn_scoped(scope, move || {
                    pin(&placement.client)?;
                    self.be_well_until(begin, end, number)
                })
            }));
            let mut all = Report::default();
            for thread in threads {
                let ended = thread?.join();
                all.add(ended.map_err(|_| io::Error::other("a client thread panicked"))??);
            }
            Ok(all)
        });
        let mut report = outcome.map_err(|error| Failure::not_so(format!("requests: {error}")))?;
        report.elapsed = begin.elapsed().as_secs_f64();
        report.cpu = own_cpu().saturating_sub(cpu).as_secs_f64();
        Ok(report)
    }

    /// GET /health at a steady rate; each counts from when it is due. Where the server has all CPUs of the machine, this
    /// thread waits for one, too: without that it is about what a client on another machine would see. (If it is
    /// interrupted before it waits for the answer, all that comes until it goes on counts as its own.)
    fn be_well_until(&self, begin: Instant, end: Instant, number: u32) -> io::Result<Report> {
        let mut report = Report::default();
        let mut connection = Connection::open(&Transport::Plain, self.port, PATIENCE)?;
        let interval = Duration::from_secs_f64(1.0 / f64::from(self.health));
        for index in (number..).step_by(HEALTH as usize) {
            let due = begin + interval * index;
            if due >= end || interrupt::requested() {
                break;
            }
            // From when it is due, where the server let us be late; from waking up where the clock did.
            let early = due.saturating_duration_since(Instant::now());
            thread::sleep(early);
            let since = if early.is_zero() { due } else { Instant::now() };
            let waited = waited_for_cpu();
            connection.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let answer = connection.receive()?;
            let elapsed = since.elapsed();
            let own = waited_for_cpu().saturating_sub(waited);
            report.health_us.push(elapsed.as_secs_f64() * 1e6);
            report.served_us.push(elapsed.saturating_sub(own).as_secs_f64() * 1e6);
            report.errors += u64::from(answer.status != 200);
        }
        Ok(report)
    }
}

/// How long the calling thread has been ready to run in all, and was not run; nothing where the kernel does not tell.
fn waited_for_cpu() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = told.split_whitespace().nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(waited.unwrap_or_default())
}

fn own_cpu() -> Duration {
    usage::cpu_time(std::process::id()).unwrap_or_default()
}
