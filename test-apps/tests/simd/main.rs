//! Stock nginx and lighttpd over the `simd` engine: clients that check every signature and every body
//! accept all handshakes, and they were made in lanes. Skipped, and said so, where there is no vector
//! unit.

#[path = "../apps/app.rs"]
#[allow(dead_code)]
mod app;
mod client;
mod clients;
mod handshakes;
mod helpers;
mod keys;

use interlude_offload::simd_availability;
use interlude_test_apps::crowd::{Crowd, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{KeyKind, Preload, Server, Shim, WebOptions, WebServer};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// Clients, and handshakes of all of them.
const LOAD: (usize, usize) = (24, 192);

fn is_missing() -> bool {
    let missing = simd_availability().err();
    if let Some(missing) = &missing {
        println!("skipped: {missing}");
    }
    missing.is_some()
}

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

/// The server has nothing left to do, and all was well.
fn rested(server: &Server) {
    assert!(server.wait_for(PATIENCE, Server::rests));
    assert_eq!(server.alarms(), [] as [String; 0]);
    for never in ["panics", "engine.failed", "engine.wrong", "engine.redone"] {
        assert_eq!(server.counter(never), 0, "{never}");
    }
}

/// The server after the load, over each transport.
fn after_load(server: WebServer, key: KeyKind, mode: &str, transports: &[Transport]) -> Server {
    let place = place();
    let options = WebOptions { key, ..WebOptions::default() };
    let shim = Shim::find().unwrap().mode(mode).with("INTERLUDE_ENGINE", "simd");
    let (reference, server) = place.beside_stock(server, &options, &Preload::Shim(shim)).unwrap();
    let (clients, requests) = LOAD;
    for transport in transports {
        let crowd = Crowd { keep_alive: false, ..Crowd::new(transport.clone(), clients, requests) };
        let tally = crowd.run(server.ports().tls, &reference);
        assert!(tally.clean(), "{tally}");
    }
    rested(&server);
    assert_eq!(server.counter("bypass.foreign"), 0);
    assert!(server.counter("hook.EVP_KDF_derive.handled") > 0 || mode != "coroutine");
    assert_eq!(server.counter("key_schedule.wrong"), 0);
    server
}

fn passes(server: &Server, kind: &str) -> u64 {
    (1..=8).map(|lanes| server.counter(&format!("simd.{kind}.lanes_{lanes}"))).sum()
}

fn signs_in_lanes(server: WebServer, key: KeyKind, kind: &str) {
    if is_missing() {
        return;
    }
    let server = after_load(server, key, "coroutine", &[Transport::tls13(), Transport::tls12()]);
    for kind in [kind, "x25519", "x25519_keygen"] {
        assert!(passes(&server, kind) > 0, "no pass of {kind}");
    }
    let job = |event: &str| -> u64 {
        ["sign", "derive", "keygen"]
            .map(|kind| server.counter(&format!("job.{kind}.{event}")))
            .into_iter()
            .sum()
    };
    let declined = ["rsa2048", "rsa4096", "ecdsa_p256", "x25519", "x25519_keygen"]
        .map(|kind| server.counter(&format!("simd.{kind}.too_few")));
    let left = declined.into_iter().sum::<u64>() + server.counter("engine.recalled");
    assert_eq!(job("submitted"), job("completed") + left);
}

#[test]
fn nginx_signs_by_rsa_in_lanes() {
    signs_in_lanes(WebServer::Nginx, KeyKind::Rsa2048, "rsa2048");
}

#[test]
fn nginx_signs_by_longer_rsa_in_lanes() {
    signs_in_lanes(WebServer::Nginx, KeyKind::Rsa4096, "rsa4096");
}

#[test]
fn nginx_signs_on_a_curve_in_lanes() {
    signs_in_lanes(WebServer::Nginx, KeyKind::EcdsaP256, "ecdsa_p256");
}

#[test]
fn lighttpd_signs_in_lanes() {
    signs_in_lanes(WebServer::Lighttpd, KeyKind::Rsa2048, "rsa2048");
    signs_in_lanes(WebServer::Lighttpd, KeyKind::EcdsaP256, "ecdsa_p256");
}

/// One operation alone is the library's.
#[test]
fn whoever_waits_has_no_company() {
    if is_missing() {
        return;
    }
    for mode in ["block", "spin"] {
        let server = after_load(WebServer::Nginx, KeyKind::Rsa2048, mode, &[Transport::tls13()]);
        assert_eq!(passes(&server, "rsa2048"), 0, "{mode}");
        assert!(server.counter("simd.rsa2048.too_few") > 0, "{mode}");
        assert_eq!(server.counter("coroutine.parked"), 0, "{mode}");
    }
}

/// A connection alone is served as by the server itself, but for the first few: nothing is parked to wait
/// for company. Those that come together find each other all the same.
#[test]
fn one_alone_soon_waits_for_nobody() {
    if is_missing() {
        return;
    }
    let place = place();
    let server = handshakes::nginx(KeyKind::Rsa2048, &place, &place.certificates);
    let file = place.site.files().iter().find(|file| (1..5000).contains(&file.bytes.len()));
    let file = file.unwrap();
    let client = client::Client::tls13("X25519");
    client.run(server.ports().tls, (1, 49), &file.path, &file.bytes);
    rested(&server);
    let kinds = ["rsa2048", "x25519", "x25519_keygen"];
    for kind in kinds {
        let alone = server.counter(&format!("simd.{kind}.too_few"));
        assert!((15..=17).contains(&alone), "{kind}: {alone}");
        assert_eq!(passes(&server, kind), 0, "{kind}");
    }
    // Each handshake has one call of each kind.
    assert!(server.counter("bypass.apart") >= 3 * 30, "{}", server.counter("bypass.apart"));
    handshakes::loaded(&server, &place, client);
    rested(&server);
    for kind in kinds {
        assert!(passes(&server, kind) > 0, "no pass of {kind}");
    }
}
