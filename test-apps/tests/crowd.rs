//! The crowd itself, on stock servers: it must find nothing wrong there, and must find what is.

use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::{
    Certificates, Content, Lighttpd, Nginx, Preload, Server, Site, WebOptions,
};

fn certificates() -> Certificates {
    Certificates::in_dir(concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates")).unwrap()
}

fn finds_nothing_wrong(server: &Server, site: &Site) {
    for gzip in [false, true] {
        let reference = Reference::take(server.ports().plain, site, gzip).unwrap();
        assert_eq!(reference.pages().iter().any(|page| page.compressed()), gzip);
        for transport in [Transport::Plain, Transport::tls12(), Transport::tls13()] {
            let tls = matches!(transport, Transport::Tls(_));
            let port = if tls { server.ports().tls } else { server.ports().plain };
            let tally = Crowd::new(transport, 16, 200).run(port, &reference);
            assert!(tally.clean(), "{tally}");
            assert_eq!((tally.requests, tally.connections), (200, 16));
        }
    }
}

#[test]
fn stock_servers_answer_as_they_answered_before() {
    let (site, certificates) = (Site::standard().unwrap(), certificates());
    let options = WebOptions::default();
    let nginx = Nginx::files(&options, &site, &certificates);
    finds_nothing_wrong(&nginx.start(&Preload::Stock).unwrap(), &site);
    let lighttpd = Lighttpd::files(&options, &site, &certificates);
    finds_nothing_wrong(&lighttpd.start(&Preload::Stock).unwrap(), &site);
}

#[test]
fn each_request_has_a_connection_of_its_own_when_none_is_kept() {
    let (site, certificates) = (Site::standard().unwrap(), certificates());
    let options = WebOptions::default();
    let server = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let reference = Reference::take(server.ports().plain, &site, true).unwrap();
    let crowd = Crowd { keep_alive: false, ..Crowd::new(Transport::tls13(), 10, 60) };
    let tally = crowd.run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
    assert_eq!((tally.requests, tally.connections), (60, 60));
}

#[test]
fn aborted_requests_are_no_failures_of_the_others() {
    let (site, certificates) = (Site::standard().unwrap(), certificates());
    let options = WebOptions::default();
    let server = Lighttpd::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let reference = Reference::take(server.ports().plain, &site, true).unwrap();
    let crowd = Crowd { abort_every: 3, ..Crowd::new(Transport::tls12(), 10, 90) };
    let tally = crowd.run(server.ports().tls, &reference);
    assert!(tally.clean(), "{tally}");
    assert_eq!((tally.requests, tally.aborted), (60, 30));
}

#[test]
fn another_body_and_another_header_are_found() {
    let certificates = certificates();
    let options = WebOptions::default();
    let site = Site::new(&[(Content::Html, 40_000)]).unwrap();
    let server = Nginx::files(&options, &site, &certificates).start(&Preload::Stock).unwrap();
    let reference = Reference::take(server.ports().plain, &site, false).unwrap();
    let crowd = Crowd::new(Transport::Plain, 2, 4);

    let gzip = Reference::take(server.ports().plain, &site, true).unwrap();
    assert_eq!(crowd.run(server.ports().plain, &gzip).failures, 0);
    let path = site.on_disk(&site.files()[0]);
    let mut bytes = site.files()[0].bytes.clone();
    bytes[20_000] ^= 1;
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let tally = crowd.run(server.ports().plain, &reference);
    assert_eq!(tally.failures, 4, "{tally}");
    assert!(tally.failed[0].contains("first difference at 20000"), "{tally}");

    std::fs::write(&path, &site.files()[0].bytes).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    let tally = crowd.run(server.ports().plain, &reference);
    assert!(tally.failed[0].contains("last-modified"), "{tally}");
}
