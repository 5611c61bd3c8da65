//! A number that means another file by the time its event is handed out (C7): the event is not its.

use crate::app::{App, coroutine, preload};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 16;

fn start(preload: &Preload) -> App {
    App::start(env!("APP_REUSED_NUMBER"), &["sign"], preload)
}

/// What the server was told of its counters after a round in which half of the connections had
/// events waiting when they were closed by others.
fn told(app: &App) -> String {
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    conversation.say("kick");
    assert!(conversation.answered() > 0);
    Conversation::open(app.port(), 1).answers("tell").remove(0)
}

#[test]
fn no_event_is_invented() {
    for preload in [Preload::Stock, preload("inline"), preload("coroutine")] {
        let app = start(&preload);
        for _ in 0..10 {
            assert_eq!(told(&app), "told 0", "{preload}");
        }
        app.stop();
    }
}

#[test]
fn without_the_rule_of_identity_events_are_invented() {
    let app = start(&coroutine(&[("INTERLUDE_RULES_OFF", "identity")]));
    let invented = (0..50).any(|_| told(&app) != "told 0");
    assert!(invented, "none in 50 rounds: what is the rule for?");
    app.stop();
}
