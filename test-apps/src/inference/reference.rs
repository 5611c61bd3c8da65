//! Clients of the inference server that know what each of its answers has to be: the scores that the request has
//! alone in the stock server, and what the connection has asked so far, in its order.

use std::io;
use std::time::Duration;

use super::{ModelFile, ModelKind, Scores, Thread, start};
use crate::crowd::{Connection, Transport};
use crate::{AppServer, HarnessError, Preload};

/// How long an answer may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bodies that are asked about, again and again.
const BODIES: u64 = 32;
/// By how much a score may differ from what the request alone gives, as a share of the largest.
const TOLERANCE: f32 = 1e-4;

/// A model without a memory, and what it answers where each request is alone in the stock server.
pub struct Reference {
    kind: ModelKind,
    model: ModelFile,
    bodies: Vec<Vec<u8>>,
    scores: Vec<Scores>,
}

/// Connections of one client, each with one request out at a time.
pub struct Client<'a> {
    reference: &'a Reference,
    server: AppServer,
    threads: Vec<(Connection, Thread)>,
    round: usize,
}

fn open(port: u16) -> Result<Connection, HarnessError> {
    let connection = Connection::open(&Transport::Plain, port, PATIENCE);
    connection.map_err(|error| HarnessError::new("connecting", error))
}

fn receive(connection: &mut Connection) -> io::Result<Scores> {
    let answer = connection.receive()?;
    if answer.status == 200 {
        return Scores::parse(&answer.body);
    }
    Err(io::Error::other(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body))))
}

impl Reference {
    /// Asks the stock server.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn of(kind: ModelKind, model: ModelFile) -> Result<Self, HarnessError> {
        let server = start(kind, model.path(), &Preload::Stock, &[])?;
        let bodies: Vec<Vec<u8>> = (0..BODIES).map(|number| kind.body(number)).collect();
        let ask = |body: &Vec<u8>| {
            let mut connection = open(server.port())?;
            let sent = connection.send(&Thread::request(body));
            let scores = sent.and_then(|()| receive(&mut connection));
            scores.map_err(|error| HarnessError::new("the stock server", error))
        };
        let scores = bodies.iter().map(ask).collect::<Result<_, _>>()?;
        server.stop()?;
        Ok(Self { kind, model, bodies, scores })
    }

    /// Starts another server, and opens so many connections to it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(&self, preload: &Preload, connections: usize) -> Result<Client<'_>, HarnessError> {
        let server = start(self.kind, self.model.path(), preload, &[])?;
        let connect = |_| Ok((open(server.port())?, Thread::default()));
        let threads = (0..connections).map(connect).collect::<Result<_, HarnessError>>()?;
        Ok(Client { reference: self, server, threads, round: 0 })
    }
}

impl Client<'_> {
    /// The server.
    #[must_use]
    pub fn server(&self) -> &AppServer {
        &self.server
    }

    /// A request on every connection, and then every answer.
    ///
    /// # Errors
    /// Where one of them is missing, out of order, or not as it would be alone.
    pub fn round(&mut self) -> Result<(), HarnessError> {
        self.round_of(1)
    }

    /// So many requests on every connection, which do not wait for the answers to those before, and then every
    /// answer.
    ///
    /// # Errors
    /// As for [`Self::round`].
    pub fn round_of(&mut self, requests: usize) -> Result<(), HarnessError> {
        self.round += 1;
        let Reference { bodies, scores, .. } = self.reference;
        let round = self.round;
        let body =
            |number: usize, request: usize| (round * 7 + number * 3 + request) % bodies.len();
        let failed = |number: usize, why: &dyn std::fmt::Display| {
            HarnessError::new(format!("round {round}, connection {number}"), why)
        };
        for request in 0..requests {
            for (number, (connection, _)) in self.threads.iter_mut().enumerate() {
                let sent = connection.send(&Thread::request(&bodies[body(number, request)]));
                sent.map_err(|error| failed(number, &error))?;
            }
        }
        for (number, (connection, thread)) in self.threads.iter_mut().enumerate() {
            for request in 0..requests {
                let answer = receive(connection).map_err(|error| failed(number, &error))?;
                let body = body(number, request);
                if !thread.is_next(&bodies[body], &answer) {
                    return Err(failed(number, &format!("out of order: {answer:?}")));
                }
                let difference = answer.difference(&scores[body]);
                if difference > TOLERANCE {
                    return Err(failed(number, &format!("body {body} differs by {difference}")));
                }
            }
        }
        Ok(())
    }

    /// Ends the server.
    ///
    /// # Errors
    /// Where it has ended before, or does not end well.
    pub fn stop(self) -> Result<(), HarnessError> {
        if let Some(ended) = self.server.ended() {
            return Err(HarnessError::new("the server ended", ended));
        }
        drop(self.threads);
        self.server.stop()
    }
}
