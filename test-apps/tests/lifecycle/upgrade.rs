//! nginx's binary upgrade: `USR2` starts a successor beside the server, `QUIT` ends the server.
//! (One that is not in the background ignores `USR2`.)

use crate::daemon::Daemon;
use crate::{PATIENCE, publishes, signal};
use interlude_test_apps::restarts::under_load;
use interlude_test_apps::{Preload, WebServer, stats, usage::Status, wait};
use std::fs;

/// The successor gets an environment without `LD_PRELOAD` and settings from nginx.
pub(crate) fn nginx_is_upgraded_under_load(mode: &str) {
    let (daemon, reference) = Daemon::start(WebServer::Nginx, 2, mode);
    let log = || daemon.files.log();
    let serves = |master: u32| daemon.workers_of(master).len() == 2;
    assert!(wait::until(PATIENCE, || serves(daemon.pid())), "{}", log());
    let mut successor = None;
    let tally = under_load(&daemon.files, &reference, || {
        signal(daemon.pid(), libc::SIGUSR2);
        let has_come = wait::until(PATIENCE, || {
            successor = daemon.pid_in_file().filter(|pid| *pid != daemon.pid());
            successor.is_some_and(serves)
        });
        assert!(has_come, "{}", log());
        signal(daemon.pid(), libc::SIGQUIT);
        let ended = || Status::of(daemon.pid()).is_none_or(|status| status.zombie);
        assert!(wait::until(PATIENCE, ended), "{}", log());
        successor.into_iter().for_each(|successor| is_as_before(&daemon, successor, mode));
    });
    assert!(tally.clean(), "{tally}");
    successor.into_iter().for_each(|successor| signal(successor, libc::SIGQUIT));
    assert!(daemon.is_gone(), "{}", log());
    assert_eq!(daemon.files.alarms(), Vec::<String>::new());
}

/// It has the library, with its settings, and does jobs.
fn is_as_before(daemon: &Daemon, successor: u32, mode: &str) {
    let Preload::Shim(shim) = daemon.files.preload() else { return };
    let maps = fs::read_to_string(format!("/proc/{successor}/maps")).unwrap();
    assert!(maps.contains(&shim.library().display().to_string()), "the preload is gone");
    if !publishes(mode) {
        return;
    }
    let pages = || daemon.workers_of(successor).into_iter().filter_map(|pid| stats::read(pid).ok());
    let has_jobs = || pages().any(|page| page.counter("job.sign.submitted") > 0);
    assert!(wait::until(PATIENCE, has_jobs), "no jobs");
    for page in pages() {
        let is_mode = page.facts.contains(&("mode".to_owned(), mode.to_owned()));
        assert!(is_mode, "{:?}", page.facts);
    }
}
