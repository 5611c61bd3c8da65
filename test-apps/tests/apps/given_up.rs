//! What happens when jobs are given up: their coroutines make the calls themselves, in turns with the
//! server's events, and no second job waits for an engine that is silent.

use crate::app::{App, coroutine};
use crate::at_work::lasting_settings;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;
use std::thread;
use std::time::Duration;

/// What is given to the engine is given up after so long.
const DEADLINE: Duration = Duration::from_secs(2);
/// Connections whose jobs are given up, but for one that is looked at.
const OTHERS: usize = 7;

/// A server of which a first call was made in place.
fn start(preload: &Preload) -> App {
    let app = App::start(env!("APP_TWO_MESSAGES"), &["sign"], preload);
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 2).right, 2);
    app
}

fn never_answered() -> Preload {
    let deadline = DEADLINE.as_millis().to_string();
    let settings = lasting_settings().map(|(name, value)| match name {
        "INTERLUDE_DEADLINE_MS" => (name, deadline.as_str()),
        "INTERLUDE_QUARANTINE_MS" => (name, "600000"),
        _ => (name, value),
    });
    coroutine(&settings)
}

/// The latest of them has said something more, which is held. Of all whose time is up it comes first, then
/// that event, and then the others.
#[test]
fn whoever_keeps_an_event_from_the_server_comes_first_and_events_between() {
    let app = start(&never_answered());
    let mut others = Conversation::open(app.port(), OTHERS);
    others.say("set value");
    app.await_parked(OTHERS as u64);
    let mut last = Conversation::open(app.port(), 1);
    last.say("set value");
    app.await_parked(OTHERS as u64 + 1);
    let held = app.counter("event.held");
    last.say("count");
    app.await_counter("event.held", held + 1);
    app.paused(|| thread::sleep(DEADLINE));
    assert_eq!(last.first_answer().as_deref(), Some("done"));
    // Two were done before.
    assert_eq!(last.first_answer().as_deref(), Some("3"));
    assert_eq!(others.hear(), vec![Some("done".to_owned()); OTHERS]);
    assert_eq!(app.counter("engine.redone"), OTHERS as u64 + 1);
    app.stop();
}

/// Two connections of two calls each: the first two are given up together, and one more, with which the
/// engine was tried again.
#[test]
fn a_silent_engine_gets_one_job_at_a_time() {
    let app = start(&never_answered());
    let mut clients = Conversation::open(app.port(), 2);
    clients.say("set one");
    app.await_parked(2);
    clients.say("set two");
    for _ in 0..2 {
        assert_eq!(clients.hear(), vec![Some("done".to_owned()); 2]);
    }
    assert_eq!(app.counter("engine.late"), 3);
    assert_eq!(app.counter("bypass.late"), 1);
    app.stop();
}
