//! Whether a server grows: its memory and its open files over many requests of every kind.

use crate::crowd::{Crowd, Reference, Tally, Transport};
use crate::matrix::Workplace;
use crate::{HarnessError, Preload, Server, WebOptions, WebServer};
use std::time::Duration;

/// In how many parts the requests are made; after each one the server is looked at.
const PARTS: usize = 20;
/// How long a server may take to notice that its clients are gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// Growth of memory over the second half that is the allocator's doing: bytes, and a share.
const TOLERATED: (u64, f64) = (512 * 1024, 0.02);

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
    /// closed, compressed, some broken off.
    ///
    /// # Errors
    /// When it cannot be started or watched.
    pub fn watch(
        server: WebServer,
        mode: &str,
        requests: usize,
        place: &Workplace,
    ) -> Result<Self, HarnessError> {
        let options = WebOptions::default();
        let preload = Preload::of_mode(mode)?;
        let reference = {
            let stock =
                server.start(&options, &place.site, &place.certificates, &Preload::Stock)?;
            Reference::take(stock.ports().plain, &place.site, true)?
        };
        let server = server.start(&options, &place.site, &place.certificates, &preload)?;
        let mut growth = Self { samples: Vec::new(), tally: Tally::default() };
        let quiet = server.open_fds()?;
        for _ in 0..PARTS {
            load(&server, requests / PARTS, &reference, &mut growth.tally);
            growth.sample(&server, quiet)?;
        }
        for line in server.alarms() {
            growth.tally.fail(HarnessError::new("log", line));
        }
        Ok(growth)
    }

    fn sample(&mut self, server: &Server, quiet: usize) -> Result<(), HarnessError> {
        // The first part may open files for good (an engine's, a log's); later ones may not.
        let before = self.samples.first().map_or(quiet, |sample| sample.fds);
        let mut last = usize::MAX;
        let _ = server.wait_for(PATIENCE, |server| {
            let now = server.open_fds().unwrap_or(usize::MAX);
            let settled = now <= before || (self.samples.is_empty() && now == last);
            last = now;
            settled
        });
        self.samples.push(Sample {
            requests: self.tally.requests + self.tally.aborted,
            resident: server.resident_bytes()?,
            fds: server.open_fds()?,
        });
        Ok(())
    }

    /// Whether memory and files are flat over the second half: whether the least of its second
    /// part is more than the least of its first. A leak raises the floor; what lies above it are
    /// buffers of busy moments that the allocator has not given back yet.
    ///
    /// # Errors
    /// What grew, and by how much.
    pub fn flat(&self) -> Result<(), String> {
        let half = &self.samples[self.samples.len() / 2..];
        let (first, second) = half.split_at(half.len() / 2);
        let floor = |samples: &[Sample]| {
            let resident = samples.iter().map(|sample| sample.resident).min()?;
            Some((resident, samples.iter().map(|sample| sample.fds).min()?))
        };
        let (Some((resident, fds)), Some((resident_end, fds_end))) = (floor(first), floor(second))
        else {
            return Err("too little was measured".to_owned());
        };
        if fds_end > fds {
            return Err(format!("open files grew from {fds} to {fds_end}"));
        }
        let (bytes, share) = TOLERATED;
        let tolerated = bytes.max((resident as f64 * share) as u64);
        if resident_end > resident + tolerated {
            let (before, after) = (resident / 1024, resident_end / 1024);
            return Err(format!("resident memory grew from {before} to {after} KiB"));
        }
        Ok(())
    }
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
