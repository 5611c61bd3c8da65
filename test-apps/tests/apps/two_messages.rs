//! The founding example: the answer to the second message depends on what is done after the heavy
//! call of the first.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 48;
const ROUNDS: usize = 6;
const KINDS: [&str; 7] =
    ["sign", "derive", "keygen", "decrypt", "deflate", "deflate-stack", "libdeflate"];

/// All answers right, then a clean end. Returns how often a coroutine was parked.
fn answers_right(kind: &str, preload: &Preload) -> u64 {
    let app = App::start(env!("APP_TWO_MESSAGES"), &[kind], preload);
    let outcome = Conversation::open(app.port(), CONNECTIONS).set_and_get(ROUNDS);
    let right = Outcome { right: CONNECTIONS * ROUNDS * 2, ..Outcome::default() };
    assert_eq!(outcome, right, "{kind} {preload}");
    let parked = app.counter("coroutine.parked");
    app.stop();
    parked
}

#[test]
fn plain_servers_answer_the_second_message_from_the_state_that_the_first_left() {
    for kind in KINDS {
        answers_right(kind, &Preload::Stock);
    }
}

#[test]
fn in_each_mode_the_second_message_hears_the_answers_from_the_state_that_the_first_left() {
    for mode in MODES {
        let parked = answers_right("sign", &preload(mode));
        assert_eq!(parked > 0, mode == "coroutine", "{mode}: {parked} parks");
    }
}

#[test]
fn coroutines_park_in_each_kind_of_heavy_call_and_answer_right() {
    for kind in KINDS {
        let parked = answers_right(kind, &coroutine(&[]));
        // A stream that is made, used once and left may compress what is everybody's.
        assert_eq!(parked > 0, kind != "deflate-stack", "{kind}: {parked} parks");
    }
}

#[test]
fn answers_are_right_where_isal_compresses() {
    let settings = [("INTERLUDE_COMPRESS_WITH", "isal"), ("INTERLUDE_COMPRESS_POLICY", "fastest")];
    for kind in ["deflate", "deflate-stack"] {
        answers_right(kind, &coroutine(&settings));
    }
}

#[test]
fn answers_are_right_when_the_engine_refuses_most_jobs() {
    let settings = [("INTERLUDE_CORES_QUEUE", "1"), ("INTERLUDE_CORES_THREADS", "1")];
    answers_right("sign", &coroutine(&settings));
}

#[test]
fn answers_are_right_with_the_inline_engine() {
    answers_right("sign", &coroutine(&[("INTERLUDE_ENGINE", "inline")]));
}

#[test]
fn answers_are_right_over_an_emulated_device() {
    for (kind, device) in [
        ("sign", "public-key"),
        ("derive", "public-key"),
        ("deflate", "bluefield2-offchip"),
        ("libdeflate", "bluefield2-onchip"),
    ] {
        let device = ("INTERLUDE_DEVICE_DESCRIPTION", device);
        let parked = answers_right(kind, &coroutine(&[("INTERLUDE_ENGINE", "device"), device]));
        assert!(parked > 0, "{kind}");
    }
}

#[test]
fn without_the_rule_of_own_fds_the_second_message_overtakes_the_first() {
    let preload = coroutine(&[("INTERLUDE_RULES_OFF", "own_fd")]);
    let app = App::start(env!("APP_TWO_MESSAGES"), &["sign"], &preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let wrong = (0..50).map(|_| conversation.set_and_get(1).wrong).find(|wrong| *wrong > 0);
    assert!(wrong.is_some(), "no wrong answer in 50 rounds: what is the rule for?");
    app.stop();
}

/// A `get` that was held behind its `set` never comes.
#[test]
fn without_the_rule_of_order_a_held_event_is_lost() {
    let preload = coroutine(&[("INTERLUDE_RULES_OFF", "order")]);
    let app = App::start(env!("APP_TWO_MESSAGES"), &["sign"], &preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let lost = (0..50).any(|_| conversation.set_and_get(1).silent > 0);
    assert!(lost, "50 good rounds: what is the rule for?");
    app.kill();
}
