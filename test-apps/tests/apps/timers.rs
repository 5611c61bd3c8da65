//! A timer that fires while the coroutine that set it is parked spoils its work (C5).

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 12;
const ROUNDS: usize = 4;

/// All answers right, then a clean end. Returns how often a coroutine was parked.
fn answers_in_time(kind: &str, preload: &Preload) -> u64 {
    let app = App::start(env!("APP_TIMERS"), &[kind], preload);
    let outcome = Conversation::open(app.port(), CONNECTIONS).set_and_get(ROUNDS);
    let right = Outcome { right: CONNECTIONS * ROUNDS * 2, ..Outcome::default() };
    assert_eq!(outcome, right, "{kind} {preload}");
    let parked = app.counter("coroutine.parked");
    app.stop();
    parked
}

#[test]
fn in_each_mode_no_timer_fires_within_an_event() {
    for mode in MODES {
        let parked = answers_in_time("sign", &preload(mode));
        assert_eq!(parked > 0, mode == "coroutine", "{mode}: {parked} parks");
    }
}

#[test]
fn no_timer_fires_beside_a_parked_coroutine() {
    for kind in ["sign", "decrypt", "deflate", "libdeflate"] {
        let parked = answers_in_time(kind, &coroutine(&[]));
        assert!(parked > 0, "{kind}: no coroutine was ever parked");
    }
}

/// One helper takes their calls in turn: when the first event is over, those of the others are not,
/// and their timers have long been due.
#[test]
fn without_the_rule_of_timers_one_fires_beside_a_parked_coroutine() {
    let settings = [("INTERLUDE_RULES_OFF", "timers"), ("INTERLUDE_CORES_THREADS", "1")];
    let app = App::start(env!("APP_TIMERS"), &["sign"], &coroutine(&settings));
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let wrong = (0..50).map(|_| conversation.set_and_get(1).wrong).find(|wrong| *wrong > 0);
    assert!(wrong.is_some(), "no wrong answer in 50 rounds: what is the rule for?");
    app.stop();
}
