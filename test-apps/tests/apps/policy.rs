//! Where calls are made: by size, by the class of the port that a connection came by, and by what the engine takes.
//! Over an emulated device, on a server that compresses one object for each request.

use crate::app::{PATIENCE, coroutine};
use interlude_test_apps::objects::{self, Corpora, Kind, Request};
use interlude_test_apps::{AppServer, free_port};
use std::io::Write;
use std::net::TcpStream;
use tempfile::NamedTempFile;

/// Requests of a kind.
const SOME: u64 = 20;
/// Bytes that take long to compress at a high level.
const LONG: u32 = 65536;
const DEVICE: [(&str, &str); 2] = [
    ("INTERLUDE_ENGINE", "device"),
    // A machine that does much else: nothing is to be late by the guard.
    ("INTERLUDE_DEADLINE_MS", "30000"),
];

/// A server with two ports.
struct Server {
    app: AppServer,
    ports: [u16; 2],
    corpora: Corpora,
}

/// How often a call has been parked, waited for, and made in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calls {
    parked: u64,
    waited: u64,
    in_place: u64,
}

impl Server {
    /// The first port has the class latency, the other batch. One request has been answered, in place.
    fn start(more: &[(&str, &str)]) -> Self {
        let ports = [free_port().unwrap(), free_port().unwrap()];
        let classes = format!("{}=latency,{}=batch", ports[0], ports[1]);
        Self::start_on(ports, &[&[("INTERLUDE_POLICY_PORTS", classes.as_str())], more].concat())
    }

    fn start_on(ports: [u16; 2], more: &[(&str, &str)]) -> Self {
        Self::start_at(1, ports, more)
    }

    fn start_at(level: u32, ports: [u16; 2], more: &[(&str, &str)]) -> Self {
        let set = [&DEVICE[..], more].concat();
        let app = objects::start_on(&ports, "libdeflate", level, &coroutine(&set), &[]).unwrap();
        let server = Self { app, ports, corpora: Corpora::default() };
        assert_eq!(server.ask(1, 8192, 1), Calls { parked: 0, waited: 0, in_place: 1 });
        server
    }

    fn calls(&self) -> Calls {
        let count = |name: &str| self.app.counter(&format!("job.compress.{name}"));
        let (submitted, waited) = (count("submitted"), count("waited"));
        // On the helper thread the library calls another function of its own, which is in place there.
        // (Where results are remembered it does not: then that number says nothing.)
        let in_place = count("in_place").wrapping_sub(submitted);
        Calls { parked: submitted - waited, waited, in_place }
    }

    /// What becomes of so many requests for an object of that size, one after the other, on one connection.
    fn ask(&self, port: usize, size: u32, requests: u64) -> Calls {
        let before = self.calls();
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports[port])).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = Request::Compress { kind: Kind::Html, which: 3, size };
        for _ in 0..requests {
            let (_, result) = request.ask(&mut stream).unwrap();
            assert!(self.corpora.is_right(request, &result));
        }
        let after = self.calls();
        Calls {
            parked: after.parked - before.parked,
            waited: after.waited - before.waited,
            in_place: after.in_place.wrapping_sub(before.in_place),
        }
    }
}

/// A device that takes so long for a compression.
fn description(latency_ns: u64) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    write!(
        file,
        "name = \"of one time\"\nqueue = 64\nunits = 1\nring = 64\n\
         [operations.compress]\nsetup_ns = 100\nlatency_ns = {latency_ns}\n"
    )
    .unwrap();
    file
}

/// The engine `chaos`: what does no damage to what is compared here, but for what is set besides.
const CHAOS: [(&str, &str); 7] = [
    ("INTERLUDE_ENGINE", "chaos"),
    ("INTERLUDE_MIN_US", "0"),
    ("INTERLUDE_CHAOS_DELAY_MAX_US", "1000"),
    ("INTERLUDE_CHAOS_HANG", "0"),
    ("INTERLUDE_CHAOS_FAIL", "5"),
    ("INTERLUDE_CHAOS_LATE", "0"),
    ("INTERLUDE_CHAOS_TWICE", "0"),
];

const PARKED: Calls = Calls { parked: SOME, waited: 0, in_place: 0 };
const WAITED: Calls = Calls { parked: 0, waited: SOME, in_place: 0 };
const IN_PLACE: Calls = Calls { parked: 0, waited: 0, in_place: SOME };

#[test]
fn a_connections_calls_have_its_ports_class() {
    let server = Server::start(&[("INTERLUDE_DEFLATE_MIN", "4096")]);
    for _ in 0..2 {
        assert_eq!(server.ask(0, 8192, SOME), WAITED);
        assert_eq!(server.ask(1, 8192, SOME), PARKED);
    }
    assert_eq!(server.ask(0, 1024, SOME), IN_PLACE);
    assert_eq!(server.ask(1, 1024, SOME), IN_PLACE);
    assert_eq!(server.app.counter("coroutine.parked"), 2 * SOME);
    assert_eq!(server.app.counter("bypass.small"), 2 * SOME);
    server.app.stop().unwrap();
}

#[test]
fn a_port_that_is_not_named_has_the_processs_class() {
    let ports = [free_port().unwrap(), free_port().unwrap()];
    let batch = format!("{}=batch", ports[1]);
    let set = [("INTERLUDE_POLICY_CLASS", "latency"), ("INTERLUDE_POLICY_PORTS", batch.as_str())];
    let server = Server::start_on(ports, &set);
    assert_eq!(server.ask(0, 8192, SOME), WAITED);
    assert_eq!(server.ask(1, 8192, SOME), PARKED);
    server.app.stop().unwrap();
}

#[test]
fn thresholds_are_the_engines_the_kinds_and_the_classes() {
    let mut file = NamedTempFile::new().unwrap();
    let text = "[policy.thresholds.device.compress]\nbatch_from = 4096\nlatency_from = \"never\"\n\
                [policy.thresholds.device.deflate]\nbatch_from = \"never\"\n\
                [policy.thresholds.cores.compress]\nbatch_from = \"never\"\n";
    file.write_all(text.as_bytes()).unwrap();
    let server = Server::start(&[("INTERLUDE_CONFIG", file.path().to_str().unwrap())]);
    assert_eq!(server.ask(1, 4096, SOME), PARKED);
    assert_eq!(server.ask(1, 4095, SOME), IN_PLACE);
    assert_eq!(server.ask(0, 65536, SOME), IN_PLACE);
    server.app.stop().unwrap();
}

/// The device takes 30 ms for what takes this thread some 30 us.
#[test]
fn what_a_slow_engine_does_is_left_to_it_only_where_no_times_are_looked_at() {
    let device = description(30_000_000);
    let slow = ("INTERLUDE_DEVICE_DESCRIPTION", device.path().to_str().unwrap());
    let looks = ("INTERLUDE_MIN_US", "1");
    let server = Server::start(&[slow, looks]);
    for port in [0, 1] {
        // The first ones tell what it takes,
        server.ask(port, 8192, SOME);
        // and now and then one is tried.
        let Calls { parked, waited, in_place } = server.ask(port, 8192, SOME);
        assert!(in_place >= SOME / 2, "{parked} {waited} {in_place}");
    }
    // To hand the first one over, threads were started: that may have taken longer than the call, too.
    let why = ["class", "small"].map(|why| server.app.counter(&format!("bypass.{why}")));
    assert!(why[0] >= SOME / 2 && why[0] + why[1] >= SOME, "{why:?}");
    server.app.stop().unwrap();
    for never in [("INTERLUDE_POLICY_LOAD", "off"), ("INTERLUDE_MIN_US", "0")] {
        let server = Server::start(&[slow, looks, never]);
        assert_eq!(server.ask(0, 8192, SOME), WAITED);
        assert_eq!(server.ask(1, 8192, SOME), PARKED);
        server.app.stop().unwrap();
    }
}

/// A lone client, beside whom nobody is served: its calls are parked all the same, again and again.
#[test]
fn a_loop_does_not_rest_where_the_engine_is_quicker() {
    let device = description(1000);
    let ports = [free_port().unwrap(), free_port().unwrap()];
    let set = [
        ("INTERLUDE_DEVICE_DESCRIPTION", device.path().to_str().unwrap()),
        ("INTERLUDE_DEVICE_RESULTS", "remembered"),
        ("INTERLUDE_MIN_US", "1"),
        ("INTERLUDE_LOOP_REST_AFTER", "64"),
    ];
    let server = Server::start_at(9, ports, &set);
    // What takes several milliseconds in place is sped up also where a thread is woken late.
    server.ask(1, LONG, 64);
    let rested = server.app.counter("loop.rested");
    let submitted = server.app.counter("job.compress.submitted");
    server.ask(1, LONG, 256);
    assert_eq!(server.app.counter("loop.rested"), rested);
    let submitted = server.app.counter("job.compress.submitted") - submitted;
    assert!(submitted > 128, "{submitted} of 256");
    server.app.stop().unwrap();
}

/// Completions of the parked ones come while the thread waits for another's.
#[test]
fn those_that_are_parked_and_those_that_are_waited_for_get_their_own_answers() {
    let server = Server::start(&CHAOS);
    std::thread::scope(|scope| {
        for client in 0..12 {
            let server = &server;
            scope.spawn(move || server.ask(usize::from(client % 3 > 0), 8192, SOME));
        }
    });
    let count = |name: &str| server.app.counter(name);
    assert!(count("job.compress.waited") > 0 && count("coroutine.parked") > 0);
    assert_eq!(count("coroutine.parked"), count("coroutine.resumed"));
    server.app.stop().unwrap();
}

/// One deadline, and not one for each call: from then on a call waits by itself, until the engine answers.
#[test]
fn a_silent_engine_is_not_waited_for_by_all() {
    let silent = [
        ("INTERLUDE_CHAOS_HANG", "100"),
        ("INTERLUDE_CHAOS_FAIL", "0"),
        ("INTERLUDE_DEADLINE_MS", "50"),
        ("INTERLUDE_QUARANTINE_MS", "0"),
    ];
    let server = Server::start(&[&CHAOS[..], &silent].concat());
    server.ask(0, 8192, 4);
    let count = |name: &str| server.app.counter(name);
    assert_eq!(count("job.compress.waited"), 1);
    assert!(count("coroutine.parked") >= 3);
    server.app.stop().unwrap();
}
