//! Small GETs at a steady rate: the client whose latency `mixed` measures.
//!
//! An open loop: each request has a time at which it is due, and its latency counts from then,
//! even when the connection was still busy with the one before. Else a server that stalls would
//! be asked less while it stalls, and look better than it is.

use super::interrupt;
use super::placement::Placement;
use super::sample::quantile;
use super::web;
use crate::failure::Failure;
use interlude_test_apps::SiteFile;
use interlude_test_apps::crowd::{Connection, Transport};
use interlude_test_apps::usage::Status;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How long one answer may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked, and how often.
#[derive(Debug)]
pub(crate) struct Gets<'a> {
    /// Where the server listens for plain HTTP.
    pub(crate) port: u16,
    /// What is asked for; every body is compared with it.
    pub(crate) file: &'a SiteFile,
    /// Keep-alive connections.
    pub(crate) connections: u32,
    /// Requests per second on all connections together.
    pub(crate) rate: u32,
    /// How long requests are due.
    pub(crate) seconds: u32,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    latencies_us: Vec<f64>,
    /// Requests without a right answer.
    pub(crate) errors: u64,
    /// From the first that was due to the last answer, in seconds.
    pub(crate) elapsed: f64,
    /// CPU time of this client, in seconds.
    pub(crate) cpu: f64,
}

impl Report {
    /// The latency below which the share `share` of the answers was, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.latencies_us, share)
    }

    /// Right answers.
    pub(crate) fn answers(&self) -> usize {
        self.latencies_us.len()
    }

    fn add(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.errors += other.errors;
    }
}

impl Gets<'_> {
    /// Sends them all, from a thread for each connection on the clients' CPUs.
    pub(crate) fn run(&self, placement: &Placement) -> Result<Report, Failure> {
        let begin = Instant::now();
        let cpu = own_cpu();
        let outcome: io::Result<Report> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|number| {
                    let body = move || self.one_connection(number, begin, placement);
                    thread::Builder::new().spawn_scoped(scope, body)
                })
                .collect();
            let mut all = Report::default();
            for thread in threads {
                let ended = thread?.join();
                all.add(ended.map_err(|_| io::Error::other("a client thread panicked"))??);
            }
            Ok(all)
        });
        let mut report = outcome.map_err(|error| Failure::usage(format!("GETs: {error}")))?;
        report.elapsed = begin.elapsed().as_secs_f64();
        report.cpu = own_cpu().saturating_sub(cpu).as_secs_f64();
        Ok(report)
    }

    fn one_connection(
        &self,
        number: u32,
        begin: Instant,
        placement: &Placement,
    ) -> io::Result<Report> {
        pin(&placement.client)?;
        let request = web::request(self.file, "");
        let interval = Duration::from_secs_f64(1.0 / f64::from(self.rate));
        let mut report = Report::default();
        let mut connection = None;
        for index in (number..self.rate * self.seconds).step_by(self.connections as usize) {
            if interrupt::requested() {
                break;
            }
            let start = wait_until(begin + interval * index);
            match self.one_request(&mut connection, request.as_bytes()) {
                Ok(()) => report.latencies_us.push(start.elapsed().as_secs_f64() * 1e6),
                Err(_) => {
                    connection = None;
                    report.errors += 1;
                }
            }
        }
        Ok(report)
    }

    fn one_request(&self, connection: &mut Option<Connection>, request: &[u8]) -> io::Result<()> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(Connection::open(&Transport::Plain, self.port, PATIENCE)?),
        };
        connection.send(request)?;
        let answer = connection.receive()?;
        if answer.status != 200 || answer.body != self.file.bytes {
            return Err(io::Error::other("a wrong answer"));
        }
        Ok(())
    }
}

fn own_cpu() -> Duration {
    Status::of(std::process::id()).map_or(Duration::ZERO, |status| status.cpu)
}

/// Waits until `due`, and returns from when on the latency counts: from `due` where the server let
/// us be late, from waking up where the clock did.
fn wait_until(due: Instant) -> Instant {
    let now = Instant::now();
    if now >= due {
        return due;
    }
    thread::sleep(due - now);
    Instant::now()
}

/// Moves the calling thread to these CPUs.
pub(crate) fn pin(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_connections_add_up() {
        let mut all = Report::default();
        for (latency, errors) in [(30.0, 0), (10.0, 2), (20.0, 1)] {
            all.add(Report { latencies_us: vec![latency], errors, ..Report::default() });
        }
        assert_eq!((all.answers(), all.errors, all.quantile(0.5)), (3, 3, 20.0));
    }
}
