//! Whatever an engine does, a client sees what the stock server would have sent: stock nginx and
//! lighttpd over the `chaos` engine.

use interlude_test_apps::crowd::{Crowd, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, Shim, WebOptions, WebServer};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// The shim over an engine that does all jobs, but for what is set.
fn shim(mode: &str) -> Shim {
    ["FAIL", "HANG", "LATE", "TWICE", "WRONG"]
        .into_iter()
        .fold(Shim::find().unwrap().mode(mode), |shim, share| shares(shim, &[share], 0))
        .with("INTERLUDE_ENGINE", "chaos")
        .with("INTERLUDE_CHAOS_SEED", 20)
        .with("INTERLUDE_CHAOS_DELAY_MAX_US", 2000)
        .with_every_job()
        .with("INTERLUDE_CHECK", "all")
        .with("INTERLUDE_DEADLINE_MS", 50)
        .with("INTERLUDE_QUARANTINE_MS", 1)
}

fn shares(shim: Shim, names: &[&str], percent: u32) -> Shim {
    names.iter().fold(shim, |shim, name| shim.with(&format!("INTERLUDE_CHAOS_{name}"), percent))
}

/// A server after that many full handshakes with as many answers, all of them right.
fn after_load(server: WebServer, shim: Shim, clients: usize, requests: usize) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let (options, preload) = (WebOptions::default(), Preload::Shim(shim));
    let (reference, server) = place.beside_stock(server, &options, &preload).unwrap();
    for transport in [Transport::tls13(), Transport::tls12()] {
        let crowd = Crowd { keep_alive: false, ..Crowd::new(transport, clients, requests / 2) };
        let tally = crowd.run(server.ports().tls, &reference);
        assert!(tally.clean(), "{tally}");
    }
    assert!(server.wait_for(PATIENCE, Server::rests));
    assert_eq!(server.alarms(), [] as [String; 0]);
    assert_eq!(server.counter("panics"), 0);
    server
}

/// Every job that was given to the engine was used, or done in place. (One that had wrong results
/// was both.)
fn adds_up(server: &Server) {
    let of_jobs = |event: &str| -> u64 {
        let kinds = ["sign", "derive", "keygen", "decrypt", "deflate", "compress"];
        kinds.iter().map(|kind| server.counter(&format!("job.{kind}.{event}"))).sum()
    };
    let of_engine = |event: &str| server.counter(&format!("engine.{event}"));
    let in_place = of_engine("redone") + of_engine("recalled") - of_engine("wrong");
    assert_eq!(of_jobs("submitted"), of_jobs("completed") + in_place);
}

fn survives_every_fault(server: WebServer) {
    let shim = shares(shim("coroutine"), &["FAIL", "HANG", "LATE", "TWICE", "WRONG"], 5);
    let server = after_load(server, shim, 16, 320);
    for counter in ["failed", "late", "dropped", "wrong", "redone"] {
        let name = format!("engine.{counter}");
        assert!(server.counter(&name) > 0, "{name}");
    }
    adds_up(&server);
    assert!(server.counter("coroutine.parked") > 0);
}

#[test]
fn nginx_survives_every_fault() {
    survives_every_fault(WebServer::Nginx);
}

#[test]
fn lighttpd_survives_every_fault() {
    survives_every_fault(WebServer::Lighttpd);
}

/// Nothing that comes of an engine wakes the loop here: its own deadlines must.
fn survives_an_engine_that_hangs(server: WebServer, mode: &str) {
    let shim = shares(shim(mode), &["HANG"], 100).with("INTERLUDE_QUARANTINE_MS", 600_000);
    let server = after_load(server, shim, 8, 64);
    let count = |name: &str| server.counter(name);
    assert!(count("engine.late") > 0);
    // While it is silent and has a job, or in quarantine.
    assert!(count("bypass.late") + count("bypass.quarantine") > 0);
    assert_eq!(count("engine.late"), count("engine.redone"));
    assert_eq!(count("engine.returned"), 0);
}

#[test]
fn nginx_survives_an_engine_that_hangs() {
    survives_an_engine_that_hangs(WebServer::Nginx, "coroutine");
    survives_an_engine_that_hangs(WebServer::Nginx, "block");
}

#[test]
fn lighttpd_survives_an_engine_that_hangs() {
    survives_an_engine_that_hangs(WebServer::Lighttpd, "coroutine");
    survives_an_engine_that_hangs(WebServer::Lighttpd, "spin");
}

/// In the middle of a run, for good.
#[test]
fn an_engine_that_comes_to_hang_is_done_without() {
    // Before that, nothing is to be late that only waits for a processor.
    let settings = shim("coroutine")
        .with("INTERLUDE_CHAOS_HANG_AFTER", 40)
        .with("INTERLUDE_DEADLINE_MS", 2000)
        .with("INTERLUDE_QUARANTINE_MS", 600_000);
    let server = after_load(WebServer::Nginx, settings, 8, 64);
    let count = |name: &str| server.counter(name);
    assert!(count("engine.late") > 0 && count("coroutine.parked") >= 40);
    assert!(count("bypass.late") + count("bypass.quarantine") > 0);
}

#[test]
fn an_engine_that_always_lies_is_found_out() {
    let shim = shares(shim("coroutine"), &["WRONG"], 100);
    let server = after_load(WebServer::Nginx, shim.with("INTERLUDE_QUARANTINE_MS", 600_000), 8, 64);
    assert!(server.counter("engine.wrong") > 0);
    assert!(server.counter("engine.quarantined") > 0);
}

#[test]
fn what_waits_its_turn_is_not_redone() {
    let server = after_load(
        WebServer::Nginx,
        shim("coroutine")
            .with("INTERLUDE_ENGINE", "cores")
            .with("INTERLUDE_CORES_THREADS", 1)
            .with("INTERLUDE_DEADLINE_MS", 10_000),
        16,
        64,
    );
    for counter in ["failed", "late", "dropped", "wrong", "redone", "quarantined"] {
        assert_eq!(server.counter(&format!("engine.{counter}")), 0, "{counter}");
    }
}

#[test]
fn the_seed_is_said_once() {
    let shim = shim("coroutine");
    let server = after_load(WebServer::Lighttpd, shim, 2, 8);
    let said = server.log().matches("engine chaos, INTERLUDE_CHAOS_SEED=20").count();
    assert_eq!(said, 1, "{}", server.log());
}
