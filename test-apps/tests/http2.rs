//! Many streams on one HTTP/2 connection: each one its own bytes, none lost when others park.

use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{
    Preload, Server, SiteFile, WebOptions, WebServer, program, sha256, tool,
};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// Transfers of each file; curl runs up to 50 of all of them at the same time.
const TIMES: usize = 20;

fn streams_do_not_mix(web: WebServer, mode: &str) {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions::default();
    let preload = Preload::of_mode_with_every_job(mode).unwrap();
    let server = web.start(&options, &place.site, &place.certificates, &preload).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<(String, &SiteFile)> = (0..TIMES)
        .flat_map(|time| {
            let small = place.site.files().iter().filter(|file| file.bytes.len() <= 1 << 20);
            small.map(move |file| (format!("{time}{}", file.path.replace('/', "-")), file))
        })
        .collect();
    let told = fetch(&server, dir.path(), &files);
    assert_eq!(told.lines().filter(|line| *line == "2 200").count(), files.len(), "{told}");
    for (name, file) in &files {
        let got = fs::read(dir.path().join(name)).unwrap();
        assert_eq!(sha256(&got), file.sha256, "{name}: {} bytes", got.len());
    }
    assert_eq!(server.alarms(), Vec::<String>::new());
    if matches!(web, WebServer::Nginx) && mode == "coroutine" {
        // Streams are answered in events of other connections, too: nothing of them may park.
        assert!(server.counter("bypass.multiplexed") > 0);
        assert_eq!(server.counter("job.deflate.submitted"), 0);
    }
}

/// All transfers on one connection, decoded by curl, each into its file.
fn fetch(server: &Server, dir: &Path, files: &[(String, &SiteFile)]) -> String {
    let mut list = String::new();
    for (name, file) in files {
        let (port, path) = (server.ports().tls, &file.path);
        writeln!(list, "url = https://127.0.0.1:{port}{path}\noutput = {name}").unwrap();
    }
    fs::write(dir.join("list"), list).unwrap();
    let mut command = Command::new(program::find("curl").unwrap());
    command.args(["--silent", "--show-error", "--insecure", "--http2", "--compressed"]);
    command.args(["--parallel", "--parallel-max", "50", "--config", "list"]);
    command.args(["--write-out", "%{http_version} %{response_code}\n"]);
    tool::output(command.current_dir(dir), LIMIT).unwrap()
}

/// One test for each server and mode.
macro_rules! modes {
    ($($name:ident: $server:ident $mode:literal;)*) => {
        $(#[test]
        fn $name() {
            streams_do_not_mix(WebServer::$server, $mode);
        })*
    };
}

modes! {
    nginx_alone: Nginx "stock";
    nginx_blocking: Nginx "block";
    nginx_as_coroutines: Nginx "coroutine";
    lighttpd_alone: Lighttpd "stock";
    lighttpd_blocking: Lighttpd "block";
    lighttpd_as_coroutines: Lighttpd "coroutine";
}
