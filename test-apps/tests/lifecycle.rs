//! Life of a server under the shim: checks, reloads, workers that die, and every kind of end.

use interlude_test_apps::crowd::{Connection, Crowd, Reference, Tally, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Content, Nginx, Preload, Server, WebOptions, WebServer, program, stats};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn place() -> Workplace {
    Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

/// Whether a server in that mode has statistics: where the shim does nothing, it publishes nothing.
fn publishes(mode: &str) -> bool {
    !["stock", "off"].contains(&mode)
}

fn start(server: WebServer, workers: u32, mode: &str, place: &Workplace) -> (Server, Reference) {
    let options = WebOptions { workers, ..WebOptions::default() };
    let start = |preload| server.start(&options, &place.site, &place.certificates, &preload);
    let stock = start(Preload::Stock).unwrap();
    let reference = Reference::take(stock.ports().plain, &place.site, true).unwrap();
    (start(Preload::of_mode_with_every_job(mode).unwrap()).unwrap(), reference)
}

/// Loads the server with small crowds, one after the other, while `act` runs.
fn under_load(server: &Server, reference: &Reference, act: impl FnOnce()) -> Tally {
    let done = AtomicBool::new(false);
    let ports = server.ports();
    thread::scope(|scope| {
        let clients: Vec<_> = [
            (Transport::Plain, ports.plain, true),
            (Transport::tls13(), ports.tls, true),
            (Transport::tls12(), ports.tls, false),
        ]
        .into_iter()
        .map(|(transport, port, keep_alive)| {
            let crowd = Crowd { keep_alive, may_close_idle: true, ..Crowd::new(transport, 8, 100) };
            let done = &done;
            scope.spawn(move || {
                let mut tally = Tally::default();
                while !done.load(Ordering::Relaxed) {
                    tally.add(crowd.run(port, reference));
                }
                tally
            })
        })
        .collect();
        // Also when `act` panics: the clients must not go on for ever.
        let stop = Stop(&done);
        act();
        drop(stop);
        let mut tally = Tally::default();
        clients.into_iter().for_each(|client| tally.add(client.join().unwrap()));
        tally
    })
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn nginx_reloads_under_load(mode: &str) {
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

fn lighttpd_restarts_gracefully_under_load(mode: &str) {
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

/// Answers that are on their way when the server is asked to quit arrive whole.
fn quits_gracefully(server: WebServer, mode: &str) {
    let place = place();
    let (mut server, _) = start(server, 1, mode, &place);
    let file = place.site.file(Content::Random, 5 << 20).unwrap();
    let ports = server.ports();
    let mut waiting = Vec::new();
    for client in 0..20 {
        let (transport, port) = match client % 2 {
            0 => (Transport::Plain, ports.plain),
            _ => (Transport::tls13(), ports.tls),
        };
        let mut connection = Connection::open(&transport, port, PATIENCE).unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", file.path);
        connection.send(request.as_bytes()).unwrap();
        // The answer has begun; more of it than the socket buffers hold is still to come.
        connection.begin().unwrap();
        waiting.push(connection);
    }
    let clients = thread::spawn({
        let bytes = file.bytes.clone();
        move || {
            for mut connection in waiting {
                let answer = connection.receive().unwrap();
                let same = answer.body.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
                assert!(
                    answer.status == 200 && answer.body == bytes,
                    "status {}, {} bytes, the first {same} right",
                    answer.status,
                    answer.body.len()
                );
            }
        }
    });
    let status = server.quit(PATIENCE);
    clients.join().unwrap();
    assert!(status.unwrap().success(), "{}", server.log());
    assert_eq!(server.alarms(), Vec::<String>::new());
}

fn ends_at_once_under_load(server: WebServer, mode: &str) {
    let place = place();
    let (mut server, reference) = start(server, 2, mode, &place);
    let crowd = Crowd::new(Transport::tls13(), 16, 100_000);
    let port = server.ports().tls;
    thread::scope(|scope| {
        // Its failures are the end that is wanted here.
        let client = scope.spawn(|| crowd.run(port, &reference));
        let busy = server.cpu_time() + Duration::from_millis(50);
        assert!(server.wait_for(PATIENCE, |server| server.cpu_time() > busy));
        let status = server.stop(PATIENCE).unwrap();
        assert!(status.success(), "{status}: {}", server.log());
        assert!(!client.join().unwrap().clean());
    });
    assert_eq!(server.alarms(), Vec::<String>::new());
}

fn a_killed_worker_is_replaced(mode: &str) {
    let place = place();
    let (server, reference) = start(WebServer::Nginx, 1, mode, &place);
    assert!(server.wait_for(PATIENCE, |server| server.workers() != [server.master()]));
    let old = server.workers()[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(old.cast_signed()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    assert!(server.wait_for(PATIENCE, |server| {
        server.workers().iter().all(|pid| *pid != old && *pid != server.master())
    }));
    let tally = Crowd::new(Transport::tls13(), 8, 80).run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
}

fn every_worker_serves(mode: &str) {
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

/// `nginx -t`, `-V` and `-s` end by themselves, and say what they say without the shim.
fn short_commands_work(mode: &str) {
    let place = place();
    let options = WebOptions::default();
    let nginx = Nginx::files(&options, &place.site, &place.certificates);
    let run = |mode: &str, args: &[&str]| {
        let mut server = nginx.start(&Preload::of_mode_with_every_job(mode).unwrap()).unwrap();
        let prefix = server.dir().display().to_string();
        let common = ["-p", &prefix, "-e", "error.log", "-c", "nginx.conf"];
        let program = program::find("nginx").unwrap();
        let output = server.run(&program, &[&common, args].concat()).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).replace(&prefix, "");
        let ended = args[0] == "-s";
        if ended {
            assert!(server.wait(PATIENCE).unwrap().success());
        }
        (output.status.code(), told)
    };
    for args in [&["-t"][..], &["-V"], &["-s", "quit"]] {
        assert_eq!(run(mode, args), run("stock", args), "{args:?}");
    }
    assert_eq!(run(mode, &["-t"]).0, Some(0));
}

/// Workers that gave up root serve, and publish statistics that root can read.
fn workers_may_drop_their_privileges(mode: &str) {
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

/// The same tests for each mode.
macro_rules! modes {
    ($($module:ident $mode:literal;)*) => {
        $(mod $module {
            use interlude_test_apps::WebServer::{Lighttpd, Nginx};

            #[test]
            fn nginx_reloads_under_load() {
                super::nginx_reloads_under_load($mode);
            }

            #[test]
            fn lighttpd_restarts_gracefully_under_load() {
                super::lighttpd_restarts_gracefully_under_load($mode);
            }

            #[test]
            fn nginx_quits_gracefully() {
                super::quits_gracefully(Nginx, $mode);
            }

            #[test]
            fn lighttpd_quits_gracefully() {
                super::quits_gracefully(Lighttpd, $mode);
            }

            #[test]
            fn nginx_ends_at_once_under_load() {
                super::ends_at_once_under_load(Nginx, $mode);
            }

            #[test]
            fn lighttpd_ends_at_once_under_load() {
                super::ends_at_once_under_load(Lighttpd, $mode);
            }

            #[test]
            fn a_killed_worker_is_replaced() {
                super::a_killed_worker_is_replaced($mode);
            }

            #[test]
            fn every_worker_serves() {
                super::every_worker_serves($mode);
            }

            #[test]
            fn short_commands_work() {
                super::short_commands_work($mode);
            }

            #[test]
            fn workers_may_drop_their_privileges() {
                super::workers_may_drop_their_privileges($mode);
            }
        })*
    };
}

modes! {
    alone "stock";
    with_the_shim_off "off";
    blocking "block";
    as_coroutines "coroutine";
}
