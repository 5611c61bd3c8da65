//! A loop of which nobody has parked for long does without the scheduler (`loop.rest_after`), and has it back when there
//! is something to park for, or somebody new.

use interlude_test_apps::crowd::{Connection, Crowd, Hello, Page, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Content, Preload, Server, SiteFile, WebOptions, WebServer};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// Events without a park after which a loop rests.
const REST_AFTER: u64 = 32;
/// Requests that make it rest: each has an event of its own.
const MANY: u64 = 3 * REST_AFTER;

struct Place {
    workplace: Workplace,
    server: Server,
    reference: Reference,
}

impl Place {
    fn new(web: WebServer, rest_after: u64) -> Self {
        let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/certificates");
        let workplace = Workplace::new(directory).unwrap();
        let Preload::Shim(shim) = Preload::of_mode_with_every_job("coroutine").unwrap() else {
            unreachable!("the shim was asked for")
        };
        let preload = Preload::Shim(shim.with("INTERLUDE_LOOP_REST_AFTER", rest_after));
        let options = WebOptions::default();
        let (reference, server) = workplace.beside_stock(web, &options, &preload).unwrap();
        Self { workplace, server, reference }
    }

    fn count(&self, name: &str) -> u64 {
        self.server.counter(name)
    }

    /// A connection without TLS.
    fn connect(&self) -> Connection {
        Connection::open(&Transport::Plain, self.server.ports().plain, PATIENCE).unwrap()
    }

    /// Requests by one connection, one after the other, with nothing to offload.
    fn ask(&self, connection: &mut Connection, requests: u64) {
        let file = self
            .workplace
            .site
            .files()
            .iter()
            .find(|file| file.content == Content::Random)
            .unwrap();
        let path = &file.path;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for _ in 0..requests {
            connection.send(request.as_bytes()).unwrap();
            assert_eq!(connection.receive().unwrap().content().unwrap(), file.bytes);
        }
    }

    /// Requests by it until the loop rests, once more than `rested` times.
    fn ask_until_it_rests(&self, connection: &mut Connection, rested: u64) {
        // A machine that does much else may have the loop be late with its timers meanwhile.
        let rests = (0..100).any(|_| {
            self.ask(connection, MANY);
            self.count("loop.rested") > rested
        });
        assert!(rests, "it does not rest");
    }

    /// A page whose compression is worth a park.
    fn page_that_parks(&self) -> &Page {
        let sizes = 8192..=1 << 20;
        let is_it =
            |file: &&SiteFile| file.content == Content::Html && sizes.contains(&file.bytes.len());
        let path = &self.workplace.site.files().iter().find(is_it).unwrap().path;
        let begin = format!("GET {path} ");
        let is_its = |page: &&Page| page.request(true).starts_with(begin.as_bytes());
        self.reference.pages().iter().find(is_its).unwrap()
    }

    /// Full handshakes, each with an answer.
    fn load(&self) {
        let crowd = Crowd { keep_alive: false, ..Crowd::new(Transport::tls13(), 12, 60) };
        let tally = crowd.run(self.server.ports().tls, &self.reference);
        assert!(tally.clean(), "{tally}");
        assert!(self.server.wait_for(PATIENCE, Server::rests));
    }
}

fn rests_and_goes_on(web: WebServer) {
    let place = Place::new(web, REST_AFTER);
    let (mut parked, mut rested) = (0, 0);
    for _ in 0..3 {
        place.load();
        assert!(place.count("coroutine.parked") > parked, "nobody has parked");
        parked = place.count("coroutine.parked");
        let mut connection = place.connect();
        place.ask_until_it_rests(&mut connection, rested);
        rested = place.count("loop.rested");
        // The scheduler is not asked any more.
        let delivered = place.count("event.delivered");
        place.ask(&mut connection, MANY);
        assert_eq!(place.count("event.delivered"), delivered);
    }
    assert_eq!(place.server.alarms(), Vec::<String>::new());
    assert_eq!(place.count("panics"), 0);
}

#[test]
fn nginx_rests_and_goes_on() {
    rests_and_goes_on(WebServer::Nginx);
}

#[test]
fn lighttpd_rests_and_goes_on() {
    rests_and_goes_on(WebServer::Lighttpd);
}

#[test]
fn a_loop_that_is_not_to_rest_does_not() {
    let place = Place::new(WebServer::Nginx, 0);
    place.load();
    place.ask(&mut place.connect(), MANY);
    assert_eq!(place.count("loop.rested"), 0);
}

/// lighttpd reads from connections as soon as it has accepted them, in the turn that ends the rest (`parked.rs`).
#[test]
fn who_comes_during_a_rest_begins_in_an_event_of_his_own() {
    let place = Place::new(WebServer::Lighttpd, REST_AFTER);
    // Where their connections are known to park.
    assert!((0..50).any(|_| {
        place.load();
        place.count("event.put_off") > 0
    }));
    let rested = place.count("loop.rested");
    place.ask_until_it_rests(&mut place.connect(), rested);
    let made = |s: &Server| s.counter("job.keygen.completed") + s.counter("job.keygen.in_place");
    let (put_off, before) = (place.count("event.put_off"), made(&place.server));
    let clients = Hello::of(&Transport::tls13()).unwrap().burst(&place.server, 8).unwrap();
    assert!(place.server.wait_for(PATIENCE, |s| made(s) >= before + 8));
    assert_eq!(place.count("event.put_off"), put_off + 8);
    drop(clients);
}

/// What comes by a connection first, while the loop rests, is not looked at: it may be HTTP/2's preface.
#[test]
fn who_says_nothing_before_the_loop_rests_is_not_parked() {
    let place = Place::new(WebServer::Nginx, REST_AFTER);
    place.load();
    let mut silent = place.connect();
    let mut known = place.connect();
    place.ask_until_it_rests(&mut known, 0);
    let page = place.page_that_parks();
    let ask = |connection: &mut Connection| {
        let (multiplexed, submitted) =
            (place.count("bypass.multiplexed"), place.count("job.deflate.submitted"));
        connection.send(&page.request(true)).unwrap();
        page.compare(&connection.receive().unwrap()).unwrap();
        (
            place.count("bypass.multiplexed") - multiplexed,
            place.count("job.deflate.submitted") - submitted,
        )
    };
    // In place: the first ends the rest, and in the first turn after that timers may run.
    assert_eq!(ask(&mut known), (0, 0));
    assert_eq!(ask(&mut known), (0, 0));
    let (multiplexed, submitted) = ask(&mut silent);
    assert!(multiplexed > 0 && submitted == 0, "{multiplexed} {submitted}");
    let (multiplexed, submitted) = ask(&mut known);
    assert!(multiplexed == 0 && submitted > 0, "{multiplexed} {submitted}");
}

/// Parks that serve nobody do not keep a loop from its rest: a lone client's compressions, each of which is parked.
#[test]
fn parks_in_vain_do_not_keep_a_loop_from_its_rest() {
    let place = Place::new(WebServer::Nginx, REST_AFTER);
    let page = place.page_that_parks();
    let mut lone = place.connect();
    let mut ask = |requests: u64| {
        for _ in 0..requests {
            lone.send(&page.request(true)).unwrap();
            page.compare(&lone.receive().unwrap()).unwrap();
        }
    };
    let rests = (0..100).any(|_| {
        ask(MANY);
        place.count("loop.rested") > 1
    });
    assert!(rests && place.count("coroutine.parked") > 0, "{}", place.count("coroutine.parked"));
}
