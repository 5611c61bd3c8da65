//! One connection, from its first byte to its last.
//!
//! ```text
//!   open --> Handshaking --> Awaiting a response --> Closing --> done
//!    (plain: straight to Awaiting)  ^-- next request --'
//! ```
//!
//! Who closes: the server, as a rule. The last request of a connection asks for it (`Connection:
//! close`), a connection without requests sends its close alert and waits. The side that closes
//! first is the one that keeps the port in TIME_WAIT, and nginx closes right after its close alert:
//! so of thousands of connections a second only those few occupy a port of ours whose alert came
//! before the end of the stream, and neither resets nor further source addresses are needed.
//! lighttpd sends its close alert and then waits up to five seconds for the client to close, so
//! the alert is answered by closing, as a browser would.
//!
//! Must not: block, or begin anything that the budget does not allow.

use crate::budget::Budget;
use crate::failure::{Failure, Kind};
use crate::page::Page;
use crate::plan::Plan;
use crate::response::Response;
use crate::session::Session;
use crate::tally::Tally;
use crate::tls::TlsClient;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// What all connections of a run share.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) pages: Vec<Page>,
    pub(crate) tls: Option<TlsClient>,
    pub(crate) tally: Tally,
    pub(crate) budget: Budget,
    pub(crate) registry: Registry,
    pub(crate) next_page: usize,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Going,
    Done,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Handshaking,
    Awaiting,
    Closing,
}

/// A connection that is under way.
pub(crate) struct Connection {
    stream: TcpStream,
    token: Token,
    session: Session,
    phase: Phase,
    /// When it began, or was due.
    started: Instant,
    /// When its current request was made.
    asked: Instant,
    /// When anything last happened.
    active: Instant,
    /// Whether our first bytes have been taken, and so a TCP connection exists.
    opened: bool,
    /// Whether the poll also tells when the socket can be written.
    watches_writes: bool,
    served: u64,
    /// Whether the current request asks the server to close.
    last: bool,
    page: usize,
    response: Response,
}

impl Connection {
    /// Begins a connection whose first request, if it is to have one, has been claimed.
    pub(crate) fn open(world: &mut World, token: Token, due: Instant) -> Result<Self, Failure> {
        let refuse = |error: std::io::Error| Failure::new(Kind::Connect, error.to_string());
        let stream = TcpStream::connect(world.plan.target).map_err(refuse)?;
        let (session, phase) = match &world.tls {
            Some(tls) => {
                let session = tls.connect().map_err(|error| Failure::tls(&error))?;
                (session, Phase::Handshaking)
            }
            None => (Session::plain(), Phase::Awaiting),
        };
        let mut connection = Self {
            stream,
            token,
            session,
            phase,
            started: due,
            asked: due,
            active: Instant::now(),
            opened: false,
            watches_writes: false,
            served: 0,
            last: false,
            page: 0,
            response: Response::default(),
        };
        if phase == Phase::Awaiting {
            connection.ask(world)?;
            connection.asked = due;
        }
        connection.watch_first(world)?;
        Ok(connection)
    }

    /// Over loopback the connection stands as soon as `connect` returns: the first bytes go out at
    /// once, and the poll need not tell when they could.
    fn watch_first(&mut self, world: &World) -> Result<(), Failure> {
        let written = self.session.flush(&mut self.stream).map_err(|error| self.broken(&error))?;
        self.opened = written;
        self.watches_writes = !written;
        let interest = if written { Interest::READABLE } else { BOTH };
        world
            .registry
            .register(&mut self.stream, self.token, interest)
            .map_err(|error| self.broken(&error))
    }

    /// Does all that can be done after `event`.
    pub(crate) fn ready(
        &mut self,
        event: &Event,
        scratch: &mut [u8],
        world: &mut World,
    ) -> Result<Step, Failure> {
        self.active = Instant::now();
        if event.is_writable() {
            self.flush(world)?;
        }
        if !(event.is_readable() || event.is_read_closed() || event.is_error()) {
            return Ok(Step::Going);
        }
        let step = self.read(event, scratch, world);
        if step.is_err() {
            // Where TLS failed there is an alert to be sent; whether it still can be is no matter.
            let _ = self.session.flush(&mut self.stream);
        }
        step
    }

    /// Whether nothing has happened for so long that the connection is given up.
    pub(crate) fn is_late(&self, now: Instant, limit: Duration) -> bool {
        now.saturating_duration_since(self.active) >= limit
    }

    /// The failure of a connection that is given up.
    pub(crate) fn timeout(&self) -> Failure {
        let message = match self.phase {
            Phase::Handshaking => "nothing more came during the handshake".to_owned(),
            Phase::Awaiting => format!("nothing more came after {}", self.response.progress()),
            Phase::Closing => "the server did not close the connection".to_owned(),
        };
        Failure::new(Kind::Timeout, message)
    }

    fn read(
        &mut self,
        event: &Event,
        scratch: &mut [u8],
        world: &mut World,
    ) -> Result<Step, Failure> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return self.ended(world),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Step::Going),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.reset(&error),
            };
            self.opened = true;
            self.receive(&scratch[..count], world)?;
            if self.phase == Phase::Closing && self.session.has_close_alert() {
                return Ok(Step::Done);
            }
            // A read that was not filled has emptied the socket (epoll(7)): what comes later is
            // told by a further event, and an end that this event has told of stands next.
            if count < scratch.len() && !event.is_error() {
                let ended = event.is_read_closed();
                return if ended { self.ended(world) } else { Ok(Step::Going) };
            }
        }
    }

    fn receive(&mut self, bytes: &[u8], world: &mut World) -> Result<(), Failure> {
        let Self { session, response, phase, .. } = self;
        let page = &world.pages[self.page];
        let mut complete = false;
        session.receive(bytes, |content| {
            if *phase != Phase::Awaiting || complete {
                return Err(Failure::http("content that was not asked for"));
            }
            complete = response.take(content, page)?;
            Ok(())
        })?;
        if self.phase == Phase::Handshaking {
            self.handshake(world)?;
        } else if complete {
            self.complete(world)?;
        }
        self.flush(world)
    }

    fn handshake(&mut self, world: &mut World) -> Result<(), Failure> {
        let Some(kind) = self.session.established() else { return Ok(()) };
        world.tally.handshake(kind, self.started.elapsed());
        if world.plan.requests_per_connection == 0 { self.close() } else { self.ask(world) }
    }

    /// Sends a request that has been claimed.
    fn ask(&mut self, world: &mut World) -> Result<(), Failure> {
        self.page = world.next_page;
        world.next_page = (self.page + 1) % world.pages.len();
        self.last =
            self.served + 1 == world.plan.requests_per_connection || world.budget.has_no_request();
        self.response = Response::default();
        self.asked = Instant::now();
        self.phase = Phase::Awaiting;
        self.session.queue(world.pages[self.page].request(self.last))
    }

    /// The response has come to its end.
    fn complete(&mut self, world: &mut World) -> Result<(), Failure> {
        let length = self.response.check(&mut world.pages[self.page])?;
        world.tally.request(length, self.asked.elapsed());
        self.served += 1;
        if self.last || self.response.closes() {
            self.phase = Phase::Closing;
            Ok(())
        } else if world.budget.claim_request(self.active) {
            self.ask(world)
        } else {
            self.close()
        }
    }

    /// Ends our side where the server has not been asked to close.
    fn close(&mut self) -> Result<(), Failure> {
        self.phase = Phase::Closing;
        self.session.close(&self.stream).map_err(|error| self.broken(&error))
    }

    fn flush(&mut self, world: &World) -> Result<(), Failure> {
        let written = self.session.flush(&mut self.stream).map_err(|error| self.broken(&error))?;
        self.opened |= written;
        if !written && !self.watches_writes {
            self.watches_writes = true;
            let Self { stream, token, .. } = self;
            let watched = world.registry.reregister(stream, *token, BOTH);
            watched.map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    /// The server has closed the connection.
    fn ended(&mut self, world: &mut World) -> Result<Step, Failure> {
        match self.phase {
            Phase::Awaiting if self.response.ends_with_close() && !self.session.is_cut() => {
                self.complete(world)?;
                Ok(Step::Done)
            }
            Phase::Closing if self.is_settled() => Ok(Step::Done),
            _ => Err(Failure::new(self.kind(), format!("closed by the server {}", self.place()))),
        }
    }

    /// Reading has failed. After all that was asked for has come, a reset says only that the
    /// server closed before it had read our close alert.
    fn reset(&mut self, error: &std::io::Error) -> Result<Step, Failure> {
        if self.phase == Phase::Closing && self.is_settled() {
            return Ok(Step::Done);
        }
        Err(self.broken(error))
    }

    /// Whether what has come proves that the server did all of its part.
    fn is_settled(&self) -> bool {
        self.served > 0 || self.session.is_confirmed()
    }

    fn broken(&self, error: &std::io::Error) -> Failure {
        Failure::new(self.kind(), format!("{error} {}", self.place()))
    }

    fn kind(&self) -> Kind {
        match self.phase {
            _ if !self.opened => Kind::Connect,
            Phase::Awaiting => Kind::Http,
            Phase::Handshaking | Phase::Closing => Kind::Tls,
        }
    }

    fn place(&self) -> String {
        match self.phase {
            _ if !self.opened => "while connecting".to_owned(),
            Phase::Handshaking => "during the handshake".to_owned(),
            Phase::Awaiting => format!("after {}", self.response.progress()),
            Phase::Closing => "before it had shown that it took the handshake for done".to_owned(),
        }
    }
}

/// Both directions.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
