//! Stock nginx over the engine `device`: whatever an emulated device takes and when, a client sees what the
//! stock server would have sent.

use interlude_test_apps::crowd::{Answer, Crowd, Page, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, Shim, WebOptions, WebServer, stats};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;
use tempfile::NamedTempFile;

const PATIENCE: Duration = Duration::from_secs(20);
/// Clients, and handshakes of all of them, by each version of TLS.
const LOAD: (usize, usize) = (16, 96);
const KINDS: [&str; 6] = ["sign", "derive", "keygen", "decrypt", "deflate", "compress"];

/// A device that does everything that nginx asks for. Some of it takes it longer than a helper thread,
/// some of it less.
fn does_all(queue: u32) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "name = \"does all\"\nqueue = {queue}\nunits = 2\nring = {queue}").unwrap();
    writeln!(file, "dequeue_ns = 100\njitter_percent = 50").unwrap();
    for (operation, latency) in
        [("sign", 2_000_000), ("derive", 1000), ("keygen", 300_000), ("compress", 500_000)]
    {
        writeln!(file, "[operations.{operation}]\nsetup_ns = 1000\nlatency_ns = {latency}")
            .unwrap();
    }
    file
}

fn shim(mode: &str, description: &str) -> Shim {
    Shim::find()
        .unwrap()
        .mode(mode)
        .with("INTERLUDE_ENGINE", "device")
        .with("INTERLUDE_DEVICE_DESCRIPTION", description)
        .with_every_job()
        // A machine that does much else: nothing is to be late by the guard.
        .with("INTERLUDE_DEADLINE_MS", 30_000)
}

/// nginx after the load, all answers being right, and at rest. What was submitted has come back.
fn after_load(shim: Shim) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let (options, preload) = (WebOptions::default(), Preload::Shim(shim));
    let (reference, server) = place.beside_stock(WebServer::Nginx, &options, &preload).unwrap();
    let (clients, requests) = LOAD;
    for transport in [Transport::tls13(), Transport::tls12()] {
        let crowd = Crowd { keep_alive: false, ..Crowd::new(transport, clients, requests) };
        let tally = crowd.run(server.ports().tls, &reference);
        assert!(tally.clean(), "{tally}");
    }
    assert!(server.wait_for(PATIENCE, Server::rests));
    assert_eq!(server.alarms(), [] as [String; 0]);
    for never in ["panics", "engine.failed", "engine.late", "engine.wrong", "engine.redone"] {
        assert_eq!(server.counter(never), 0, "{never}");
    }
    let (submitted, completed) = (of_jobs(&server, "submitted"), of_jobs(&server, "completed"));
    assert_eq!(server.counter("engine.device.submitted"), submitted);
    assert_eq!(server.counter("engine.device.completed"), submitted);
    assert_eq!(submitted, completed + server.counter("engine.recalled"));
    assert_eq!(server.counter("engine.cores.submitted"), 0);
    server
}

fn of_jobs(server: &Server, event: &str) -> u64 {
    KINDS.iter().map(|kind| server.counter(&format!("job.{kind}.{event}"))).sum()
}

#[test]
fn in_each_mode_a_device_does_what_it_is_given() {
    let device = does_all(256);
    for mode in ["coroutine", "block", "spin"] {
        let server = after_load(shim(mode, device.path().to_str().unwrap()));
        for kind in ["sign", "derive", "keygen", "deflate"] {
            assert!(server.counter(&format!("job.{kind}.completed")) > 0, "{mode}: {kind}");
        }
        assert_eq!(server.counter("coroutine.parked") > 0, mode == "coroutine");
        // A key agreement takes the device a microsecond, which no helper can do.
        assert!(server.counter("device.behind") > 0, "{mode}");
        assert_eq!(server.counter("engine.device.refused"), 0, "{mode}");
    }
}

#[test]
fn what_a_full_device_refuses_is_done_in_place() {
    let device = does_all(1);
    let server = after_load(shim("coroutine", device.path().to_str().unwrap()));
    let refused = server.counter("engine.device.refused");
    assert!(refused > 0);
    assert_eq!(server.counter("bypass.refused"), refused);
    assert!(server.counter("engine.device.completed") > 0);
}

#[test]
fn what_a_device_does_not_do_is_done_in_place() {
    let server = after_load(shim("coroutine", "bluefield2-offchip"));
    assert!(server.counter("job.deflate.completed") > 0);
    assert!(server.counter("job.sign.in_place") > 0 && server.counter("bypass.settings") > 0);
    for kind in ["sign", "derive", "keygen", "decrypt"] {
        assert_eq!(server.counter(&format!("job.{kind}.submitted")), 0, "{kind}");
    }
}

#[test]
fn it_is_called_emulated_wherever_it_is_named() {
    let server = after_load(shim("coroutine", "bluefield2-onchip"));
    let line = "interlude: engine device is emulated: BlueField-2, on-chip";
    let said = server.log().matches(line).count();
    assert!(said >= server.workers().len(), "{}", server.log());
    for page in server.stats().unwrap() {
        let fact = |key: &str| page.facts.iter().find(|(known, _)| known == key).unwrap().1.clone();
        assert_eq!(fact("engine"), "device (emulated)");
        assert_eq!(fact("device"), "BlueField-2, on-chip (emulated)");
    }
}

/// nginx with two workers that have one device, which has room for one job.
struct Workers {
    server: Server,
    page: Page,
    _place: Workplace,
}

impl Workers {
    fn start(device: &NamedTempFile) -> Self {
        let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
        let hours = "client_header_timeout 9h; client_body_timeout 9h; send_timeout 9h;";
        let options = WebOptions { workers: 2, http: hours.to_owned(), ..WebOptions::default() };
        let shim = shim("coroutine", device.path().to_str().unwrap());
        let shim = shim.with("INTERLUDE_DEADLINE_MS", 600_000);
        let preload = Preload::Shim(shim);
        let (reference, server) = place.beside_stock(WebServer::Nginx, &options, &preload).unwrap();
        let mut pages = reference.pages().iter();
        let page = pages.find(|page| page.compressed() && (8192..=30_000).contains(&page.size));
        Self { page: page.unwrap().clone(), server, _place: place }
    }

    fn ask(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.ports().plain)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&self.page.request(false)).unwrap();
        stream
    }

    fn is_answered(&self, stream: TcpStream) {
        let answer = Answer::read(&mut BufReader::new(stream)).unwrap();
        self.page.compare(&answer).unwrap();
    }

    /// Asks until a job is in the device, for an answer that will not come.
    fn fill(&self) -> TcpStream {
        for _ in 0..100 {
            let stream = self.ask();
            stream.set_nonblocking(true).unwrap();
            assert!(self.server.wait_for(PATIENCE, |server| {
                server.counter("engine.device.submitted") > 0 || stream.peek(&mut [0]).is_ok()
            }));
            if self.server.counter("engine.device.submitted") > 0 {
                return stream;
            }
            stream.set_nonblocking(false).unwrap();
            self.is_answered(stream);
        }
        panic!("nothing is parked");
    }

    /// Asks these workers until the device has refused a job of theirs; each answer is there, and right.
    fn are_refused(&self, workers: &[u32]) {
        let before = sum(workers, "engine.device.refused");
        assert!(self.server.wait_for(PATIENCE, |_| {
            self.is_answered(self.ask());
            sum(workers, "engine.device.refused") > before
        }));
    }
}

fn sum(workers: &[u32], name: &str) -> u64 {
    workers.iter().map(|pid| stats::read(*pid).map_or(0, |page| page.counter(name))).sum()
}

#[test]
fn workers_of_before_and_after_a_reload_and_killed_ones_have_one_device() {
    let mut device = NamedTempFile::new().unwrap();
    // What it has it does not end.
    let head = "name = \"slow\"\nqueue = 1\nunits = 1\nring = 9\n[operations.compress]";
    write!(device, "{head}\nsetup_ns = 1000\nlatency_ns = 3600000000000").unwrap();
    let workers = Workers::start(&device);
    assert!(workers.server.wait_for(PATIENCE, |server| server.workers().len() == 2));
    let before = workers.server.workers();
    let parked = workers.fill();
    workers.are_refused(&before);
    workers.server.reload().unwrap();
    let mut after = Vec::new();
    assert!(workers.server.wait_for(PATIENCE, |server| {
        after = server.workers();
        after.retain(|pid| !before.contains(pid));
        after.len() == 2
    }));
    workers.are_refused(&after);
    // Whoever has the job is at it until the device is done, or is killed.
    let at_it = |server: &Server| {
        let mut workers = server.workers();
        workers.retain(|pid| before.contains(pid));
        workers
    };
    assert!(workers.server.wait_for(PATIENCE, |server| at_it(server).len() == 1));
    let killed = at_it(&workers.server)[0];
    // SAFETY: kill(2) touches no memory.
    unsafe { libc::kill(killed.cast_signed(), libc::SIGKILL) };
    assert!(workers.server.wait_for(PATIENCE, |server| at_it(server).is_empty()));
    workers.are_refused(&after);
    assert_eq!(sum(&after, "engine.device.submitted"), 0);
    drop(parked);
}
