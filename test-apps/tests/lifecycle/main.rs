//! Life of a server under the shim: checks, children, reloads, upgrades, workers that die, and
//! every kind of end.

mod cgi;
mod commands;
mod daemon;
mod ends;
mod reloads;
mod upgrade;
mod workers;

use interlude_test_apps::crowd::Reference;
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Preload, Server, WebOptions, WebServer};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

/// Whether a server in that mode has statistics: where the shim does nothing, it publishes nothing.
pub(crate) fn publishes(mode: &str) -> bool {
    !["stock", "off"].contains(&mode)
}

pub(crate) fn start(
    server: WebServer,
    workers: u32,
    mode: &str,
    place: &Workplace,
) -> (Server, Reference) {
    let options = WebOptions { workers, ..WebOptions::default() };
    let preload = Preload::of_mode_with_every_job(mode).unwrap();
    let (reference, server) = place.beside_stock(server, &options, &preload).unwrap();
    (server, reference)
}

/// To one process, which has not been waited for, or is none of ours.
pub(crate) fn signal(pid: u32, number: i32) {
    // SAFETY: kill(2) touches no memory.
    unsafe { libc::kill(pid.cast_signed(), number) };
}

/// The same tests for each mode: a test's name, the function that is given the mode, and what comes
/// before that.
macro_rules! modes {
    ($($module:ident $mode:literal;)*) => {
        $(mod $module {
            use interlude_test_apps::WebServer::{Lighttpd, Nginx};

            in_mode! { $mode
                nginx_reloads_under_load: reloads::nginx_reloads_under_load();
                lighttpd_restarts_gracefully_under_load: reloads::lighttpd_restarts_under_load();
                nginx_is_upgraded_under_load: upgrade::nginx_is_upgraded_under_load();
                nginx_quits_gracefully: ends::quits_gracefully(Nginx);
                lighttpd_quits_gracefully: ends::quits_gracefully(Lighttpd);
                nginx_ends_at_once_under_load: ends::ends_at_once_under_load(Nginx);
                lighttpd_ends_at_once_under_load: ends::ends_at_once_under_load(Lighttpd);
                a_killed_worker_is_replaced: workers::a_killed_worker_is_replaced();
                every_worker_serves: workers::every_worker_serves();
                workers_may_drop_their_privileges: workers::workers_may_drop_their_privileges();
                short_commands_work: commands::short_commands_work();
                nginx_serves_as_a_daemon: daemon::serves_as_a_daemon(Nginx);
                lighttpd_serves_as_a_daemon: daemon::serves_as_a_daemon(Lighttpd);
                cgi_programs_are_passed_through: cgi::programs_are_passed_through();
            }
        })*
    };
}

macro_rules! in_mode {
    ($mode:literal $($test:ident: $file:ident::$function:ident($($first:ident)?);)*) => {
        $(#[test]
        fn $test() {
            crate::$file::$function($($first,)? $mode);
        })*
    };
}

modes! {
    alone "stock";
    with_the_shim_off "off";
    blocking "block";
    as_coroutines "coroutine";
}
