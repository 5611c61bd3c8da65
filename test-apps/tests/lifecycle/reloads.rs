//! Servers that read their files again, under load: no request fails.

use crate::{PATIENCE, place, start, under_load};
use interlude_test_apps::{Server, WebServer};

pub(crate) fn nginx_reloads_under_load(mode: &str) {
    let place = place();
    let (server, reference) = start(WebServer::Nginx, 2, mode, &place);
    assert!(server.wait_for(PATIENCE, |server| server.workers().len() == 2));
    let tally = under_load(&server, &reference, || {
        for _ in 0..4 {
            let old = server.workers();
            server.reload().unwrap();
            let replaced = server.wait_for(PATIENCE, |server| {
                let new = server.workers();
                new.len() == 2 && new.iter().all(|pid| !old.contains(pid))
            });
            assert!(replaced, "old {old:?}, now {:?}:\n{}", server.workers(), server.log());
        }
    });
    assert!(tally.clean(), "{tally}");
    assert_eq!(server.alarms(), Vec::<String>::new());
}

pub(crate) fn lighttpd_restarts_under_load(mode: &str) {
    let place = place();
    let (server, reference) = start(WebServer::Lighttpd, 1, mode, &place);
    let started = |server: &Server| server.log().matches("server started").count();
    let tally = under_load(&server, &reference, || {
        for round in 2..5 {
            server.reload().unwrap();
            let restarted = server.wait_for(PATIENCE, |server| started(server) == round);
            assert!(restarted, "{:?}\n{}", server.alarms(), server.log());
        }
    });
    assert!(tally.clean(), "{tally}");
    assert_eq!(server.alarms(), Vec::<String>::new());
}
