//! Requests that live on two connections (C2): clients leave while what their peers said is worked on.

use crate::app::{App, coroutine, preload};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 24;
const ROUNDS: usize = 20;

/// A relay, and the echo server that it passes everything on to.
struct Relay {
    app: App,
    peer: App,
}

impl Relay {
    fn start(kind: &str, preload: &Preload) -> Self {
        let peer = App::start(env!("APP_ECHO"), &["lt", "1000000000", "sign"], &Preload::Stock);
        let app = App::start(env!("APP_RELAY"), &[kind, &peer.port().to_string()], preload);
        Self { app, peer }
    }

    /// Clients come, ask, and leave when the first of them has its answer: those of the others are
    /// being made then. Returns how many requests have ended in the middle of that, until now.
    fn abandon(&self) -> u32 {
        let mut clients = Conversation::open(self.app.port(), CONNECTIONS);
        clients.say("set x");
        assert_eq!(clients.first_answer().as_deref(), Some("x"));
        drop(clients);
        let count = Conversation::open(self.app.port(), 1).answers("broken");
        count.first().unwrap().parse().unwrap()
    }

    fn stop(self) {
        self.app.stop();
        self.peer.stop();
    }
}

fn ends_no_request_early(kind: &str, preload: &Preload) -> u64 {
    let relay = Relay::start(kind, preload);
    let broken = (0..ROUNDS).map(|_| relay.abandon()).max();
    assert_eq!(broken, Some(0), "{kind} {preload}");
    let parked = relay.app.counter("coroutine.parked");
    relay.stop();
    parked
}

#[test]
fn a_plain_relay_ends_no_request_while_it_answers_it() {
    ends_no_request_early("sign", &Preload::Stock);
}

#[test]
fn a_client_that_leaves_waits_for_the_coroutine_of_its_peer() {
    for kind in ["sign", "deflate"] {
        let parked = ends_no_request_early(kind, &preload("coroutine"));
        assert!(parked > 0, "{kind}: no coroutine was ever parked");
    }
}

#[test]
fn without_the_rule_of_linked_fds_requests_end_while_they_are_answered() {
    let relay = Relay::start("sign", &coroutine(&[("INTERLUDE_RULES_OFF", "linked_fds")]));
    let broken = (0..50).map(|_| relay.abandon()).find(|broken| *broken > 0);
    assert!(broken.is_some(), "no request was ended early in 50 rounds: what is the rule for?");
    relay.stop();
}
