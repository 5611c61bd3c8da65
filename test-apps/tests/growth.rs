//! No worker grows under load: the short form of `scripts/e2e.sh --growth`.

use interlude_test_apps::WebServer;
use interlude_test_apps::growth::Growth;
use interlude_test_apps::matrix::Workplace;

const REQUESTS: usize = 20_000;

fn stays_flat(server: WebServer, mode: &str) {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let growth = Growth::watch(server, mode, REQUESTS, &place).unwrap();
    assert!(growth.tally.clean(), "{}", growth.tally);
    assert_eq!(growth.flat(), Ok(()), "{:#?}", growth.samples);
}

#[test]
fn nginx_as_coroutines_stays_flat() {
    stays_flat(WebServer::Nginx, "coroutine");
}

#[test]
fn lighttpd_as_coroutines_stays_flat() {
    stays_flat(WebServer::Lighttpd, "coroutine");
}

#[test]
fn stock_stays_flat_by_the_same_measure() {
    stays_flat(WebServer::Lighttpd, "stock");
}
