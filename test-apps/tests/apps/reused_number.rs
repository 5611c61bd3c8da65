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
    // All are accepted.
    conversation.answers("tell");
    app.paused(|| conversation.say("kick"));
    assert!(conversation.answered() > 0);
    Conversation::open(app.port(), 1).answers("tell").remove(0)
}

/// Events go alone, and nobody parks: so whoever has closed another's connection has ended when the event of
/// that comes up, and does not hold the number any more.
const ONE_BY_ONE: (&str, &str) = ("INTERLUDE_ENGINE", "inline");

#[test]
fn no_event_is_invented() {
    let one_by_one = coroutine(&[ONE_BY_ONE]);
    for preload in [Preload::Stock, preload("inline"), preload("coroutine"), one_by_one] {
        let app = start(&preload);
        for _ in 0..10 {
            assert_eq!(told(&app), "told 0", "{preload}");
        }
        app.stop();
    }
}

#[test]
fn without_the_rule_of_identity_events_are_invented() {
    let app = start(&coroutine(&[ONE_BY_ONE, ("INTERLUDE_RULES_OFF", "identity")]));
    let invented = (0..50).any(|_| told(&app) != "told 0");
    assert!(invented, "none in 50 rounds: what is the rule for?");
    app.stop();
}
