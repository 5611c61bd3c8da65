//! zlib's and libdeflate's calls on ISA-L and libdeflate (`compress.with = "isal"`) in real servers: every compressed page is
//! the page, whoever compresses it, and the same each time.

use flate2::Compression;
use flate2::write::GzEncoder;
use interlude_test_apps::crowd::{Connection, Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Content, Nginx, Preload, Server, Site, WebOptions, WebServer, wait};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const REQUESTS: usize = 300;

/// The shim in `mode`, with every heavy call a job, and other compressors than zlib.
fn on_isal(mode: &str, policy: &str) -> Preload {
    match Preload::of_mode_with_every_job(mode).unwrap() {
        Preload::Shim(shim) => Preload::Shim(
            shim.with("INTERLUDE_COMPRESS_WITH", "isal").with("INTERLUDE_COMPRESS_POLICY", policy),
        ),
        Preload::Stock => unreachable!("the shim was asked for"),
    }
}

/// All answers right; returns the server.
fn loaded(server: WebServer, mode: &str) -> Server {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let server = server
        .start(&WebOptions::default(), &place.site, &place.certificates, &on_isal(mode, "fastest"))
        .unwrap();
    // Each is decoded with zlib, and compared with the file.
    let reference = Reference::take(server.ports().plain, &place.site, true).unwrap();
    assert!(reference.pages().iter().any(|page| page.compressed()), "{mode}");
    for transport in [Transport::Plain, Transport::tls13()] {
        let tls = matches!(transport, Transport::Tls(_));
        let port = if tls { server.ports().tls } else { server.ports().plain };
        let tally = Crowd::new(transport, 16, REQUESTS).run(port, &reference);
        assert!(tally.clean(), "{mode}: {tally}");
    }
    assert!(server.counter("compress.taken") > 0, "{mode}: nothing was taken over");
    server
}

#[test]
fn pages_of_nginx_are_right_and_are_compressed_while_parked() {
    for mode in ["inline", "block", "coroutine"] {
        let server = loaded(WebServer::Nginx, mode);
        let submitted = server.counter("job.deflate.submitted");
        assert_eq!(submitted > 0, mode != "inline", "{mode}: {submitted}");
    }
}

#[test]
fn pages_of_lighttpd_are_right() {
    for mode in ["inline", "coroutine"] {
        loaded(WebServer::Lighttpd, mode);
    }
}

#[test]
fn whole_pages_at_level_6_are_libdeflates_and_not_larger_than_zlibs() {
    // nginx gives zlib a file of up to 32 KB by one call, and chooses a window that is as small as the file.
    let whole = [
        (Content::Html, 1500),
        (Content::Html, 32_768),
        (Content::Script, 8192),
        (Content::Json, 30_000),
        (Content::Style, 16_384),
    ];
    let in_pieces = (Content::Html, 200_000);
    let site = Site::new(&[&whole[..], &[in_pieces]].concat()).unwrap();
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions { gzip: Some(6), ..WebOptions::default() };
    let pages = |preload: &Preload| {
        let nginx = Nginx::files(&options, &site, &place.certificates).start(preload).unwrap();
        // Each is decoded, and compared with the file.
        let pages = Reference::take(nginx.ports().plain, &site, true).unwrap();
        (nginx, pages)
    };
    let (_stock, stocks) = pages(&Preload::Stock);
    for mode in ["inline", "coroutine"] {
        let (nginx, ours) = pages(&on_isal(mode, "never-bigger"));
        assert_eq!(nginx.counter("compress.whole"), whole.len() as u64, "{mode}");
        assert_eq!(nginx.counter("compress.pieces.unfinished"), 1, "{mode}");
        for (ours, stocks) in ours.pages().iter().zip(stocks.pages()) {
            let (len, zlibs) = (ours.body.len(), stocks.body.len());
            assert!(ours.compressed() && stocks.compressed(), "{}", ours.path);
            // By more than 2 % where its kind has less in the mean of all sizes.
            assert!(len * 100 <= zlibs * 103, "{mode} {}: {len}, zlib's {zlibs}", ours.path);
            let is_whole = ours.size != in_pieces.1;
            assert_eq!(ours.body != stocks.body, is_whole, "{mode} {}", ours.path);
        }
        let [len, zlibs] = [&ours, &stocks]
            .map(|pages| pages.pages().iter().map(|page| page.body.len()).sum::<usize>());
        assert!(len * 100 <= zlibs * 101, "{mode}: {len}, zlib's {zlibs}");
        let tally = Crowd::new(Transport::Plain, 16, REQUESTS).run(nginx.ports().plain, &ours);
        assert!(tally.clean(), "{mode}: {tally}");
        assert!(nginx.counter("compress.whole") > 100, "{mode}");
        let submitted = nginx.counter("job.deflate.submitted");
        assert_eq!(submitted > 0, mode == "coroutine", "{mode}: {submitted}");
    }
}

/// lighttpd has libdeflate compress what it has whole.
#[test]
fn buffers_of_lighttpd_are_compressed_here_and_not_larger_by_never_bigger() {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = |level| WebOptions { gzip: Some(level), ..WebOptions::default() };
    let start = |level, preload: &Preload| {
        let server = WebServer::Lighttpd
            .start(&options(level), &place.site, &place.certificates, preload)
            .unwrap();
        let pages = Reference::take(server.ports().plain, &place.site, true).unwrap();
        (server, pages)
    };
    for (level, policy) in [(6, "never-bigger"), (1, "balanced"), (9, "fastest")] {
        let (_stock, stocks) = start(level, &Preload::Stock);
        for mode in ["inline", "coroutine"] {
            let (server, ours) = start(level, &on_isal(mode, policy));
            let what = format!("{mode}, {policy}");
            assert!(server.counter("compress.buffer") > 0, "{what}");
            for counter in ["unknown", "level", "room"] {
                assert_eq!(server.counter(&format!("compress.buffer.{counter}")), 0, "{what}");
            }
            for (ours, stocks) in ours.pages().iter().zip(stocks.pages()) {
                let (len, theirs) = (ours.body.len(), stocks.body.len());
                assert_eq!(ours.compressed(), stocks.compressed(), "{what} {}", ours.path);
                let most = if policy == "never-bigger" { 101 } else { 160 };
                assert!(len * 100 <= theirs * most, "{what} {}: {len}, {theirs}", ours.path);
            }
            // Those of stock, but for who compresses: also status and headers.
            let stocks = stocks.clone().whoever_compresses().unwrap();
            let load = Crowd::new(Transport::Plain, 16, REQUESTS);
            let tally = load.run(server.ports().plain, &stocks);
            assert!(tally.clean() && tally.compressed > 0, "{what}: {tally}");
        }
    }
}

/// Has the server behind compress, and unpacks for clients that take nothing compressed.
const UNPACKS: &str = "location /unpacked/ {
    proxy_pass http://behind/;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Accept-Encoding gzip;
    gunzip on;
}";

#[test]
fn a_proxy_unpacks_pages_for_clients_that_take_none_compressed() {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions { gzip: Some(6), ..WebOptions::default() };
    let behind =
        Nginx::files(&options, &place.site, &place.certificates).start(&Preload::Stock).unwrap();
    let port = behind.ports().plain;
    let options = WebOptions { gzip: None, extra: UNPACKS.to_owned(), ..WebOptions::default() };
    let proxy = Nginx::proxy(&options, port, &place.certificates);
    let reference = {
        let stock = proxy.start(&Preload::Stock).unwrap();
        // Each is compared with the file.
        Reference::take_below("/unpacked", stock.ports().plain, &place.site, false).unwrap()
    };
    for mode in ["off", "inline", "coroutine"] {
        let proxy = proxy.start(&on_isal(mode, "never-bigger")).unwrap();
        for (transport, port) in
            [(Transport::Plain, proxy.ports().plain), (Transport::tls13(), proxy.ports().tls)]
        {
            let tally = Crowd::new(transport, 16, REQUESTS).run(port, &reference);
            assert!(tally.clean(), "{mode}: {tally}");
        }
        let taken = proxy.counter("decompress.taken");
        assert_eq!(taken > 0, mode != "off", "{mode}: {taken}");
        assert_eq!(proxy.alarms(), Vec::<String>::new(), "{mode}");
    }
}

/// Answers with files that are gzip by their names only, or not quite.
const KEEPS_PACKED: &str = "location /packed/ {
    alias PACKED/;
    default_type text/html;
    add_header Content-Encoding gzip;
}";

/// Files as a server behind may send them, by name; one of them is right.
fn packed_files(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let page = Content::Html.bytes(200_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&page).unwrap();
    let right = encoder.finish().unwrap();
    let len = right.len();
    let with = |at: usize, byte: u8| {
        let mut bytes = right.clone();
        bytes[at] ^= byte;
        bytes
    };
    let files = vec![
        ("right", right.clone()),
        ("cut", right[..len / 2].to_vec()),
        ("cut-header", right[..5].to_vec()),
        ("cut-trailer", right[..len - 3].to_vec()),
        ("wrong-magic", with(0, 0xff)),
        ("wrong-first-block", with(10, 0x06)),
        ("wrong-middle", [&right[..len / 2], &[0xff; 40], &right[len / 2 + 40..]].concat()),
        ("wrong-sum", with(len - 7, 1)),
        ("wrong-length", with(len - 2, 1)),
        ("more-behind", [&right[..], &[7; 5000]].concat()),
        ("no-gzip", page[..50_000].to_vec()),
    ];
    for (name, bytes) in &files {
        fs::write(dir.join(name), bytes).unwrap();
    }
    files
}

/// The body of an answer, as far as it comes: HTTP/1.0 has no framing.
fn unframed(port: u16, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    // One that is broken off may be reset.
    let _ = stream.read_to_end(&mut answer);
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    head.map_or_else(Vec::new, |at| answer.split_off(at + 4))
}

/// What nginx says of `inflate` since its log had `from` bytes, without which flush it was.
fn refusals(log: &str, from: usize) -> BTreeSet<String> {
    let lines = log[from..].lines().filter(|line| line.contains("inflate()"));
    let said = lines.map(|line| {
        let what = line.split("inflate()").nth(1).unwrap_or_default();
        let what = what.split(" while ").next().unwrap_or_default();
        // "failed: FLUSH, CODE".
        what.rsplit(' ').next().unwrap_or_default().to_owned()
    });
    said.collect()
}

#[test]
fn what_a_server_behind_has_packed_wrongly_is_refused_as_by_stock() {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let dir = tempfile::Builder::new().permissions(open_to_all()).tempdir().unwrap();
    let files = packed_files(dir.path());
    let extra = KEEPS_PACKED.replace("PACKED", &dir.path().display().to_string());
    let options = WebOptions { gzip: None, extra, ..WebOptions::default() };
    let behind =
        Nginx::files(&options, &place.site, &place.certificates).start(&Preload::Stock).unwrap();
    let port = behind.ports().plain;
    let options = WebOptions { gzip: None, extra: UNPACKS.to_owned(), ..WebOptions::default() };
    let proxy = Nginx::proxy(&options, port, &place.certificates);
    let all = |preload: &Preload| {
        let server = proxy.start(preload).unwrap();
        let mut answers = Vec::new();
        for (name, _) in &files {
            let before = server.log().len();
            let body = unframed(server.ports().plain, &format!("/unpacked/packed/{name}"));
            // The line is written before the connection is closed, or with it.
            let is_refused = |server: &Server| !refusals(&server.log(), before).is_empty();
            let expects = *name != "right" && *name != "more-behind";
            assert!(!expects || server.wait_for(Duration::from_secs(30), is_refused), "{name}");
            answers.push((body, refusals(&server.log(), before)));
        }
        (server, answers)
    };
    let (_stock, stocks) = all(&Preload::Stock);
    let page = Content::Html.bytes(200_000);
    assert!(stocks[0].0 == page && stocks[0].1.is_empty());
    for mode in ["inline", "coroutine"] {
        let (server, ours) = all(&on_isal(mode, "never-bigger"));
        assert!(server.counter("decompress.taken") > 0, "{mode}");
        for (((name, _), (body, why)), (stocks, stocks_why)) in files.iter().zip(&ours).zip(&stocks)
        {
            assert_eq!(why, stocks_why, "{mode} {name}");
            // How much went out before depends on how the pieces came from behind.
            let len = body.len().min(stocks.len());
            assert!(body[..len] == stocks[..len], "{mode} {name}");
            assert!(!why.is_empty() || body == stocks, "{mode} {name}: {}", body.len());
        }
        assert_eq!(server.alarms(), Vec::<String>::new(), "{mode}");
    }
}

fn open_to_all() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o755)
}

/// Connections that have had a compressed page, and are kept.
#[test]
fn an_idle_connection_takes_no_more_memory_than_with_stock() {
    const FEW: usize = 50;
    const MANY: usize = 350;
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap();
    let options = WebOptions { gzip: Some(6), ..WebOptions::default() };
    let nginx = Nginx::files(&options, &place.site, &place.certificates);
    let request =
        b"GET /html-32768.html HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    let for_each = |preload: &Preload| {
        let server = nginx.start(preload).unwrap();
        let mut idle = Vec::new();
        let mut resident = Vec::new();
        for count in [FEW, MANY] {
            while idle.len() < count {
                let patience = Duration::from_secs(30);
                let port = server.ports().plain;
                let mut connection = Connection::open(&Transport::Plain, port, patience).unwrap();
                connection.send(request).unwrap();
                let answer = connection.receive().unwrap();
                assert_eq!(answer.header("content-encoding"), Some("gzip"));
                idle.push(connection);
            }
            assert!(wait::until(Duration::from_secs(30), || server.rests()));
            resident.push(server.resident_bytes().unwrap());
        }
        (resident[1].saturating_sub(resident[0])) / (MANY - FEW) as u64
    };
    let stock = for_each(&Preload::Stock);
    for policy in ["never-bigger", "balanced"] {
        let ours = for_each(&on_isal("inline", policy));
        println!("bytes of an idle connection: {ours} ({policy}), stock {stock}");
        // ISA-L's state has 82 KB and more, libdeflate's compressor 672 KB.
        assert!(ours < stock + 8192, "{policy}: {ours}, stock {stock}");
    }
}
