//! tls-storm against stock nginx: it must count rightly what goes well, and notice what does not.
//!
//! Must not: measure anything.

mod errors;
mod forger;
mod interrupt;
mod storm;

use interlude_test_apps::{
    Certificates, Content, KeyKind, Lighttpd, Nginx, Preload, Server, Site, SiteFile, WebOptions,
};
use storm::storm;

/// A stock nginx and what it serves.
struct Place {
    site: Site,
    server: Server,
}

fn certificates() -> Certificates {
    Certificates::in_dir(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

impl Place {
    /// `extra` goes into nginx's `server` block.
    fn new(key: KeyKind, extra: &str) -> Self {
        let site = Site::new(&[(Content::Html, 1 << 10), (Content::Html, 200_000)]).unwrap();
        let options = WebOptions { key, extra: extra.to_owned(), ..WebOptions::default() };
        let certificates = certificates();
        let nginx = Nginx::files(&options, &site, &certificates);
        let server = nginx.start(&Preload::Stock).unwrap();
        Self { site, server }
    }

    fn small(&self) -> &SiteFile {
        &self.site.files()[0]
    }

    fn large(&self) -> &SiteFile {
        &self.site.files()[1]
    }

    fn tls(&self) -> String {
        format!("127.0.0.1:{}", self.server.ports().tls)
    }

    fn plain(&self) -> String {
        format!("127.0.0.1:{}", self.server.ports().plain)
    }
}

const KEYS: [KeyKind; 2] = [KeyKind::Rsa2048, KeyKind::EcdsaP256];

#[test]
fn full_handshakes_of_both_versions_with_both_kinds_of_keys() {
    for key in KEYS {
        let place = Place::new(key, "");
        let file = place.small();
        for version in ["1.2", "1.3"] {
            let run = storm(&place.tls())
                .with(&["--tls", version, "--handshakes", "60", "--connections", "8"])
                .with(&["--path", &file.path, "--expect-sha256", &file.sha256])
                .with(&["--verify-share", "1"])
                .run();
            run.is_clean();
            assert_eq!(run.count("handshakes"), 60, "{run}");
            assert_eq!((run.count("full"), run.count("resumed")), (60, 0), "{run}");
            assert_eq!(run.count("verified_signatures"), 60, "{run}");
            assert_eq!(run.count("requests"), 60, "{run}");
            assert_eq!(run.count("body_bytes"), 60 * file.bytes.len() as u64, "{run}");
            assert_eq!(run.at("/handshake_us/count"), 60, "{run}");
            assert_eq!(run.at("/request_us/count"), 60, "{run}");
        }
    }
}

/// The server has nothing to sign; with another kind of key, there is no such handshake.
#[test]
fn handshakes_without_an_ephemeral_key() {
    let by = |place: &Place, requests: &str, file: &SiteFile| {
        storm(&place.tls())
            .with(&["--tls", "1.2", "--static-rsa", "--handshakes", "60", "--connections", "8"])
            .with(&["--path", &file.path, "--expect-sha256", &file.sha256])
            .with(&["--requests-per-connection", requests])
            .run()
    };
    let place = Place::new(KeyKind::Rsa2048, "");
    for (requests, file) in [("1", place.large()), ("3", place.small()), ("0", place.small())] {
        let run = by(&place, requests, file);
        run.is_clean();
        assert_eq!((run.count("handshakes"), run.count("full")), (60, 60), "{run}");
        assert_eq!(run.count("verified_signatures"), 0, "{run}");
        let asked = 60 * requests.parse::<u64>().unwrap();
        assert_eq!(run.count("requests"), asked, "{run}");
        assert_eq!(run.count("body_bytes"), asked * file.bytes.len() as u64, "{run}");
    }
    let place = Place::new(KeyKind::EcdsaP256, "");
    let run = by(&place, "1", place.small());
    run.has_errors("tls", 60);
    let refusal = storm(&place.tls()).with(&["--static-rsa"]).refusal();
    assert_eq!(refusal.trim_end(), "tls-storm: --static-rsa needs --tls 1.2");
}

#[test]
fn sessions_are_resumed_wherever_one_is_at_hand() {
    for key in KEYS {
        let place = Place::new(key, "");
        for version in ["1.2", "1.3"] {
            for requests in ["0", "1"] {
                let run = storm(&place.tls())
                    .with(&["--tls", version, "--handshakes", "60", "--connections", "4"])
                    .with(&["--path", &place.small().path, "--requests-per-connection", requests])
                    .with(&["--resume"])
                    .run();
                run.is_clean();
                // Only the first of each place can find no session.
                assert!((1..=4).contains(&run.count("full")), "{run}");
                assert_eq!(run.count("full") + run.count("resumed"), 60, "{run}");
            }
        }
    }
}

#[test]
fn handshakes_without_requests_are_settled_with_the_server() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    for version in ["1.2", "1.3"] {
        let run = storm(&place.tls())
            .with(&["--tls", version, "--handshakes", "40", "--requests-per-connection", "0"])
            .run();
        run.is_clean();
        assert_eq!((run.count("handshakes"), run.count("requests")), (40, 0), "{run}");
    }
}

#[test]
fn a_server_that_waits_for_the_client_to_close_need_not_wait() {
    let site = Site::new(&[(Content::Html, 1 << 10)]).unwrap();
    let (options, certificates) = (WebOptions::default(), certificates());
    let server = Lighttpd::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let address = format!("127.0.0.1:{}", server.ports().tls);
    for version in ["1.2", "1.3"] {
        for requests in ["0", "1", "3"] {
            let run = storm(&address)
                .with(&["--tls", version, "--handshakes", "20", "--connections", "1"])
                .with(&["--path", &site.files()[0].path, "--requests-per-connection", requests])
                .run();
            run.is_clean();
            assert_eq!(run.count("handshakes"), 20, "{run}");
            // lighttpd would wait five seconds on each.
            assert!(run.number("elapsed_s") < 60.0, "{run}");
        }
    }
}

#[test]
fn connections_are_kept_for_the_requests_asked_for() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let (small, large) = (place.small(), place.large());
    let (first, second) = (place.site.on_disk(small), place.site.on_disk(large));
    let (first, second) = (first.display().to_string(), second.display().to_string());
    for version in ["1.2", "1.3"] {
        let run = storm(&place.tls())
            .with(&["--tls", version, "--connections", "4", "--requests", "100"])
            .with(&["--requests-per-connection", "10"])
            .with(&["--path", &small.path, "--path", &large.path])
            .with(&["--expect-file", &first, "--expect-file", &second])
            .run();
        run.is_clean();
        assert_eq!(run.count("requests"), 100, "{run}");
        assert!((10..=13).contains(&run.count("handshakes")), "{run}");
        assert_eq!(run.count("body_bytes"), 50 * (1 << 10) + 50 * 200_000, "{run}");
    }
}

#[test]
fn compressed_bodies_come_chunked_and_are_compared_with_each_other() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let run = storm(&place.tls())
        .with(&["--requests", "40", "--requests-per-connection", "5"])
        .with(&["--header", "Accept-Encoding: gzip", "--path", &place.large().path])
        .run();
    run.is_clean();
    assert_eq!(run.count("requests"), 40, "{run}");
    assert!(run.count("body_bytes") < 40 * 100_000, "{run}");
}

#[test]
fn plain_http_needs_no_handshake() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let file = place.small();
    for requests_per_connection in ["1", "25"] {
        let run = storm(&place.plain())
            .with(&["--plain", "--requests", "100", "--connections", "2"])
            .with(&["--requests-per-connection", requests_per_connection])
            .with(&["--path", &file.path, "--expect-sha256", &file.sha256])
            .run();
        run.is_clean();
        assert_eq!((run.count("handshakes"), run.count("requests")), (0, 100), "{run}");
    }
}

#[test]
fn another_group_is_negotiated_or_asked_for_at_once() {
    let place = Place::new(KeyKind::EcdsaP256, "ssl_ecdh_curve prime256v1;");
    let run = |more: &[&str]| {
        let run = storm(&place.tls())
            .with(&["--handshakes", "10", "--path", &place.small().path])
            .with(more)
            .run();
        run.is_clean();
        assert_eq!(run.count("handshakes"), 10, "{run}");
        run.count("hello_retries")
    };
    assert_eq!(run(&[]), 10);
    assert_eq!(run(&["--group", "p256"]), 0);
    assert_eq!(run(&["--tls", "1.2"]), 0);
}

#[test]
fn a_rate_is_not_exceeded() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let run = storm(&place.tls())
        .with(&["--rate", "100", "--handshakes", "21", "--path", &place.small().path])
        .run();
    run.is_clean();
    assert_eq!(run.count("handshakes"), 21, "{run}");
    // The last of them is due after 20 hundredths.
    assert!(run.number("elapsed_s") >= 0.2, "{run}");
}

#[test]
fn the_table_says_what_the_json_says() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let table =
        storm(&place.tls()).with(&["--handshakes", "10", "--path", &place.small().path]).table();
    assert!(table.contains("10 full, 0 resumed, 1 signatures verified"), "{table}");
    assert!(table.contains("errors      0"), "{table}");
}
