//! zlib's `deflate` on ISA-L and libdeflate (`compress.with = "isal"`) in real servers: every compressed page is the page,
//! whoever compresses it, and the same each time.

use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Content, Nginx, Preload, Server, Site, WebOptions, WebServer};

const REQUESTS: usize = 300;

/// The shim in `mode`, with every heavy call a job, and other compressors than zlib.
fn on_isal(mode: &str, policy: &str) -> Preload {
    match Preload::of_mode_with_every_job(mode).unwrap() {
        Preload::Shim(shim) => Preload::Shim(
            shim.with("INTERLUDE_COMPRESS_WITH", "isal").with("INTERLUDE_COMPRESS_POLICY", policy),
        ),
        Preload::Stock => unreachable!("the shim was asked for"),
    }
}

/// All answers right; returns the server.
fn loaded(server: WebServer, mode: &str) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let server = server
        .start(&WebOptions::default(), &place.site, &place.certificates, &on_isal(mode, "fastest"))
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

#[test]
fn whole_pages_at_level_6_are_libdeflates_and_not_larger_than_zlibs() {
    // nginx gives zlib a file of up to 32 KB by one call, and chooses a window that is as small as the file.
    let whole = [
        (Content::Html, 1500),
        (Content::Html, 32_768),
        (Content::Script, 8192),
        (Content::Json, 30_000),
        (Content::Style, 16_384),
    ];
    let in_pieces = (Content::Html, 200_000);
    let site = Site::new(&[&whole[..], &[in_pieces]].concat()).unwrap();
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions { gzip: Some(6), ..WebOptions::default() };
    let pages = |preload: &Preload| {
        let nginx = Nginx::files(&options, &site, &place.certificates).start(preload).unwrap();
        // Each is decoded, and compared with the file.
        let pages = Reference::take(nginx.ports().plain, &site, true).unwrap();
        (nginx, pages)
    };
    let (_stock, stocks) = pages(&Preload::Stock);
    for mode in ["inline", "coroutine"] {
        let (nginx, ours) = pages(&on_isal(mode, "never-bigger"));
        assert_eq!(nginx.counter("compress.whole"), whole.len() as u64, "{mode}");
        assert_eq!(nginx.counter("compress.pieces.unfinished"), 1, "{mode}");
        for (ours, stocks) in ours.pages().iter().zip(stocks.pages()) {
            let (len, zlibs) = (ours.body.len(), stocks.body.len());
            assert!(ours.compressed() && stocks.compressed(), "{}", ours.path);
            assert!(len * 100 <= zlibs * 101, "{mode} {}: {len}, zlib's {zlibs}", ours.path);
            let is_whole = ours.size != in_pieces.1;
            assert_eq!(ours.body != stocks.body, is_whole, "{mode} {}", ours.path);
        }
        let tally = Crowd::new(Transport::Plain, 16, REQUESTS).run(nginx.ports().plain, &ours);
        assert!(tally.clean(), "{mode}: {tally}");
        assert!(nginx.counter("compress.whole") > 100, "{mode}");
        let submitted = nginx.counter("job.deflate.submitted");
        assert_eq!(submitted > 0, mode == "coroutine", "{mode}: {submitted}");
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
        let proxy = proxy.start(&on_isal(mode, "never-bigger")).unwrap();
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
