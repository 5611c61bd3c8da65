//! Clients that go away at the worst moment harm nobody but themselves.

use interlude_test_apps::crowd::{Connection, Crowd, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Seeded, Server, WebOptions, WebServer};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Every second request is broken off; the others must be answered as by stock, and afterwards the
/// server must have let go of every connection.
fn survives_aborts(server: WebServer, mode: &str) {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let preload = Preload::of_mode_with_every_job(mode).unwrap();
    let (reference, server) = place.beside_stock(server, &WebOptions::default(), &preload).unwrap();
    let ports = server.ports();
    // Once, so that whatever the server opens for good is open.
    let first = Crowd::new(Transport::tls13(), 8, 80).run(ports.tls, &reference);
    assert!(first.clean(), "{first}");
    assert!(settles(&server, 0), "no rest after the first load");
    let quiet = server.open_fds().unwrap();

    thread::scope(|scope| {
        scope.spawn(|| half_handshakes(ports.tls));
        for (transport, port) in [
            (Transport::Plain, ports.plain),
            (Transport::tls12(), ports.tls),
            (Transport::tls13(), ports.tls),
        ] {
            let crowd = Crowd { abort_every: 2, ..Crowd::new(transport, 32, 600) };
            let reference = &reference;
            scope.spawn(move || {
                let tally = crowd.run(port, reference);
                assert!(tally.clean(), "{tally}");
            });
        }
    });
    assert!(settles(&server, quiet), "{} fds, {quiet} before", server.open_fds().unwrap());
    assert_eq!(server.alarms(), Vec::<String>::new());
    let last = Crowd::new(Transport::tls13(), 8, 80).run(ports.tls, &reference);
    assert!(last.clean(), "{last}");
}

/// Waits until the server's files are back at `quiet`, or, for 0, until they stay as they are.
fn settles(server: &Server, quiet: usize) -> bool {
    let mut before = 0;
    server.wait_for(PATIENCE, |server| {
        let now = server.open_fds().unwrap();
        let settled = if quiet == 0 { now == before } else { now <= quiet };
        before = now;
        settled
    })
}

/// Clients that send a part of a TLS handshake, or something else altogether, and hang up.
fn half_handshakes(port: u16) {
    let mut random = Seeded::new(7);
    for _ in 0..200 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // A record's head that announces a ClientHello longer than what follows.
        let mut bytes = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        bytes.extend((0..random.below(100)).map(|_| random.below(256) as u8));
        bytes.truncate(random.below(bytes.len()));
        // The server may have hung up first; either is fine.
        let _ = stream.write_all(&bytes);
    }
    for transport in [Transport::tls12(), Transport::tls13()] {
        for _ in 0..50 {
            let connection = Connection::open(&transport, port, PATIENCE).unwrap();
            connection.reset().unwrap();
        }
    }
}

/// One test for each server and mode.
macro_rules! modes {
    ($($name:ident: $server:ident $mode:literal;)*) => {
        $(#[test]
        fn $name() {
            survives_aborts(WebServer::$server, $mode);
        })*
    };
}

modes! {
    nginx_alone: Nginx "stock";
    nginx_blocking: Nginx "block";
    nginx_as_coroutines: Nginx "coroutine";
    lighttpd_alone: Lighttpd "stock";
    lighttpd_blocking: Lighttpd "block";
    lighttpd_as_coroutines: Lighttpd "coroutine";
}
