//! One buffer for all connections (C8): what a coroutine has written there is there until it ends.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 8;

fn start(preload: &Preload) -> App {
    App::start(env!("APP_SHARED_BUFFER"), &[], preload)
}

#[test]
fn in_each_mode_nothing_is_mixed() {
    for mode in MODES {
        let app = start(&preload(mode));
        let outcome = Conversation::open(app.port(), CONNECTIONS).ask("work", "done", 10);
        let right = Outcome { right: CONNECTIONS * 10, ..Outcome::default() };
        assert_eq!(outcome, right, "{mode}");
        if mode == "coroutine" {
            assert!(app.counter("coroutine.waited.region") > 0, "nobody waited for the buffer");
        }
        app.stop();
    }
}

#[test]
fn without_the_rule_of_shared_memory_answers_are_mixed() {
    let app = start(&coroutine(&[("INTERLUDE_RULES_OFF", "shared")]));
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let mixed = (0..50).any(|_| conversation.ask("work", "done", 1).wrong > 0);
    assert!(mixed, "50 good rounds: what is the rule for?");
    app.stop();
}
