//! Clients that put files up by PUT and get them back.

use super::{Connection, Manners, PATIENCE, Tally, Transport, closed};
use crate::{HarnessError, Seeded};
use std::io;
use std::thread;

/// Sizes of the files, in bytes: from less than a packet to more than any buffer.
const SIZES: [usize; 6] = [10, 1_000, 16_000, 70_000, 300_000, 1_500_000];

/// A load of uploads.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// Plain, or TLS of one version.
    pub transport: Transport,
    /// Where the server keeps what is put: a path such as `/up`.
    pub below: String,
    /// Clients at the same time.
    pub clients: usize,
    /// Files of each client.
    pub files: usize,
    /// Whether every second client resets its connections at a byte chosen at random.
    pub half_reset: bool,
    /// What the files' bytes are drawn from.
    pub seed: u64,
}

impl Uploads {
    /// Puts the load on the server at `port`.
    #[must_use]
    pub fn run(&self, port: u16) -> Tally {
        let mut all = Tally::default();
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..self.clients).map(|n| scope.spawn(move || self.client(n, port))).collect();
            for client in clients {
                match client.join() {
                    Ok(tally) => all.add(tally),
                    Err(_) => all.fail("a client that puts files up panicked"),
                }
            }
        });
        all
    }

    fn client(&self, number: usize, port: u16) -> Tally {
        let mut tally = Tally::default();
        let mut random = Seeded::new(self.seed.wrapping_add(number as u64));
        for file in 0..self.files {
            let mut body = vec![0; SIZES[(number + file) % SIZES.len()]];
            body.iter_mut().for_each(|byte| *byte = (random.next() & 0xff) as u8);
            let path = format!("{}/{number}/{file}.bin", self.below);
            tally.connections += 1;
            let result = match self.half_reset && number % 2 == 1 {
                true => self.break_off(port, &path, &body, &mut random, &mut tally),
                false => self.there_and_back(port, &path, &body, &mut tally),
            };
            if let Err(error) = result {
                tally.fail(HarnessError::new(path, error));
            }
        }
        tally
    }

    fn there_and_back(
        &self,
        port: u16,
        path: &str,
        body: &[u8],
        tally: &mut Tally,
    ) -> io::Result<()> {
        let mut connection = Connection::open(&self.transport, port, PATIENCE)?;
        connection.send(&put(path, body))?;
        let answer = connection.receive()?;
        // Created, or replaced.
        if !matches!(answer.status, 201 | 204) {
            return Err(io::Error::other(format!("status {} for a PUT", answer.status)));
        }
        let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        let mut answer = connection.send(&get).and_then(|()| connection.receive());
        // A server that is reloaded closes what is idle between two requests.
        if answer.as_ref().is_err_and(closed) {
            tally.reopened += 1;
            connection = Connection::open(&self.transport, port, PATIENCE)?;
            answer = connection.send(&get).and_then(|()| connection.receive());
        }
        let answer = answer?;
        tally.requests += 2;
        tally.bytes += (body.len() * 2) as u64;
        match answer.status == 200 && answer.body == body {
            true => Ok(()),
            false => {
                let got = answer.body.len();
                Err(io::Error::other(format!("{}: {got} bytes came back", answer.status)))
            }
        }
    }

    fn break_off(
        &self,
        port: u16,
        path: &str,
        body: &[u8],
        random: &mut Seeded,
        tally: &mut Tally,
    ) -> io::Result<()> {
        let cut_after = Some(1 + random.below(super::HANDSHAKE + body.len()));
        let manners = Manners { cut_after, slow: false };
        let answer = Connection::open_with(&self.transport, port, PATIENCE, manners).and_then(
            |mut connection| {
                connection.send(&put(path, body))?;
                connection.receive()
            },
        );
        match answer {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(_) => {
                tally.aborted += 1;
                Ok(())
            }
            Ok(_) => {
                tally.requests += 1;
                Ok(())
            }
        }
    }
}

fn put(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
