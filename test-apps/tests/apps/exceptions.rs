//! C++ exceptions across heavy calls: who is caught, rethrown, handled or under way is each
//! coroutine's own affair. An answer is the text of the exception that was caught.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 24;
const ROUNDS: usize = 4;
/// What the handlers do (`c/exceptions/handlers.cpp`); each but the last two makes the heavy call.
const VERBS: [&str; 9] = ["try", "hold", "again", "keep", "undo", "nest", "deep", "past", "look"];
/// Where the loop runs.
const LOOPS: [&str; 2] = ["plain", "in-catch"];

fn start(place: &str, kind: &str, preload: &Preload) -> App {
    App::start(env!("APP_EXCEPTIONS"), &[place, kind], preload)
}

/// Each connection with a verb of its own, all at once. Returns how often a coroutine was parked.
fn answers_right(place: &str, kind: &str, preload: &Preload) -> u64 {
    let app = start(place, kind, preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let outcome = conversation
        .echo(ROUNDS * VERBS.len(), |connection, round| VERBS[(connection + round) % VERBS.len()]);
    let right = CONNECTIONS * ROUNDS * VERBS.len();
    assert_eq!(outcome, Outcome { right, ..Outcome::default() }, "{place} {kind} {preload}");
    let parked = app.counter("coroutine.parked");
    app.stop();
    parked
}

#[test]
fn a_plain_server_catches_what_it_has_thrown() {
    for place in LOOPS {
        answers_right(place, "sign", &Preload::Stock);
    }
}

#[test]
fn in_each_mode_each_handler_catches_its_own_exception() {
    for mode in MODES {
        for place in LOOPS {
            let parked = answers_right(place, "sign", &preload(mode));
            // Nearly each of the calls is a park.
            let parks = CONNECTIONS * ROUNDS;
            assert_eq!(parked as usize > parks, mode == "coroutine", "{mode}: {parked} parks");
        }
    }
}

#[test]
fn coroutines_park_in_a_compression_with_exceptions_under_way() {
    let parked = answers_right("plain", "deflate", &preload("coroutine"));
    assert!(parked > 0, "no coroutine was ever parked");
}

/// One handles an exception across its call; to others, who only look, it is theirs.
#[test]
fn without_a_state_of_its_own_a_coroutine_handles_the_exception_of_another() {
    let app = start("plain", "sign", &coroutine(&[("INTERLUDE_RULES_OFF", "ambient")]));
    let mut holder = Conversation::open(app.port(), 1);
    let mut lookers = Conversation::open(app.port(), 4);
    let astray = (0..50).any(|_| {
        holder.say("hold x");
        let looks = lookers.answers("look y");
        holder.first_answer();
        looks.iter().any(|answer| answer == "astray")
    });
    assert!(astray, "nobody saw another's exception in 50 rounds: what is the swap for?");
    app.stop();
}
