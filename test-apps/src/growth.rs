//! Whether a server grows: its memory and its open files over many requests of every kind, or over
//! many connections that go away while they are parked.

use crate::crowd::{Crowd, Reference, Tally, Transport};
use crate::matrix::Workplace;
use crate::{HarnessError, Preload, Server, WebOptions, WebServer};
use std::time::Duration;

mod aborts;

/// In how many parts the requests are made; after each one the server is looked at.
const PARTS: usize = 20;
/// How often a server that seems to grow is watched for as long again: a leak goes on, while a heap that is held up
/// by what lies at its top comes down again.
const DOUBTS: usize = 2;
/// How long a server may take to notice that its clients are gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// Growth of memory over the second half that is the allocator's doing, bytes and a share: the busiest
/// moment so far, which may come late, leaves it with half a megabyte more.
const TOLERATED: (u64, f64) = (1024 * 1024, 0.02);

/// The server after a part of the requests, with no client connected.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests made so far.
    pub requests: u64,
    /// Resident memory of its workers, in bytes, without shared memory.
    pub resident: u64,
    /// Open file descriptors of its workers.
    pub fds: usize,
}

/// A server over the course of many requests.
#[derive(Debug)]
pub struct Growth {
    /// One sample a part.
    pub samples: Vec<Sample>,
    /// What the clients saw.
    pub tally: Tally,
}

impl Growth {
    /// Watches `server` in `mode` over about `requests` requests: HTTP and HTTPS, kept-alive and
    /// closed, compressed, some broken off. `tell` hears of each part.
    ///
    /// # Errors
    /// When it cannot be started or watched.
    pub fn watch(
        server: WebServer,
        mode: &str,
        requests: usize,
        place: &Workplace,
        tell: impl FnMut(&Sample),
    ) -> Result<Self, HarnessError> {
        let options = WebOptions::default();
        let reference = {
            let stock =
                server.start(&options, &place.site, &place.certificates, &Preload::Stock)?;
            Reference::take(stock.ports().plain, &place.site, true)?
        };
        let part = |server: &Server, tally: &mut Tally| {
            load(server, requests / PARTS, &reference, tally);
        };
        Self::over(server, &Preload::of_mode(mode)?, place, part, tell)
    }

    /// Watches `server` as coroutines over `count` connections that are reset while they are parked
    /// in their handshakes. `tell` hears of each part.
    ///
    /// # Errors
    /// When it cannot be started or watched.
    pub fn watch_aborts(
        server: WebServer,
        count: usize,
        place: &Workplace,
        tell: impl FnMut(&Sample),
    ) -> Result<Self, HarnessError> {
        let part = |server: &Server, tally: &mut Tally| {
            aborts::abort(server, count / PARTS, tally);
        };
        Self::over(server, &aborts::preload()?, place, part, tell)
    }

    fn over(
        server: WebServer,
        preload: &Preload,
        place: &Workplace,
        mut part: impl FnMut(&Server, &mut Tally),
        mut tell: impl FnMut(&Sample),
    ) -> Result<Self, HarnessError> {
        let options = WebOptions::default();
        let server = server.start(&options, &place.site, &place.certificates, preload)?;
        let mut growth = Self { samples: Vec::new(), tally: Tally::default() };
        let quiet = server.open_fds()?;
        for _ in 0..=DOUBTS {
            for _ in 0..PARTS {
                part(&server, &mut growth.tally);
                tell(growth.sample(&server, quiet)?);
            }
            if growth.flat().is_ok() || !growth.tally.clean() {
                break;
            }
        }
        for line in server.alarms() {
            growth.tally.fail(HarnessError::new("log", line));
        }
        Ok(growth)
    }

    fn sample(&mut self, server: &Server, quiet: usize) -> Result<&Sample, HarnessError> {
        // The first part may open files for good (an engine's, a log's); later ones may not.
        let before = self.samples.first().map_or(quiet, |sample| sample.fds);
        let mut last = usize::MAX;
        let _ = server.wait_for(PATIENCE, |server| {
            let now = server.open_fds().unwrap_or(usize::MAX);
            let settled = now <= before || (self.samples.is_empty() && now == last);
            last = now;
            settled && server.rests()
        });
        let requests = self.tally.requests + self.tally.aborted;
        let (resident, fds) = (server.resident_bytes()?, server.open_fds()?);
        self.samples.push(Sample { requests, resident, fds });
        self.samples.last().ok_or_else(|| HarnessError::new("growth", "nothing was measured"))
    }

    /// Whether memory and files are flat over the second half: a leak raises both the least and the
    /// middle of its second part above those of its first. What lies above the least are buffers of
    /// busy moments that the allocator has not given back yet; what lies below the middle, moments
    /// in which it had.
    ///
    /// # Errors
    /// What grew, and by how much.
    pub fn flat(&self) -> Result<(), String> {
        let half = &self.samples[self.samples.len() / 2..];
        let (first, second) = half.split_at(half.len() / 2);
        if first.is_empty() {
            return Err("too little was measured".to_owned());
        }
        let fds = |sample: &Sample| sample.fds as u64;
        if let Some((before, after)) = raised(first, second, fds, |_| 0) {
            return Err(format!("open files grew from {before} to {after}"));
        }
        let (bytes, share) = TOLERATED;
        let tolerated = |resident| bytes.max((resident as f64 * share) as u64);
        if let Some((before, after)) = raised(first, second, |sample| sample.resident, tolerated) {
            let (before, after) = (before / 1024, after / 1024);
            return Err(format!("resident memory grew from {before} to {after} KiB"));
        }
        Ok(())
    }
}

/// The middle of both parts, if both it and the least are raised by more than what is tolerated.
fn raised(
    first: &[Sample],
    second: &[Sample],
    measure: impl Fn(&Sample) -> u64,
    tolerated: impl Fn(u64) -> u64,
) -> Option<(u64, u64)> {
    let sorted = |samples: &[Sample]| {
        let mut values: Vec<u64> = samples.iter().map(&measure).collect();
        values.sort_unstable();
        values
    };
    let (first, second) = (sorted(first), sorted(second));
    let least = (*first.first()?, *second.first()?);
    let middle = (*first.get(first.len() / 2)?, *second.get(second.len() / 2)?);
    let grew = |(before, after): (u64, u64)| after > before + tolerated(before);
    (grew(least) && grew(middle)).then_some(middle)
}

fn load(server: &Server, requests: usize, reference: &Reference, tally: &mut Tally) {
    let ports = server.ports();
    let part =
        |transport, connections, share| Crowd::new(transport, connections, requests * share / 20);
    let kept = part(Transport::tls13(), 64, 9);
    let closed = Crowd { keep_alive: false, ..part(Transport::tls12(), 16, 2) };
    let aborting = Crowd { abort_every: 2, ..part(Transport::tls13(), 16, 1) };
    let plain = part(Transport::Plain, 64, 8);
    for (crowd, port) in
        [(kept, ports.tls), (closed, ports.tls), (aborting, ports.tls), (plain, ports.plain)]
    {
        tally.add(crowd.run(port, reference));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(samples: &[(u64, usize)]) -> Growth {
        let sample = |&(resident, fds)| Sample { requests: 0, resident: resident << 20, fds };
        Growth { samples: samples.iter().map(sample).collect(), tally: Tally::default() }
    }

    #[test]
    fn only_the_floor_of_the_second_half_counts() {
        let flat = [(5, 5), (9, 8), (9, 8), (9, 8), (30, 9), (31, 12), (40, 9), (30, 9)];
        assert_eq!(growth(&flat).flat(), Ok(()));
        let memory = [(5, 5), (5, 5), (5, 5), (5, 5), (30, 5), (31, 5), (32, 5), (33, 5)];
        assert!(growth(&memory).flat().unwrap_err().contains("memory"));
        assert!(growth(&[(5, 5), (5, 5), (5, 5), (5, 6)]).flat().unwrap_err().contains("files"));
        assert!(growth(&[]).flat().is_err());
    }
}
