//! No worker grows under load: the short form of `scripts/e2e.sh --growth`.

use interlude_test_apps::WebServer;
use interlude_test_apps::crowd::Tally;
use interlude_test_apps::growth::Growth;
use interlude_test_apps::matrix::Workplace;

const REQUESTS: usize = 20_000;

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

fn stays_flat(server: WebServer, mode: &str) {
    let growth = Growth::watch(server, mode, REQUESTS, &place(), |_| ()).unwrap();
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

/// Connections that are reset while their handshakes are parked leave nothing behind.
#[test]
fn aborted_while_parked_it_stays_flat() {
    for server in WebServer::ALL {
        let growth = Growth::watch_aborts(server, 600, &place(), |_| ()).unwrap();
        assert!(growth.tally.clean(), "{}", growth.tally);
        // Some are answered before their client looks, on a machine that does much else.
        let Tally { aborted, requests, .. } = growth.tally;
        assert!(aborted + requests >= 600 && aborted >= 300, "{aborted} aborted, {requests} not");
        assert_eq!(growth.flat(), Ok(()), "{:#?}", growth.samples);
    }
}

#[test]
fn stock_stays_flat_by_the_same_measure() {
    stays_flat(WebServer::Lighttpd, "stock");
}
