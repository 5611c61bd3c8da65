//! The launchers start stock servers that serve what they were given, and leave nothing behind.

use interlude_test_apps::{
    Certificates, Content, KeyKind, Lighttpd, Nginx, Preload, Redis, Server, Site, Tls, WebOptions,
    program, sha256, usage,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn certificates() -> Certificates {
    Certificates::in_dir(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

fn site() -> Site {
    Site::new(&[(Content::Html, 1024), (Content::Html, 100_000)]).unwrap()
}

fn curl(url: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program::find("curl").unwrap())
        .args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "20"])
        .args(args)
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn serves_all(server: &Server, site: &Site) {
    for file in site.files() {
        let plain = format!("http://127.0.0.1:{}{}", server.ports().plain, file.path);
        let tls = format!("https://127.0.0.1:{}{}", server.ports().tls, file.path);
        for (url, args) in [
            (&plain, &[][..]),
            (&plain, &["--compressed"]),
            (&tls, &["--http1.1"]),
            (&tls, &["--http2", "--compressed"]),
        ] {
            assert_eq!(sha256(&curl(url, args)), file.sha256, "{url} {args:?}");
        }
    }
}

#[test]
fn nginx_serves_the_site_and_ends_gracefully() {
    let (site, certificates) = (site(), certificates());
    for key in KeyKind::ALL {
        let options = WebOptions { key, workers: 2, ..WebOptions::default() };
        let mut server =
            Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
        assert!(server.wait_for(PATIENCE, |server| server.workers().len() == 2));
        serves_all(&server, &site);
        assert!(server.resident_bytes().unwrap() > 100_000);
        assert!(server.open_fds().unwrap() > 4);
        assert_eq!(server.alarms(), Vec::<String>::new());
        assert!(server.quit(PATIENCE).unwrap().success());
    }
}

#[test]
fn lighttpd_serves_the_site_and_ends_gracefully() {
    let (site, certificates) = (site(), certificates());
    for workers in [1, 2] {
        let options = WebOptions { workers, ..WebOptions::default() };
        let mut server =
            Lighttpd::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
        assert!(server.wait_for(PATIENCE, |s| s.workers().len() == workers as usize));
        serves_all(&server, &site);
        assert!(server.quit(PATIENCE).unwrap().success(), "{}", server.log());
    }
}

#[test]
fn options_reach_the_servers() {
    let (site, certificates) = (site(), certificates());
    let options = WebOptions {
        tls: Tls::V12,
        gzip: None,
        keep_alive: false,
        http2: false,
        ..WebOptions::default()
    };
    let nginx = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let lighttpd = Lighttpd::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    for server in [nginx, lighttpd] {
        let url = format!("https://127.0.0.1:{}{}", server.ports().tls, site.files()[1].path);
        let args = ["--verbose", "--stderr", "-", "-H", "Accept-Encoding: gzip"];
        let told = curl(&url, &args);
        let told = String::from_utf8_lossy(&told).to_lowercase();
        for part in ["ssl connection using tlsv1.2", "connection: close", "http/1.1 200"] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert!(!told.contains("content-encoding"), "{told}");
    }
}

#[test]
fn a_proxy_passes_requests_on() {
    let (site, certificates) = (site(), certificates());
    let options = WebOptions::default();
    let behind = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let proxy = Nginx::proxy(&options, behind.ports().plain, &certificates);
    let server = proxy.start(&Preload::Stock).unwrap();
    serves_all(&server, &site);
}

#[test]
fn redis_answers() {
    let mut server = Redis::default().start(&Preload::Stock).unwrap();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.ports().plain)).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    assert!(server.quit(PATIENCE).unwrap().success());
}

#[test]
fn a_dropped_server_leaves_neither_process_nor_file() {
    let (site, certificates) = (site(), certificates());
    let options = WebOptions { workers: 3, ..WebOptions::default() };
    let server = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let (group, dir) = (server.master(), server.dir().to_path_buf());
    drop(server);
    assert!(usage::group(group).is_empty());
    assert!(!dir.exists());
}

#[test]
fn a_server_that_cannot_start_says_why_in_one_line() {
    let (site, certificates) = (site(), certificates());
    let options = WebOptions { extra: "no_such_directive on;".into(), ..WebOptions::default() };
    let error = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap_err();
    let line = error.to_string();
    assert!(line.contains("no_such_directive") && !line.contains('\n'), "{line}");
}

#[test]
fn it_is_pinned_to_its_cpus() {
    let (site, certificates) = (site(), certificates());
    let options = WebOptions { cpus: vec![0], ..WebOptions::default() };
    let server = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let worker = server.workers()[0];
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
}
