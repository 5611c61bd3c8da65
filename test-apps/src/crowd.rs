//! A crowd of HTTP/1.1 clients that check every byte: what the end-to-end tests load servers with.
//!
//! Each connection is an ordinary blocking thread, as simple as can be, so that an error is the
//! server's. Speed is not its business: `wrk` and `tls-storm` are for that.
//!
//! ```text
//! Reference  what the stock server answers for each page: head without Date, body as on the wire
//! Crowd      N connections, R requests, over TCP or TLS, kept alive or closed
//! Uploads    files that go up by PUT, and come back
//! Tally      what came of it; clean when every answer equalled its reference
//! ```

use crate::{HarnessError, Seeded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

mod answer;
mod connection;
mod reference;
mod tally;
mod upload;
mod wire;

pub use answer::Answer;
pub use connection::{Connection, Hello, Transport};
pub use reference::{Page, Reference};
pub use tally::Tally;
pub use upload::Uploads;
pub use wire::{Manners, reset_at_close};

/// How long an answer may let a client wait before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stack of a client's thread; a TLS handshake of rustls needs a part of it.
const STACK: usize = 256 * 1024;
/// About as many bytes as go to and fro before the first of an answer's body.
const HANDSHAKE: usize = 4000;

/// A load to be put on a server.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Plain, or TLS of one version.
    pub transport: Transport,
    /// Clients at the same time.
    pub connections: usize,
    /// Requests of all clients together; each makes at least one.
    pub requests: usize,
    /// Whether a client keeps its connection open between requests.
    pub keep_alive: bool,
    /// Whether the server may close a kept connection between two requests: the client then
    /// connects again, as browsers do. Servers that are reloaded or stopped do that.
    pub may_close_idle: bool,
    /// One request in so many is broken off by the client halfway; 0: none.
    pub abort_every: usize,
    /// Whether every second client resets each of its connections, at a byte chosen at random: in
    /// the handshake, the request or the answer.
    pub half_reset: bool,
    /// Whether clients read slowly.
    pub slow: bool,
    /// What the clients' choices are drawn from.
    pub seed: u64,
    /// How many requests have been made so far, for whoever watches.
    pub made: Arc<AtomicUsize>,
}

impl Crowd {
    /// A crowd over `transport`: kept-alive connections, no aborts, no forgiveness.
    #[must_use]
    pub fn new(transport: Transport, connections: usize, requests: usize) -> Self {
        Self {
            transport,
            connections,
            requests: requests.max(connections),
            keep_alive: true,
            may_close_idle: false,
            abort_every: 0,
            half_reset: false,
            slow: false,
            seed: 0,
            made: Arc::default(),
        }
    }

    /// Puts the load on the server at `port`, and compares each answer with `reference`.
    #[must_use]
    pub fn run(&self, port: u16, reference: &Reference) -> Tally {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..self.connections)
                .map(|number| {
                    let client = Client::new(self, port, reference, number);
                    thread::Builder::new()
                        .stack_size(STACK)
                        .spawn_scoped(scope, move || client.run())
                })
                .collect();
            let mut all = Tally::default();
            for client in clients {
                match client.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(tally)) => all.add(tally),
                    Ok(Err(_)) => all.fail("a client panicked"),
                    Err(error) => all.fail(HarnessError::new("starting a client", error)),
                }
            }
            all
        })
    }
}

/// One connection's worth of a crowd.
struct Client<'a> {
    crowd: &'a Crowd,
    port: u16,
    reference: &'a Reference,
    number: usize,
    random: Seeded,
    open: Option<Connection>,
    /// When the latest connection was begun.
    begun: Instant,
    tally: Tally,
}

impl<'a> Client<'a> {
    fn new(crowd: &'a Crowd, port: u16, reference: &'a Reference, number: usize) -> Self {
        let random = Seeded::new(crowd.seed.wrapping_add(number as u64 + 1));
        let begun = Instant::now();
        Self { crowd, port, reference, number, random, open: None, begun, tally: Tally::default() }
    }

    fn run(mut self) -> Tally {
        let mine = (self.number..self.crowd.requests).step_by(self.crowd.connections);
        for request in mine {
            let page = self.reference.pick(&mut self.random);
            self.crowd.made.fetch_add(1, Ordering::Relaxed);
            let every = self.crowd.abort_every;
            let result = match self.crowd.half_reset && self.number % 2 == 1 {
                true => self.reset(page),
                false if every != 0 && request % every == 0 => self.abort(page),
                false => self.ask(page),
            };
            if let Err(error) = result {
                self.open = None;
                // Servers close what takes too long for their timeouts.
                let age = self.begun.elapsed().as_secs_f64();
                let error = format_args!("{error}, {age:.2} s after the connection was begun");
                self.tally.fail(HarnessError::new(&page.path, error));
            }
        }
        self.tally
    }

    /// One request, its answer checked.
    fn ask(&mut self, page: &Page) -> io::Result<()> {
        let reused = self.open.is_some();
        let answer = match self.exchange(page) {
            Err(error) if reused && self.crowd.may_close_idle && closed(&error) => {
                self.open = None;
                self.tally.reopened += 1;
                self.exchange(page)
            }
            other => other,
        }?;
        self.tally.requests += 1;
        self.tally.bytes += answer.body.len() as u64;
        match page.compare(&answer).and_then(|()| self.judge_end(&answer)) {
            Ok(()) => self.tally.compressed += u64::from(page.compressed()),
            Err(difference) => self.tally.fail(HarnessError::new(&page.path, difference)),
        }
        if answer.closes() || !self.crowd.keep_alive {
            self.open = None;
        }
        Ok(())
    }

    /// Whether the connection goes on, or not, as it was asked for.
    fn judge_end(&self, answer: &Answer) -> Result<(), String> {
        match (self.crowd.keep_alive, answer.closes()) {
            (true, true) if !self.crowd.may_close_idle => {
                Err("closes a kept connection".to_owned())
            }
            (false, false) => Err("keeps a connection that was to be closed".to_owned()),
            _ => Ok(()),
        }
    }

    fn exchange(&mut self, page: &Page) -> io::Result<Answer> {
        let keep_alive = self.crowd.keep_alive;
        let connection = self.connection()?;
        connection.send(&page.request(keep_alive))?;
        connection.receive()
    }

    /// Asks for a page and goes away: before the answer, within it, or by a reset.
    fn abort(&mut self, page: &Page) -> io::Result<()> {
        let bytes = self.random.below(page.body.len().max(1));
        let (before, reset) = (self.random.below(3) == 0, self.random.below(2) == 0);
        let request = page.request(self.crowd.keep_alive);
        let connection = self.connection()?;
        let gone = connection.send(&request).and_then(|()| match before {
            true => Ok(()),
            false => connection.read_some(bytes),
        });
        // What an aborted answer was is nobody's business, unless the server hung.
        if let Err(error) = gone
            && error.kind() == io::ErrorKind::WouldBlock
        {
            return Err(error);
        }
        if let Some(connection) = self.open.take()
            && reset
        {
            connection.reset()?;
        }
        self.tally.aborted += 1;
        Ok(())
    }

    /// Asks for a page on a connection that will be reset somewhere; what gets through is checked.
    fn reset(&mut self, page: &Page) -> io::Result<()> {
        let most = HANDSHAKE + page.body.len() * self.random.below(2);
        let cut_after = Some(1 + self.random.below(most));
        self.tally.connections += 1;
        let manners = Manners { cut_after, slow: self.crowd.slow };
        let answer = Connection::open_with(&self.crowd.transport, self.port, PATIENCE, manners)
            .and_then(|mut connection| {
                connection.send(&page.request(self.crowd.keep_alive))?;
                connection.receive()
            });
        match answer {
            // The server hung.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => self.tally.aborted += 1,
            Ok(answer) => {
                self.tally.requests += 1;
                page.compare(&answer).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    fn connection(&mut self) -> io::Result<&mut Connection> {
        match &mut self.open {
            Some(connection) => Ok(connection),
            none => {
                self.tally.connections += 1;
                self.begun = Instant::now();
                let manners = Manners { slow: self.crowd.slow, ..Manners::default() };
                let transport = &self.crowd.transport;
                Ok(none.insert(Connection::open_with(transport, self.port, PATIENCE, manners)?))
            }
        }
    }
}

/// Whether an error is what a client sees when the other end has closed an idle connection.
fn closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}
