//! Four threads, each an event loop, with the conversation of the two-messages server.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;
use std::collections::BTreeSet;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 6;
const SHARING: [&str; 3] = ["exclusive", "reuseport", "oneshot"];

/// All answers right, then a clean end. Returns how often a coroutine was parked.
fn answers_right(sharing: &str, preload: &Preload) -> u64 {
    let app = App::start(env!("APP_THREADS"), &[sharing, "sign"], preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let outcome = conversation.set_and_get(ROUNDS);
    let right = Outcome { right: CONNECTIONS * ROUNDS * 2, ..Outcome::default() };
    assert_eq!(outcome, right, "{sharing} {preload}");
    let parked = app.counter("coroutine.parked");
    app.stop();
    parked
}

#[test]
fn four_plain_loops_answer_right() {
    for sharing in SHARING {
        answers_right(sharing, &Preload::Stock);
    }
}

#[test]
fn in_each_mode_four_loops_answer_right() {
    for mode in MODES {
        answers_right("exclusive", &preload(mode));
    }
}

#[test]
fn the_loops_of_threads_park_and_answer_right() {
    for sharing in SHARING {
        let parked = answers_right(sharing, &coroutine(&[]));
        assert!(parked > 0, "{sharing}: no coroutine was ever parked");
    }
}

/// The kernel spreads connections over the listeners by their ports' hash: with 64 of them, the
/// chance that one of four gets none is 4 x 0.75^64, one in 25 million.
#[test]
fn each_thread_with_a_listener_of_its_own_serves() {
    for mode in ["stock", "coroutine"] {
        let app = App::start(env!("APP_THREADS"), &["reuseport", "sign"], &preload(mode));
        let answers = Conversation::open(app.port(), CONNECTIONS).answers("who");
        let threads: BTreeSet<String> = answers.into_iter().collect();
        let all: BTreeSet<String> = (0..4).map(|number| format!("thread {number}")).collect();
        assert_eq!(threads, all, "{mode}");
        app.stop();
    }
}
