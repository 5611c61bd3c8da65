//! Passes on helper threads, in stock servers: every answer is right, also where workers are replaced
//! while helpers are at it.

use crate::{PATIENCE, is_missing, passes, place, rested};
use interlude_test_apps::crowd::{Crowd, Reference, Tally, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{KeyKind, Preload, Server, Shim, WebOptions, WebServer};
use std::fs;
use std::thread;

fn options(key: KeyKind, workers: u32) -> WebOptions {
    WebOptions { key, workers, gzip: None, ..WebOptions::default() }
}

fn start(
    server: WebServer,
    options: &WebOptions,
    place: &Workplace,
    threads: u32,
) -> (Server, Reference) {
    let start = |preload: &Preload| {
        server.start(options, &place.site, &place.certificates, preload).unwrap()
    };
    let stock = start(&Preload::Stock);
    let reference = Reference::take(stock.ports().plain, &place.site, false).unwrap();
    let shim = Shim::find().unwrap().mode("coroutine").with("INTERLUDE_ENGINE", "simd");
    let server = start(&Preload::Shim(shim.with("INTERLUDE_SIMD_THREADS", threads)));
    (server, reference)
}

fn load(server: &Server, reference: &Reference, transport: Transport, requests: usize) -> Tally {
    let crowd = Crowd { keep_alive: false, ..Crowd::new(transport, 24, requests) };
    crowd.run(server.ports().tls, reference)
}

/// Threads of the workers that bear such a name.
fn helpers(server: &Server) -> usize {
    let is_helper = |path: std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("interlude-"))
    };
    let of = |pid: u32| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.filter(|task| is_helper(task.path())).count()
    };
    let all = server.workers().into_iter().chain([server.master()]);
    all.collect::<std::collections::BTreeSet<_>>().into_iter().map(of).sum()
}

fn are_helped(server: WebServer, key: KeyKind, kind: &str, threads: u32) {
    if is_missing() {
        return;
    }
    let place = place();
    let (server, reference) = start(server, &options(key, 1), &place, threads);
    for transport in [Transport::tls13(), Transport::tls12()] {
        let tally = load(&server, &reference, transport, 192);
        assert!(tally.clean(), "{tally}");
    }
    rested(&server);
    assert_eq!(helpers(&server), threads as usize);
    for kind in [kind, "x25519", "x25519_keygen"] {
        assert!(passes(&server, kind) > 0, "no pass of {kind}");
    }
}

#[test]
fn make_the_passes_of_nginx() {
    are_helped(WebServer::Nginx, KeyKind::Rsa2048, "rsa2048", 1);
    are_helped(WebServer::Nginx, KeyKind::EcdsaP256, "ecdsa_p256", 2);
}

#[test]
fn make_the_passes_of_lighttpd() {
    are_helped(WebServer::Lighttpd, KeyKind::Rsa2048, "rsa2048", 1);
    are_helped(WebServer::Lighttpd, KeyKind::Ed25519, "ed25519", 2);
}

/// Workers are forked from a master that has none, and end while theirs are at it.
#[test]
fn lose_nothing_when_nginx_is_reloaded() {
    if is_missing() {
        return;
    }
    let place = place();
    let (server, reference) = start(WebServer::Nginx, &options(KeyKind::Rsa2048, 2), &place, 1);
    assert!(server.wait_for(PATIENCE, |server| server.workers().len() == 2));
    let tally = thread::scope(|scope| {
        let clients = scope.spawn(|| load(&server, &reference, Transport::tls13(), 1500));
        for _ in 0..3 {
            let old = server.workers();
            server.reload().unwrap();
            let are_new = |server: &Server| {
                let new = server.workers();
                new.len() == 2 && new.iter().all(|pid| !old.contains(pid))
            };
            assert!(server.wait_for(PATIENCE, are_new), "{}", server.log());
        }
        clients.join().unwrap()
    });
    assert!(tally.clean(), "{tally}");
    let tally = load(&server, &reference, Transport::tls12(), 96);
    assert!(tally.clean(), "{tally}");
    rested(&server);
    assert!(passes(&server, "rsa2048") > 0);
}
