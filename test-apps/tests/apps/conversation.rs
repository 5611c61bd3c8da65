//! The client of the two-messages servers (`c/conversation.h`): on many connections at once, sends
//! `set X` and, without waiting, `get` in a packet of its own; the answers must be `done` and X.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const MESSAGE: usize = 16;

/// How long an answer may take before the server counts as hung: a thousand times what it takes.
const HUNG: Duration = Duration::from_secs(10);

/// What came of some rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Answers that were right.
    pub(crate) right: usize,
    /// Answers that were not.
    pub(crate) wrong: usize,
    /// Connections on which no answer came.
    pub(crate) silent: usize,
}

/// Open connections to a server.
pub(crate) struct Conversation {
    streams: Vec<TcpStream>,
    round: usize,
}

impl Conversation {
    pub(crate) fn open(port: u16, connections: usize) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(HUNG)).unwrap();
            stream
        };
        Self { streams: (0..connections).map(connect).collect(), round: 0 }
    }

    /// `set` and `get` on every connection, `rounds` times.
    pub(crate) fn set_and_get(&mut self, rounds: usize) -> Outcome {
        self.rounds(rounds, |value| {
            (vec![message(&format!("set {value}")), message("get")], vec!["done".to_owned(), value])
        })
    }

    /// One message on every connection, `rounds` times; each must be answered with `answer`.
    pub(crate) fn ask(&mut self, text: &str, answer: &str, rounds: usize) -> Outcome {
        self.rounds(rounds, |_| (vec![message(text)], vec![answer.to_owned()]))
    }

    /// A verb and a text of its own on every connection, `rounds` times; each must be answered with
    /// that text. `verb` gets the numbers of the connection and of the round.
    pub(crate) fn echo(
        &mut self,
        rounds: usize,
        verb: impl Fn(usize, usize) -> &'static str,
    ) -> Outcome {
        self.rounds(rounds, |value| {
            let mut numbers = value.split('.').map(|number| number.parse().unwrap());
            let verb = verb(numbers.next().unwrap(), numbers.next().unwrap());
            (vec![message(&format!("{verb} {value}"))], vec![value])
        })
    }

    /// One message on every connection; nobody waits for an answer.
    pub(crate) fn say(&mut self, text: &str) {
        for stream in &mut self.streams {
            stream.write_all(&message(text)).unwrap();
        }
    }

    /// An answer on every connection, to what was said before; `None` where none comes.
    pub(crate) fn hear(&mut self) -> Vec<Option<String>> {
        self.streams.iter_mut().map(answer).collect()
    }

    /// The answer on the first connection, or `None` where none comes.
    pub(crate) fn first_answer(&mut self) -> Option<String> {
        self.streams.first_mut().and_then(answer)
    }

    /// On how many connections an answer comes; the server may end the others.
    pub(crate) fn answered(&mut self) -> usize {
        let read = |stream: &mut TcpStream| stream.read_exact(&mut [0; MESSAGE]).is_ok();
        self.streams.iter_mut().map(read).filter(|answered| *answered).count()
    }

    /// The same message again and again on the first connection, until the server ends that.
    pub(crate) fn say_until_ended(&mut self, text: &str) {
        let Some(stream) = self.streams.first_mut() else { return };
        let mut answer = [0; MESSAGE];
        stream.set_read_timeout(None).unwrap();
        while stream.write_all(&message(text)).is_ok() && stream.read_exact(&mut answer).is_ok() {}
    }

    /// What each connection is answered to `text`.
    pub(crate) fn answers(&mut self, text: &str) -> Vec<String> {
        let ask = |stream: &mut TcpStream| {
            stream.write_all(&message(text)).unwrap();
            answer(stream).unwrap()
        };
        self.streams.iter_mut().map(ask).collect()
    }

    fn rounds(
        &mut self,
        rounds: usize,
        exchange: impl Fn(String) -> (Vec<[u8; MESSAGE]>, Vec<String>),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..rounds {
            self.round += 1;
            let exchanges: Vec<_> = (0..self.streams.len())
                .map(|connection| exchange(format!("{connection}.{}", self.round)))
                .collect();
            for packet in 0..exchanges.first().map_or(0, |(messages, _)| messages.len()) {
                for (stream, (messages, _)) in self.streams.iter_mut().zip(&exchanges) {
                    stream.write_all(&messages[packet]).unwrap();
                }
            }
            for (stream, (_, expected)) in self.streams.iter_mut().zip(&exchanges) {
                outcome.count(stream, expected);
            }
            if outcome.silent > 0 {
                break;
            }
        }
        outcome
    }
}

impl Outcome {
    fn count(&mut self, stream: &mut TcpStream, expected: &[String]) {
        // One hung connection shows that the server hangs: the others need not be waited for.
        if self.silent > 0 {
            return;
        }
        for text in expected {
            match answer(stream) {
                Some(answer) if answer == *text => self.right += 1,
                Some(_) => self.wrong += 1,
                None => {
                    self.silent += 1;
                    return;
                }
            }
        }
    }
}

fn message(text: &str) -> [u8; MESSAGE] {
    let mut padded = String::with_capacity(MESSAGE);
    writeln!(padded, "{text:<15}").unwrap();
    padded.into_bytes().try_into().expect("a message of at most 15 bytes")
}

/// One answer without its padding, or `None` where none comes.
fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = [0; MESSAGE];
    match stream.read_exact(&mut bytes) {
        Ok(()) => Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => panic!("the server ended the connection: {error}"),
    }
}
