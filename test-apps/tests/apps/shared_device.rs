//! Two worker processes that have one emulated device. What it has yet to do lasts an hour, so whatever of that is
//! seen here is of its own time, however slow the machine is.

use crate::app::{PATIENCE, coroutine};
use interlude_test_apps::objects::{self, Corpora, Kind, Request};
use interlude_test_apps::{AppServer, free_port, stats, wait};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use tempfile::NamedTempFile;

/// What a job takes where nobody is to see its end.
const HOUR: u64 = 3_600_000_000_000;

/// One unit, and room for so many jobs.
fn description(queue: u32, latency: u64) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    write!(
        file,
        "name = \"slow\"\nqueue = {queue}\nunits = 1\nring = 100\n\
         [operations.compress]\nsetup_ns = 1000\nlatency_ns = {latency}\n"
    )
    .unwrap();
    file
}

/// Two workers: a parent and its child, each with a port of its own.
struct Workers {
    app: AppServer,
    each: [Worker; 2],
    corpora: Corpora,
}

#[derive(Clone, Copy)]
struct Worker {
    pid: u32,
    port: u16,
}

const REQUEST: Request = Request::Compress { kind: Kind::Html, which: 3, size: 8192 };

impl Workers {
    /// Each has answered one request, in place.
    fn start(description: &NamedTempFile, shared: &str) -> Self {
        let ports = [free_port().unwrap(), free_port().unwrap()];
        let preload = coroutine(&[
            ("INTERLUDE_ENGINE", "device"),
            ("INTERLUDE_DEVICE_DESCRIPTION", description.path().to_str().unwrap()),
            ("INTERLUDE_DEVICE_SHARED", shared),
            // Nothing is to be late by the guard.
            ("INTERLUDE_DEADLINE_MS", "600000"),
        ]);
        let app = objects::start_apart(&ports, "libdeflate", 1, &preload).unwrap();
        assert!(wait::until(PATIENCE, || app.pids().len() == 2));
        let pids = app.pids();
        let each = [0, 1].map(|index| Worker { pid: pids[index], port: ports[index] });
        let workers = Self { app, each, corpora: Corpora::default() };
        workers.each.iter().for_each(|worker| workers.is_answered(&mut worker.open()));
        workers
    }

    fn is_answered(&self, stream: &mut TcpStream) {
        let (_, result) = REQUEST.ask(stream).unwrap();
        assert!(self.corpora.is_right(REQUEST, &result));
    }

    /// By all of them.
    fn sum(&self, name: &str) -> u64 {
        self.each.iter().map(|worker| worker.counter(name)).sum()
    }

    /// Ends at once: what is parked would be waited for.
    fn end(self) {
        assert_eq!(self.app.ended(), None);
        self.each.iter().for_each(Worker::kill);
    }
}

impl Worker {
    fn open(&self) -> TcpStream {
        let mut stream = None;
        wait::until(PATIENCE, || {
            stream = TcpStream::connect(("127.0.0.1", self.port)).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn counter(&self, name: &str) -> u64 {
        stats::read(self.pid).map_or(0, |page| page.counter(name))
    }

    fn kill(&self) {
        // SAFETY: kill(2) touches no memory.
        unsafe { libc::kill(self.pid.cast_signed(), libc::SIGKILL) };
    }

    /// Has one more job parked, whose answer nobody waits for.
    fn park(&self) -> TcpStream {
        let (submitted, mut stream) = (self.counter("engine.device.submitted"), self.open());
        stream.write_all(&REQUEST.bytes(true)).unwrap();
        let is_parked = || self.counter("engine.device.submitted") > submitted;
        assert!(wait::until(PATIENCE, is_parked), "{:?}", stats::read(self.pid));
        stream
    }
}

/// How long all their jobs wait for the unit, in jobs: with both of them at the device, after so many of each.
fn waits(shared: &str, of_each: u64) -> f64 {
    let description = description(100, HOUR);
    let workers = Workers::start(&description, shared);
    let streams: Vec<TcpStream> = (0..of_each)
        .flat_map(|_| workers.each.iter().map(Worker::park).collect::<Vec<_>>())
        .collect();
    assert!(wait::until(PATIENCE, || workers.sum("device.busy_ns") == 2 * of_each * HOUR));
    let waited = workers.sum("device.queued_ns") as f64 / HOUR as f64;
    drop(streams);
    workers.end();
    waited
}

#[test]
fn two_workers_have_done_in_a_devices_time_what_one_would_have() {
    // The last of six jobs is done after six hours, each having waited for all that came before it; the last of
    // three by a device of its own after three. What has passed since the first came is less than a sixth of an hour.
    let [shared, apart] = ["on", "off"].map(|shared| waits(shared, 3));
    assert!((14.0..=15.0).contains(&shared), "{shared} hours");
    assert!((5.0..=6.0).contains(&apart), "{apart} hours");
}

#[test]
fn what_a_killed_worker_has_queued_is_in_the_device_until_that_has_done_it() {
    let description = description(3, HOUR);
    let workers = Workers::start(&description, "on");
    let [survivor, killed] = workers.each;
    let streams = [killed.park(), killed.park()];
    killed.kill();
    assert!(wait::until(PATIENCE, || workers.app.pids() == [survivor.pid]));
    let last = survivor.park();
    let queued = || survivor.counter("device.queued_ns");
    assert!(wait::until(PATIENCE, || queued() > 0));
    assert!(queued() > HOUR, "{} ns", queued());
    // The queue is full of a dead worker's jobs; it stops nobody.
    let mut stream = survivor.open();
    for refused in 1..=3 {
        workers.is_answered(&mut stream);
        assert_eq!(survivor.counter("engine.device.refused"), refused);
    }
    drop((streams, last));
    workers.end();
}

#[test]
fn once_it_has_done_them_the_device_is_the_others() {
    let latency = Duration::from_millis(100);
    let description = description(2, u64::try_from(latency.as_nanos()).unwrap());
    let workers = Workers::start(&description, "on");
    let [survivor, killed] = workers.each;
    let streams = [killed.open(), killed.open()].map(|mut stream| {
        stream.write_all(&REQUEST.bytes(true)).unwrap();
        stream
    });
    assert!(wait::until(PATIENCE, || killed.counter("engine.device.submitted") >= 1));
    killed.kill();
    assert!(wait::until(PATIENCE, || workers.app.pids() == [survivor.pid]));
    let mut stream = survivor.open();
    assert!(wait::until(PATIENCE, || {
        workers.is_answered(&mut stream);
        survivor.counter("engine.device.completed") >= 10
    }));
    drop(streams);
    workers.end();
}
