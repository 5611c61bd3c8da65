//! Stock nginx and lighttpd over a shim that panics (`shim/src/fail.rs`): every client gets the stock
//! server's answer, and from then on nothing parks. The small servers of `apps` say the same of more
//! places.

use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, Shim, WebOptions, WebServer};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 16;
const REQUESTS: usize = 160;
/// Each at a time when others are parked: later than in the first turn of the loop, which may begin with
/// all clients and is the one before the thread is armed.
const PLACES: [&str; 12] = [
    "EVP_DigestSign.before:200",
    "EVP_DigestSign.after:200",
    "deflate.before:60",
    "SSL_do_handshake.before:200",
    "SSL_do_handshake.then:200",
    "epoll_wait.before:100",
    "epoll_wait.after:100",
    "close.before:200",
    "job.submitted:30",
    "scheduler.parked:30",
    "scheduler.resumed:30",
    "scheduler.begun:100",
];

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

fn start(server: WebServer, place: &Workplace, preload: &Preload) -> Server {
    server.start(&WebOptions::default(), &place.site, &place.certificates, preload).unwrap()
}

fn survives_panics(server: WebServer, places: &[&str]) {
    let place = place();
    let stock = start(server, &place, &Preload::Stock);
    let reference = Reference::take(stock.ports().plain, &place.site, true).unwrap();
    for panics_at in places {
        let shim = Shim::find().unwrap().failing(panics_at).unwrap();
        let shim = shim.mode("coroutine").with_every_job();
        let mut server = start(server, &place, &Preload::Shim(shim));
        let load = |transport| {
            let crowd = Crowd { keep_alive: false, ..Crowd::new(transport, CLIENTS, REQUESTS) };
            let tally = crowd.run(server.ports().tls, &reference);
            assert!(tally.clean(), "{panics_at}: {tally} {}", server.log());
        };
        load(Transport::tls13());
        load(Transport::tls12());
        assert_eq!(server.counter("panics"), 1, "{panics_at}");
        let parked = server.counter("coroutine.parked");
        assert!(parked > 0, "{panics_at}: nobody was parked before");
        assert!(server.wait_for(PATIENCE, |s| s.counter("coroutine.resumed") == parked));
        load(Transport::tls12());
        assert_eq!(server.counter("coroutine.parked"), parked, "{panics_at}: it parks on");
        assert_eq!(server.log().matches("interlude: ").count(), 1, "{panics_at}: {}", server.log());
        assert_eq!(server.alarms(), [] as [String; 0], "{panics_at}");
        let status = server.quit(PATIENCE).unwrap();
        assert!(status.success(), "{panics_at}: {status}");
    }
}

#[test]
fn nginx_survives_a_panic() {
    survives_panics(WebServer::Nginx, &PLACES);
}

#[test]
fn lighttpd_survives_a_panic() {
    survives_panics(WebServer::Lighttpd, &["EVP_DigestSign.before:200", "scheduler.resumed:30"]);
}
