//! Stock nginx and lighttpd, alone and under the shim in each mode, answer alike: the short form of
//! `scripts/e2e.sh`.

use interlude_test_apps::WebServer;
use interlude_test_apps::matrix::{Case, Workplace};

/// Requests of each case.
const REQUESTS: usize = 256;

/// Runs the selection for one server in one mode.
fn answers_as_stock(server: WebServer, mode: &'static str) {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let mut failures = Vec::new();
    for case in Case::selection(server, mode) {
        match case.run(REQUESTS, &place) {
            Ok(outcome) => {
                failures.extend(outcome.tally.failed.iter().map(|why| format!("{case}: {why}")));
            }
            Err(error) => failures.push(format!("{case}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// One test for each server and mode.
macro_rules! modes {
    ($($name:ident: $server:ident $mode:literal;)*) => {
        $(#[test]
        fn $name() {
            answers_as_stock(WebServer::$server, $mode);
        })*
    };
}

modes! {
    nginx_alone: Nginx "stock";
    nginx_with_the_shim_off: Nginx "off";
    nginx_with_jobs_inline: Nginx "inline";
    nginx_blocking: Nginx "block";
    nginx_spinning: Nginx "spin";
    nginx_as_coroutines: Nginx "coroutine";
    lighttpd_alone: Lighttpd "stock";
    lighttpd_with_the_shim_off: Lighttpd "off";
    lighttpd_with_jobs_inline: Lighttpd "inline";
    lighttpd_blocking: Lighttpd "block";
    lighttpd_spinning: Lighttpd "spin";
    lighttpd_as_coroutines: Lighttpd "coroutine";
}
