//! The client: some connections in a closed loop, served by one thread. Each has one message of several requests
//! out at a time, and every answer is compared with what it has to be.
//!
//! A message of several: the thesis's threads each make a hundred requests in a row within the process; here
//! system calls would cost more than most requests do. The server answers a message's requests one after the other, as
//! such a thread does.
//!
//! Latencies are the server's, by its own clock, from when it takes a request out of its message to when the
//! answer is there: what the thesis measures, too. The client's own would be those of messages. The
//! server reads the time-stamp counter: `clock_gettime` stands still while coroutines are parked (C5).

use crate::bench::gets::pin;
use crate::bench::interrupt;
use crate::failure::Failure;
use interlude_test_apps::objects::{ANSWER, Answer, Corpora, Request};
use interlude_test_apps::usage::Status;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// What each request's answer has to be: length and checksum.
#[derive(Debug, Default)]
pub(crate) struct Expected(BTreeMap<Request, (u32, u32)>);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Of each request, in the server, in nanoseconds.
    pub(crate) nanoseconds: Vec<u32>,
    /// Answers that were not what they had to be.
    pub(crate) errors: u64,
    /// Seconds.
    pub(crate) elapsed: f64,
    /// CPU time of this client, in seconds.
    pub(crate) cpu: f64,
}

impl Report {
    /// The latency below which this share of the requests was, in microseconds.
    pub(crate) fn quantile_us(&mut self, share: f64) -> f64 {
        let rank = (share * self.nanoseconds.len() as f64).ceil() as usize;
        let at = rank.clamp(1, self.nanoseconds.len().max(1)) - 1;
        if at >= self.nanoseconds.len() {
            return 0.0;
        }
        f64::from(*self.nanoseconds.select_nth_unstable(at).1) / 1e3
    }

    /// Of a hundred requests, those that took less than so many microseconds.
    pub(crate) fn percent_under_us(&self, us: u32) -> f64 {
        let under = self.nanoseconds.iter().filter(|ns| **ns < us * 1000).count();
        100.0 * under as f64 / self.nanoseconds.len().max(1) as f64
    }

    /// The mean latency in microseconds.
    pub(crate) fn mean_us(&self) -> f64 {
        let sum: f64 = self.nanoseconds.iter().map(|ns| f64::from(*ns)).sum();
        sum / 1e3 / self.nanoseconds.len().max(1) as f64
    }
}

impl Expected {
    /// Asks for each with its result, by one connection, and looks whether that becomes the object again.
    ///
    /// # Errors
    /// Where a result does not, or does not come.
    pub(crate) fn ask(
        &mut self,
        port: u16,
        requests: impl IntoIterator<Item = Request>,
        corpora: &Corpora,
    ) -> Result<(), Failure> {
        let ask = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let failed = |error: io::Error| Failure::not_so(format!("objects: {error}"));
        let mut stream = ask().map_err(failed)?;
        for request in requests {
            let (answer, result) = request.ask(&mut stream).map_err(failed)?;
            if !corpora.is_right(request, &result) {
                let line = format!("the server's answer to {request:?} is not the object");
                return Err(Failure::not_so(line));
            }
            self.0.insert(request, (answer.length, answer.checksum));
        }
        Ok(())
    }
}

/// What is asked, by how many, for how long.
#[derive(Debug)]
pub(crate) struct Asks<'a> {
    pub(crate) port: u16,
    pub(crate) connections: u32,
    /// Requests in a message.
    pub(crate) pipeline: usize,
    pub(crate) sequence: &'a [Request],
    pub(crate) expected: &'a Expected,
    pub(crate) time: Duration,
}

struct Link {
    stream: TcpStream,
    /// Where in the sequence its next message begins.
    next: usize,
    /// Requests that were sent and not answered, the next one's place first.
    asked: usize,
    left: usize,
    bytes: Vec<u8>,
}

impl Asks<'_> {
    /// Asks, from a thread of its own on these CPUs.
    pub(crate) fn run(&self, cpus: &[usize]) -> Result<Report, Failure> {
        let report = thread::scope(|scope| {
            let body = || {
                pin(cpus)?;
                self.ask()
            };
            let thread = thread::Builder::new().spawn_scoped(scope, body)?;
            thread.join().map_err(|_| io::Error::other("the client panicked"))?
        });
        interrupt::check()?;
        report.map_err(|error| Failure::not_so(format!("requests: {error}")))
    }

    fn ask(&self) -> io::Result<Report> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut links = Vec::new();
        for number in 0..self.connections {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(number.into()), EventFlags::IN)?;
            let next = number as usize * self.sequence.len() / self.connections as usize;
            links.push(Link { stream, next, asked: next, left: 0, bytes: Vec::new() });
        }
        let expected: Vec<(Request, Option<(u32, u32)>)> = self
            .sequence
            .iter()
            .map(|request| (*request, self.expected.0.get(request).copied()))
            .collect();
        let (begin, cpu) = (Instant::now(), own_cpu());
        let end = begin + self.time;
        let mut report = Report::default();
        for link in &mut links {
            self.send(link)?;
        }
        let mut under_way = links.len();
        let mut events: Vec<Event> = Vec::with_capacity(128);
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        let mut received = [0; 64 * 1024];
        while under_way > 0 {
            events.clear();
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience))?;
            if events.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            let goes_on = Instant::now() < end && !interrupt::requested();
            for event in &events {
                let number = { event.data }.u64() as usize;
                let Some(link) = links.get_mut(number) else { continue };
                link.receive(&mut received)?;
                link.compare(&expected, &mut report);
                if link.left == 0 {
                    if goes_on {
                        self.send(link)?;
                    } else {
                        under_way -= 1;
                    }
                }
            }
        }
        report.elapsed = begin.elapsed().as_secs_f64();
        report.cpu = own_cpu().saturating_sub(cpu).as_secs_f64();
        Ok(report)
    }

    /// One message: it fits into any socket's buffer.
    fn send(&self, link: &mut Link) -> io::Result<()> {
        let all = self.sequence.iter().cycle().skip(link.next).take(self.pipeline);
        let message: Vec<u8> = all.flat_map(|request| request.bytes(false)).collect();
        (link.asked, link.left) = (link.next, self.pipeline);
        link.next = (link.next + self.pipeline) % self.sequence.len().max(1);
        link.stream.write_all(&message)
    }
}

impl Link {
    fn receive(&mut self, room: &mut [u8]) -> io::Result<()> {
        match self.stream.read(room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.bytes.extend_from_slice(&room[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn compare(&mut self, sequence: &[(Request, Option<(u32, u32)>)], report: &mut Report) {
        let whole = self.bytes.len() / ANSWER * ANSWER;
        for answer in self.bytes.chunks_exact(ANSWER).filter_map(Answer::parse) {
            let expected = sequence.get(self.asked);
            self.asked = (self.asked + 1) % sequence.len().max(1);
            self.left = self.left.saturating_sub(1);
            let is_right = expected.is_some_and(|(request, expected)| {
                *expected == Some((answer.length, answer.checksum))
                    && request.which() == answer.which
            });
            report.errors += u64::from(!is_right);
            report.nanoseconds.push(answer.nanoseconds);
        }
        self.bytes.drain(..whole);
    }
}

fn own_cpu() -> Duration {
    Status::of(std::process::id()).map_or(Duration::ZERO, |status| status.cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlude_test_apps::objects::Kind;

    #[test]
    fn latencies_are_sorted_by_need() {
        let mut report =
            Report { nanoseconds: vec![9000, 1000, 20_000, 3000], ..Report::default() };
        assert_eq!((report.quantile_us(0.5), report.quantile_us(0.9)), (3.0, 20.0));
        assert_eq!((report.percent_under_us(10), report.mean_us()), (75.0, 8.25));
        assert_eq!(Report::default().quantile_us(0.5), 0.0);
    }

    #[test]
    fn answers_that_differ_or_are_another_objects_are_errors() {
        let request = |which| Request::Compress { kind: Kind::Html, which, size: 64 };
        let sequence = [(request(1), Some((10, 77))), (request(2), Some((20, 88)))];
        let answer = |length: u32, checksum: u32, which: u32| {
            [length, checksum, 5000, which].map(u32::to_le_bytes).concat()
        };
        let cases = [
            ([answer(10, 77, 1), answer(20, 88, 2)], 0),
            ([answer(10, 78, 1), answer(20, 88, 2)], 1),
            ([answer(11, 77, 1), answer(20, 88, 1)], 2),
            ([answer(20, 88, 2), answer(10, 77, 1)], 2),
        ];
        for (answers, errors) in cases {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut bytes = answers.concat();
            // What follows is the beginning of one that has yet to come.
            bytes.extend([1, 2, 3]);
            let mut link = Link { stream, next: 0, asked: 0, left: 2, bytes };
            let mut report = Report::default();
            link.compare(&sequence, &mut report);
            assert_eq!((report.errors, report.nanoseconds.len(), link.left), (errors, 2, 0));
            assert_eq!(link.bytes, [1, 2, 3]);
        }
    }
}
