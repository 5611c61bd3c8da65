//! Servers that go into the background.

use crate::{PATIENCE, place, publishes, signal, start};
use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::process::Leash;
use interlude_test_apps::usage::{self, Status};
use interlude_test_apps::{Server, WebServer, program, stats, wait};
use std::fs;

/// A server in the background: no child of ours, nor in a group of ours. It ends with this value.
pub(crate) struct Daemon {
    /// Its directory and its ports, whose first user has ended.
    pub(crate) files: Server,
    _place: Workplace,
    name: &'static str,
    pid: u32,
    group: u32,
    _leash: Leash,
}

impl Daemon {
    pub(crate) fn start(kind: WebServer, workers: u32, mode: &str) -> (Self, Reference) {
        let place = place();
        let (mut files, reference) = start(kind, workers, mode, &place);
        files.quit(PATIENCE).unwrap();
        let prefix = files.dir().display().to_string();
        let args: &[&str] = match kind {
            WebServer::Nginx => {
                detach(&files);
                &["-p", &prefix, "-e", "error.log", "-c", "nginx.conf"]
            }
            WebServer::Lighttpd => &["-f", "lighttpd.conf"],
        };
        let started = files.run(&program::find(kind.name()).unwrap(), args).unwrap();
        assert!(started.status.success(), "{started:?}");
        let mut status = None;
        wait::until(PATIENCE, || {
            status = pid_in_file(&files, kind.name()).and_then(Status::of);
            status.is_some()
        });
        let Status { pid, group, .. } = status.expect("a process of the number in its pid file");
        assert_ne!(Some(group), Status::of(std::process::id()).map(|own| own.group));
        let leash = Leash::on(group).unwrap();
        (Self { files, _place: place, name: kind.name(), pid, group, _leash: leash }, reference)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The number in the pid file as it is now.
    pub(crate) fn pid_in_file(&self) -> Option<u32> {
        pid_in_file(&self.files, self.name)
    }

    /// Those that serve, for that master.
    pub(crate) fn workers_of(&self, master: u32) -> Vec<u32> {
        let group = usage::group(self.group).into_iter();
        group.filter(|status| status.parent == master).map(|status| status.pid).collect()
    }

    /// Waits for all of it to have ended.
    pub(crate) fn is_gone(&self) -> bool {
        wait::until(PATIENCE, || usage::group(self.group).is_empty())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for number in [libc::SIGTERM, libc::SIGKILL] {
            usage::group(self.group).iter().for_each(|status| signal(status.pid, number));
            if self.is_gone() {
                return;
            }
        }
    }
}

fn detach(nginx: &Server) {
    let path = nginx.dir().join("nginx.conf");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("daemon off;"));
    fs::write(path, text.replace("daemon off;", "daemon on;")).unwrap();
}

fn pid_in_file(files: &Server, name: &str) -> Option<u32> {
    let text = fs::read_to_string(files.dir().join(format!("{name}.pid"))).ok()?;
    text.trim().parse().ok()
}

pub(crate) fn serves_as_a_daemon(kind: WebServer, mode: &str) {
    let (daemon, reference) = Daemon::start(kind, 1, mode);
    let crowd = Crowd { keep_alive: false, ..Crowd::new(Transport::tls13(), 8, 120) };
    let tally = crowd.run(daemon.files.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
    let workers = match kind {
        WebServer::Nginx => daemon.workers_of(daemon.pid()),
        WebServer::Lighttpd => vec![daemon.pid()],
    };
    assert_eq!(workers.len(), 1);
    if publishes(mode) {
        let page = stats::read(workers[0]).unwrap();
        assert_eq!(page.pid, workers[0]);
        assert!(page.counter("job.sign.submitted") > 0);
    }
    let graceful = if kind == WebServer::Nginx { libc::SIGQUIT } else { libc::SIGINT };
    signal(daemon.pid(), graceful);
    assert!(daemon.is_gone(), "{}", daemon.files.log());
    assert_eq!(daemon.files.alarms(), Vec::<String>::new());
}
