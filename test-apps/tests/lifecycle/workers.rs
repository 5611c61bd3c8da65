//! nginx's workers: several, without root, killed.

use crate::{PATIENCE, place, publishes, signal, start};
use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::restarts::under_load;
use interlude_test_apps::{Nginx, Preload, WebOptions, WebServer, stats};
use std::time::Duration;

/// Killed in the midst of its work. Those whom it served then are lost.
pub(crate) fn a_killed_worker_is_replaced(mode: &str) {
    let place = place();
    let (server, reference) = start(WebServer::Nginx, 1, mode, &place);
    assert!(server.wait_for(PATIENCE, |server| server.workers() != [server.master()]));
    let old = server.workers()[0];
    under_load(&server, &reference, || {
        let busy = server.cpu_time() + Duration::from_millis(50);
        assert!(server.wait_for(PATIENCE, |server| {
            let parked = server.counter("coroutine.parked") > server.counter("coroutine.resumed");
            server.cpu_time() > busy && (parked || mode != "coroutine")
        }));
        signal(old, libc::SIGKILL);
        assert!(server.wait_for(PATIENCE, |server| {
            server.workers().iter().all(|pid| *pid != old && *pid != server.master())
        }));
    });
    let tally = Crowd::new(Transport::tls13(), 8, 80).run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
}

pub(crate) fn every_worker_serves(mode: &str) {
    let place = place();
    let (server, reference) = start(WebServer::Nginx, 3, mode, &place);
    let crowd = Crowd { keep_alive: false, ..Crowd::new(Transport::tls12(), 32, 400) };
    let tally = crowd.run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
    assert_eq!(server.workers().len(), 3);
    if publishes(mode) {
        let pages = server.stats().unwrap();
        assert!(pages.iter().zip(server.workers()).all(|(page, pid)| page.pid == pid));
    }
}

/// Workers that gave up root serve, and publish statistics that root can read.
pub(crate) fn workers_may_drop_their_privileges(mode: &str) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = place();
    let options = WebOptions::default();
    let nginx = Nginx::files(&options, &place.site, &place.certificates).user("www-data");
    let stock = nginx.start(&Preload::Stock).unwrap();
    let reference = Reference::take(stock.ports().plain, &place.site, true).unwrap();
    let server = nginx.start(&Preload::of_mode_with_every_job(mode).unwrap()).unwrap();
    let tally = Crowd::new(Transport::tls13(), 8, 200).run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
    if publishes(mode) {
        let page = stats::read(server.workers()[0]).unwrap();
        assert_eq!(page.pid, server.workers()[0]);
    }
}
