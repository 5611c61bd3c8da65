//! zlib's `deflate` on ISA-L (`compress.with = "isal"`) in real servers: every compressed page is the page,
//! whoever compresses it, and the same each time.

use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Nginx, Preload, Server, WebOptions, WebServer};

const REQUESTS: usize = 300;

/// The shim in `mode`, with every heavy call a job, and ISA-L.
fn on_isal(mode: &str) -> Preload {
    match Preload::of_mode_with_every_job(mode).unwrap() {
        Preload::Shim(shim) => Preload::Shim(
            shim.with("INTERLUDE_COMPRESS_WITH", "isal")
                .with("INTERLUDE_COMPRESS_POLICY", "fastest"),
        ),
        Preload::Stock => unreachable!("the shim was asked for"),
    }
}

/// All answers right; returns the server.
fn loaded(server: WebServer, mode: &str) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let server = server
        .start(&WebOptions::default(), &place.site, &place.certificates, &on_isal(mode))
        .unwrap();
    // Each is decoded with zlib, and compared with the file.
    let reference = Reference::take(server.ports().plain, &place.site, true).unwrap();
    assert!(reference.pages().iter().any(|page| page.compressed()), "{mode}");
    for transport in [Transport::Plain, Transport::tls13()] {
        let tls = matches!(transport, Transport::Tls(_));
        let port = if tls { server.ports().tls } else { server.ports().plain };
        let tally = Crowd::new(transport, 16, REQUESTS).run(port, &reference);
        assert!(tally.clean(), "{mode}: {tally}");
    }
    assert!(server.counter("compress.taken") > 0, "{mode}: nothing was taken over");
    server
}

#[test]
fn pages_of_nginx_are_right_and_are_compressed_while_parked() {
    for mode in ["inline", "block", "coroutine"] {
        let server = loaded(WebServer::Nginx, mode);
        let submitted = server.counter("job.deflate.submitted");
        assert_eq!(submitted > 0, mode != "inline", "{mode}: {submitted}");
    }
}

#[test]
fn pages_of_lighttpd_are_right() {
    for mode in ["inline", "coroutine"] {
        loaded(WebServer::Lighttpd, mode);
    }
}

/// Has the server behind compress, and unpacks for clients that take nothing compressed.
const UNPACKS: &str = "location /unpacked/ {
    proxy_pass http://behind/;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Accept-Encoding gzip;
    gunzip on;
}";

#[test]
fn a_proxy_unpacks_pages_for_clients_that_take_none_compressed() {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions { gzip: Some(6), ..WebOptions::default() };
    let behind =
        Nginx::files(&options, &place.site, &place.certificates).start(&Preload::Stock).unwrap();
    let port = behind.ports().plain;
    let options = WebOptions { gzip: None, extra: UNPACKS.to_owned(), ..WebOptions::default() };
    let proxy = Nginx::proxy(&options, port, &place.certificates);
    let reference = {
        let stock = proxy.start(&Preload::Stock).unwrap();
        // Each is compared with the file.
        Reference::take_below("/unpacked", stock.ports().plain, &place.site, false).unwrap()
    };
    for mode in ["off", "inline", "coroutine"] {
        let proxy = proxy.start(&on_isal(mode)).unwrap();
        for (transport, port) in
            [(Transport::Plain, proxy.ports().plain), (Transport::tls13(), proxy.ports().tls)]
        {
            let tally = Crowd::new(transport, 16, REQUESTS).run(port, &reference);
            assert!(tally.clean(), "{mode}: {tally}");
        }
        let taken = proxy.counter("decompress.taken");
        assert_eq!(taken > 0, mode != "off", "{mode}: {taken}");
        assert_eq!(proxy.alarms(), Vec::<String>::new(), "{mode}");
    }
}
