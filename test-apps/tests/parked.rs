//! What the statistics page must tell of a real server: in coroutine mode its heavy calls were
//! parked and came back, in the other modes they ran as the mode says.

use interlude_test_apps::crowd::{Crowd, Hello, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, WebOptions, WebServer};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server in `mode`, with every heavy call a job, after 120 full handshakes and as many compressed answers.
fn after_load(server: WebServer, mode: &str) -> Server {
    loaded(server, &Preload::of_mode_with_every_job(mode).unwrap())
}

fn loaded(server: WebServer, preload: &Preload) -> Server {
    let place = place();
    let (reference, server) = place.beside_stock(server, &WebOptions::default(), preload).unwrap();
    load(&server, &reference, 12, 120);
    server
}

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

/// Full handshakes, each with an answer, by so many clients.
fn load(server: &Server, reference: &Reference, clients: usize, handshakes: usize) {
    let crowd = Crowd { keep_alive: false, ..Crowd::new(Transport::tls13(), clients, handshakes) };
    let tally = crowd.run(server.ports().tls, reference);
    assert!(tally.clean(), "{tally}");
}

fn parks_and_resumes(server: WebServer, kinds: &[&str]) {
    let server = after_load(server, "coroutine");
    let count = |name: &str| server.counter(name);
    // The last event may still be under way when the last client has its answer.
    assert!(server.wait_for(PATIENCE, Server::rests));
    assert!(count("coroutine.parked") > 0);
    // One at least of each connection that came after the first burst, which arms the thread.
    assert!(count("event.delivered") >= 60, "{}", count("event.delivered"));
    let sum = |event: &str| -> u64 {
        kinds.iter().map(|kind| count(&format!("job.{kind}.{event}"))).sum()
    };
    for kind in kinds {
        assert!(count(&format!("job.{kind}.submitted")) > 0, "no {kind} was submitted");
    }
    // What the engine had not begun in a drain was done in place.
    assert_eq!(sum("submitted"), sum("completed") + count("engine.recalled"));
    assert_eq!(count("panics"), 0);
}

fn runs_in_place(server: WebServer, mode: &str) {
    let server = after_load(server, mode);
    assert_eq!(server.counter("coroutine.parked"), 0);
    assert_eq!(server.counter("job.sign.submitted"), 0);
    assert!(server.counter("job.sign.in_place") >= 120);
}

fn waits_for_the_engine(server: WebServer, mode: &str) {
    let server = after_load(server, mode);
    assert_eq!(server.counter("coroutine.parked"), 0);
    assert!(server.counter("job.sign.completed") >= 120);
    assert_eq!(server.counter("job.sign.submitted"), server.counter("job.sign.completed"));
}

#[test]
fn nginx_parks_signatures_and_compressions() {
    parks_and_resumes(WebServer::Nginx, &["sign", "derive", "keygen", "deflate"]);
}

#[test]
fn lighttpd_parks_signatures() {
    parks_and_resumes(WebServer::Lighttpd, &["sign", "derive", "keygen"]);
}

/// lighttpd reads from connections as soon as it has accepted them. Clients whose first bytes are
/// there by then must not have their handshakes done one after the other, in the listener's event: not
/// even where no connection has ever had an event of its own in which it might have parked.
#[test]
fn connections_begin_in_events_of_their_own() {
    let place = place();
    let preload = Preload::of_mode_with_every_job("coroutine").unwrap();
    let server = WebServer::Lighttpd;
    let server =
        server.start(&WebOptions::default(), &place.site, &place.certificates, &preload).unwrap();
    // The first burst arms the thread, the second shows that such calls park.
    for _ in 0..2 {
        burst(&server);
    }
    let put_off = server.counter("event.put_off");
    burst(&server);
    assert_eq!(server.counter("event.put_off"), put_off + BURST as u64);
}

const BURST: usize = 8;

/// So many clients whose first bytes are there when the server comes to accept them; until the last of
/// them has had its key made.
fn burst(server: &Server) {
    // (What the engine has not begun in a drain is made in place.)
    let made = |s: &Server| s.counter("job.keygen.completed") + s.counter("job.keygen.in_place");
    let before = made(server);
    let clients = Hello::of(&Transport::tls13()).unwrap().burst(server, BURST).unwrap();
    assert!(server.wait_for(PATIENCE, |s| made(s) >= before + BURST as u64));
    drop(clients);
}

/// With a limit that nothing reaches, what was measured once runs in place.
#[test]
fn calls_that_are_known_to_be_short_run_in_place() {
    let preload = match Preload::of_mode("coroutine").unwrap() {
        Preload::Shim(shim) => Preload::Shim(shim.with("INTERLUDE_MIN_US", "1000000000")),
        Preload::Stock => unreachable!("the shim was asked for"),
    };
    let (place, options) = (place(), WebOptions::default());
    let (reference, server) = place.beside_stock(WebServer::Nginx, &options, &preload).unwrap();
    let counts = || {
        ["sign", "derive", "keygen"].map(|kind| {
            let count = |event: &str| server.counter(&format!("job.{kind}.{event}"));
            (count("submitted"), count("in_place"))
        })
    };
    // A lone client: beside others calls would begin before the first of them has ended.
    load(&server, &reference, 1, 3);
    let measured = counts();
    load(&server, &reference, 12, 120);
    let after = measured.map(|(submitted, in_place)| (submitted, in_place + 120));
    assert_eq!(counts(), after);
    assert!(measured.iter().all(|(submitted, _)| *submitted <= 1), "{measured:?}");
}

#[test]
fn inline_runs_every_job_in_place() {
    runs_in_place(WebServer::Nginx, "inline");
    runs_in_place(WebServer::Lighttpd, "inline");
}

#[test]
fn block_and_spin_use_the_engine_and_park_nothing() {
    waits_for_the_engine(WebServer::Nginx, "block");
    waits_for_the_engine(WebServer::Nginx, "spin");
    waits_for_the_engine(WebServer::Lighttpd, "block");
    waits_for_the_engine(WebServer::Lighttpd, "spin");
}

#[test]
fn off_publishes_nothing() {
    let server = after_load(WebServer::Nginx, "off");
    assert_eq!(server.counter("event.delivered") + server.counter("job.sign.in_place"), 0);
}
