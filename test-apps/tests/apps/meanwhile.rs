//! What was closed while somebody waited for it (C4): a write to it fails, and does not go to what
//! has its number now.

use crate::app::{App, coroutine, preload};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;
use std::collections::BTreeMap;

const WORKERS: usize = 8;
const POKERS: usize = 4;
const ROUNDS: usize = 20;

fn start(preload: &Preload) -> App {
    App::start(env!("APP_MEANWHILE"), &["sign"], preload)
}

/// Connections work, and others poke them. Returns how often each answer came.
fn poke(app: &App, rounds: usize) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for _ in 0..rounds {
        let mut workers = Conversation::open(app.port(), WORKERS);
        let mut pokers = Conversation::open(app.port(), POKERS);
        workers.say("work");
        for answer in pokers.answers("poke") {
            *answers.entry(answer).or_default() += 1;
        }
    }
    answers
}

#[test]
fn a_plain_server_is_never_seen_at_work() {
    let app = start(&Preload::Stock);
    assert_eq!(poke(&app, 3), BTreeMap::from([("none".to_owned(), 3 * POKERS)]));
    app.stop();
}

#[test]
fn a_write_to_what_was_closed_meanwhile_fails() {
    let app = start(&preload("coroutine"));
    let answers = poke(&app, ROUNDS);
    assert_eq!(answers.get("astray"), None, "{answers:?}");
    assert!(answers.contains_key("gone"), "nobody waited: {answers:?}");
    app.stop();
}

#[test]
fn without_the_rule_of_objects_it_goes_astray() {
    let app = start(&coroutine(&[("INTERLUDE_RULES_OFF", "objects")]));
    let astray = (0..50).any(|_| poke(&app, 1).contains_key("astray"));
    assert!(astray, "no write went astray in 50 rounds: what is the rule for?");
    app.stop();
}
