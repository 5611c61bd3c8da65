//! Servers that read their files again, under load: no request fails. `scripts/e2e.sh --reloads` does it
//! more often.

use crate::place;
use interlude_test_apps::WebServer;
use interlude_test_apps::restarts::Restarts;

pub(crate) fn nginx_reloads_under_load(mode: &str) {
    restart(WebServer::Nginx, mode, 4);
}

pub(crate) fn lighttpd_restarts_under_load(mode: &str) {
    restart(WebServer::Lighttpd, mode, 3);
}

fn restart(server: WebServer, mode: &str, times: usize) {
    let Restarts { tally, alarms, .. } =
        Restarts::of(server, mode, times, &place(), |_| ()).unwrap();
    assert!(tally.clean(), "{tally}");
    assert_eq!(alarms, Vec::<String>::new());
}
