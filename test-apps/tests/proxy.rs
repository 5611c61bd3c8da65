//! nginx as a proxy: requests that live on two file descriptors, and bodies that go up.

use interlude_test_apps::crowd::{Crowd, Reference, Transport, Uploads};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Nginx, Preload, Server, WebOptions};
use std::thread;

/// Lets nginx take files by PUT.
const UPLOAD: &str = "location /up/ {
    root files;
    dav_methods PUT;
    create_full_put_path on;
    client_max_body_size 64m;
}";

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

/// A server that keeps files, and a proxy before it.
fn pair(place: &Workplace, front: &Preload, behind: &Preload) -> (Server, Server) {
    let options = WebOptions { gzip: None, extra: UPLOAD.to_owned(), ..WebOptions::default() };
    let behind = Nginx::files(&options, &place.site, &place.certificates).start(behind).unwrap();
    let options = WebOptions::default();
    let proxy = Nginx::proxy(&options, behind.ports().plain, &place.certificates);
    (proxy.start(front).unwrap(), behind)
}

fn passes_pages_on(front: &str, behind: &str) {
    let place = place();
    let reference = {
        let (stock, _behind) = pair(&place, &Preload::Stock, &Preload::Stock);
        Reference::take(stock.ports().plain, &place.site, true).unwrap()
    };
    let (front, behind) = (
        Preload::of_mode_with_every_job(front).unwrap(),
        Preload::of_mode_with_every_job(behind).unwrap(),
    );
    let (proxy, behind) = pair(&place, &front, &behind);
    for (transport, port) in
        [(Transport::Plain, proxy.ports().plain), (Transport::tls13(), proxy.ports().tls)]
    {
        for (connections, keep_alive) in [(64, true), (16, false)] {
            let crowd = Crowd { keep_alive, ..Crowd::new(transport.clone(), connections, 600) };
            let tally = crowd.run(port, &reference);
            assert!(tally.clean(), "{tally}");
        }
    }
    assert_eq!([proxy.alarms(), behind.alarms()], [Vec::<String>::new(), Vec::new()]);
}

/// Many clients put files up through the proxy at the same time, and get them back.
fn passes_uploads_on(mode: &str) {
    let place = place();
    let (proxy, behind) =
        pair(&place, &Preload::of_mode_with_every_job(mode).unwrap(), &Preload::Stock);
    let ports = proxy.ports();
    thread::scope(|scope| {
        for (transport, port) in [(Transport::Plain, ports.plain), (Transport::tls13(), ports.tls)]
        {
            let uploads = Uploads {
                below: format!("/up/{port}"),
                transport,
                clients: 12,
                files: 6,
                half_reset: false,
                seed: 1,
            };
            scope.spawn(move || {
                let tally = uploads.run(port);
                assert!(tally.clean(), "{tally}");
            });
        }
    });
    assert_eq!([proxy.alarms(), behind.alarms()], [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn a_stock_proxy_passes_pages_on() {
    passes_pages_on("stock", "stock");
}

#[test]
fn a_proxy_with_the_shim_off_passes_pages_on() {
    passes_pages_on("off", "off");
}

#[test]
fn a_blocking_proxy_passes_pages_on() {
    passes_pages_on("block", "stock");
}

#[test]
fn a_proxy_of_coroutines_passes_pages_on() {
    passes_pages_on("coroutine", "stock");
}

#[test]
fn coroutines_before_coroutines_pass_pages_on() {
    passes_pages_on("coroutine", "coroutine");
}

#[test]
fn a_stock_proxy_passes_uploads_on() {
    passes_uploads_on("stock");
}

#[test]
fn a_blocking_proxy_passes_uploads_on() {
    passes_uploads_on("block");
}

#[test]
fn a_proxy_of_coroutines_passes_uploads_on() {
    passes_uploads_on("coroutine");
}
