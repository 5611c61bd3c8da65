//! One buffer for all connections (C8): what a coroutine has written there is there until it ends.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 8;

fn start(part: &str, preload: &Preload) -> App {
    App::start(env!("APP_SHARED_BUFFER"), &[part], preload)
}

/// How a server may read.
const CALLS: [&str; 5] = ["read", "recv", "recvfrom", "readv", "recvmsg"];

#[test]
fn in_each_mode_nothing_is_mixed() {
    for mode in MODES {
        let app = start("output", &preload(mode));
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
    let app = start("output", &coroutine(&[("INTERLUDE_RULES_OFF", "shared")]));
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let mixed = (0..50).any(|_| conversation.ask("work", "done", 1).wrong > 0);
    assert!(mixed, "50 good rounds: what is the rule for?");
    app.stop();
}

/// Each connection says what is to be answered.
fn echoes(app: &App) -> Outcome {
    Conversation::open(app.port(), CONNECTIONS).echo(10, |_, _| "say")
}

#[test]
fn what_was_read_is_there_until_it_is_answered() {
    for call in CALLS {
        for mode in MODES {
            let app = start(call, &preload(mode));
            let right = Outcome { right: CONNECTIONS * 10, ..Outcome::default() };
            assert_eq!(echoes(&app), right, "{call}, {mode}");
            app.stop();
        }
    }
}

#[test]
fn without_the_rule_of_shared_memory_another_message_is_answered() {
    for call in CALLS {
        let app = start(call, &coroutine(&[("INTERLUDE_RULES_OFF", "shared")]));
        let mixed = (0..50).any(|_| echoes(&app).wrong > 0);
        assert!(mixed, "{call}: 50 good rounds: what is the rule for?");
        app.stop();
    }
}
