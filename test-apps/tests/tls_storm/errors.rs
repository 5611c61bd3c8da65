//! What goes wrong is noticed, under its kind, and in the exit code.

use crate::forger::Forger;
use crate::storm::storm;
use crate::{KEYS, Place};
use interlude_test_apps::{KeyKind, free_port};
use std::net::{Ipv4Addr, TcpListener};

#[test]
fn a_body_that_is_not_the_expected_one() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    let other = place.site.on_disk(place.large()).display().to_string();
    for expectation in [["--expect-sha256", &place.large().sha256], ["--expect-file", &other]] {
        let run = storm(&place.tls())
            .with(&["--handshakes", "5", "--path", &place.small().path])
            .with(&expectation)
            .run();
        run.has_errors("body", 5);
        assert_eq!((run.count("handshakes"), run.count("requests")), (5, 0), "{run}");
    }
}

#[test]
fn bodies_of_one_path_that_differ() {
    let place = Place::new(KeyKind::EcdsaP256, "location /id { return 200 $request_id; }");
    let run = storm(&place.tls()).with(&["--handshakes", "8", "--path", "/id"]).run();
    run.has_errors("body", 7);
    assert_eq!(run.count("requests"), 1, "{run}");
}

#[test]
fn signatures_that_are_wrong_wherever_they_are_verified() {
    for key in KEYS {
        for version in ["1.2", "1.3"] {
            for (share, wrong) in [("1", 4), ("0.5", 2), ("0", 0)] {
                let forger = Forger::serve(key, 4);
                let run = storm(&forger.address)
                    .with(&["--handshakes", "4", "--connections", "1", "--tls", version])
                    .with(&["--verify-share", share])
                    .run();
                forger.join();
                assert_eq!(run.at("/errors/signature"), wrong, "{run}");
                assert_eq!(run.count("error_total"), wrong, "{run}");
                assert_eq!(run.count("handshakes"), 4 - wrong, "{run}");
                assert_eq!(run.count("verified_signatures"), 0, "{run}");
                assert_eq!(run.code, Some(i32::from(wrong > 0)), "{run}");
            }
        }
    }
}

#[test]
fn a_status_that_is_not_200() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    storm(&place.tls())
        .with(&["--handshakes", "3", "--path", "/missing"])
        .run()
        .has_errors("http", 3);
}

#[test]
fn a_server_that_speaks_no_tls() {
    let place = Place::new(KeyKind::EcdsaP256, "");
    storm(&place.plain()).with(&["--handshakes", "3"]).run().has_errors("tls", 3);
}

#[test]
fn a_version_that_the_server_refuses() {
    let place = Place::new(KeyKind::EcdsaP256, "ssl_protocols TLSv1.3;");
    storm(&place.tls()).with(&["--handshakes", "3", "--tls", "1.2"]).run().has_errors("tls", 3);
}

#[test]
fn a_port_where_nobody_listens() {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    storm(&address).with(&["--handshakes", "3"]).run().has_errors("connect", 3);
    storm(&address).with(&["--plain", "--requests", "3"]).run().has_errors("connect", 3);
}

#[test]
fn a_server_that_never_answers() {
    // The kernel accepts for it.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for protocol in [&["--handshakes", "2"][..], &["--plain", "--requests", "2"]] {
        let run = storm(&address).with(protocol).with(&["--timeout", "0.1"]).run();
        run.has_errors("timeout", 2);
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let refusals = [
        (&["--plain", "--resume"][..], "cannot be used with"),
        (&["--tls", "1.1"], "1.1"),
        (&["--verify-share", "2"], "not between 0 and 1"),
        (&["--expect-sha256", "beef"], "64 hexadecimal digits"),
        (&["--expect-file", "/does/not/exist"], "/does/not/exist"),
        (&["--connections", "0"], "0"),
        (&["--no-such-option"], "--no-such-option"),
    ];
    for (arguments, reason) in refusals {
        let line = storm("127.0.0.1:1").with(arguments).refusal();
        assert!(line.starts_with("tls-storm: ") && line.contains(reason), "{line}");
    }
}
