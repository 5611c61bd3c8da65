//! Connections that go away while the server's work for them is parked.

use crate::crowd::{Hello, Tally, Transport, reset_at_close};
use crate::{HarnessError, Preload, Server, Shim, stats, usage, wait};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Threads that open connections.
const CLIENTS: usize = 8;
/// Every job takes up to so long, in microseconds: the client is gone long before.
const DELAY_MAX_US: u32 = 60_000;
/// Connections that the server has open, at most, most of them gone: what it needs at once is then the same all the
/// time, however fast the machine is. (Those that are parked are not all: others wait for their turn.)
const OPEN: usize = 32;
/// How often a client looks whether its handshake has begun.
const PAUSE: Duration = Duration::from_micros(500);
/// How long the server may take for one part.
const PATIENCE: Duration = Duration::from_secs(300);
/// The first heavy call of a handshake of TLS 1.3: there is one for each connection. Those of the
/// first ones run in place, until the thread is armed; all others are parked.
const BEGUN: [&str; 2] = ["job.keygen.submitted", "job.keygen.in_place"];

/// The shim over an engine that is slow, and does nothing wrong.
pub(super) fn preload() -> Result<Preload, HarnessError> {
    let shim = Shim::find()?
        .mode("coroutine")
        .with("INTERLUDE_ENGINE", "chaos")
        .with_every_job()
        .with("INTERLUDE_CHAOS_DELAY_MAX_US", DELAY_MAX_US);
    let shares = ["FAIL", "HANG", "LATE", "TWICE", "WRONG"];
    Ok(Preload::Shim(
        shares.iter().fold(shim, |shim, share| shim.with(&format!("INTERLUDE_CHAOS_{share}"), 0)),
    ))
}

/// Opens `count` connections, says hello, and resets each as soon as the server has begun as many
/// handshakes, unless it has been answered by then.
pub(super) fn abort(server: &Server, count: usize, tally: &mut Tally) {
    let hello = match Hello::of(&Transport::tls13()) {
        Ok(hello) => hello,
        Err(error) => return tally.fail(error),
    };
    // One process: a look at it must be cheap. A master answers before its workers are there.
    let mut worker = None;
    wait::until(PATIENCE, || {
        worker = server.workers().into_iter().find(|pid| stats::read(*pid).is_ok());
        worker.is_some()
    });
    let Some(worker) = worker else { return tally.fail("no worker has counters") };
    let look = || {
        let Ok(page) = stats::read(worker) else { return 0 };
        BEGUN.iter().map(|name| page.counter(name)).sum()
    };
    let before = look();
    let quiet = usage::open_fds(worker).unwrap_or_default();
    let handshakes = AtomicU64::new(0);
    let given_up = AtomicBool::new(false);
    let clients = Clients {
        port: server.ports().tls,
        hello,
        count,
        handshakes: &handshakes,
        worker,
        quiet,
        given_up: &given_up,
    };
    let begun = AtomicU64::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| clients.run(&begun))).collect();
        let came = wait::closely(PATIENCE, || {
            let begun: u64 = look();
            handshakes.store(begun.saturating_sub(before), Ordering::Release);
            clients.iter().all(thread::ScopedJoinHandle::is_finished)
        });
        given_up.store(true, Ordering::Relaxed);
        for client in clients {
            tally.add(client.join().unwrap_or_default());
        }
        if !came {
            let handshakes = handshakes.load(Ordering::Relaxed);
            tally.fail(format!("{handshakes} handshakes begun, not {count}"));
        }
    });
}

/// What all clients know.
struct Clients<'a> {
    port: u16,
    hello: Hello,
    count: usize,
    /// Handshakes that the server has begun.
    handshakes: &'a AtomicU64,
    worker: u32,
    /// Files that it has open without any connection.
    quiet: usize,
    given_up: &'a AtomicBool,
}

impl Clients<'_> {
    fn run(&self, begun: &AtomicU64) -> Tally {
        let mut tally = Tally::default();
        loop {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            if number >= self.count as u64 || self.given_up.load(Ordering::Relaxed) {
                return tally;
            }
            tally.connections += 1;
            match self.one(number) {
                Ok(true) => tally.aborted += 1,
                Ok(false) => tally.requests += 1,
                Err(error) => tally.fail(HarnessError::new("a hello", error)),
            }
        }
    }

    fn pause_while(&self, goes_on: impl Fn() -> bool) {
        while goes_on() && !self.given_up.load(Ordering::Relaxed) {
            thread::sleep(PAUSE);
        }
    }

    /// Whether it was reset before the server had said anything.
    fn one(&self, number: u64) -> std::io::Result<bool> {
        let open = || usage::open_fds(self.worker).unwrap_or_default().saturating_sub(self.quiet);
        self.pause_while(|| open() >= OPEN);
        let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        reset_at_close(&tcp)?;
        tcp.write_all(self.hello.bytes())?;
        self.pause_while(|| self.handshakes.load(Ordering::Acquire) <= number);
        tcp.set_nonblocking(true)?;
        match tcp.read(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            other => other.map(|_| false),
        }
    }
}
