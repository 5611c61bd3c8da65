//! A thread that leaves its event loop with requests under way; another one takes the loop over.

use crate::app::{App, failing_with};
use crate::at_work::{AtWork, lasting, lasting_settings};
use crate::conversation::{Conversation, Outcome};

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// What came before is answered, and so is what comes after.
fn leaves(way: &str, mode: &str) {
    let app = App::start(env!("APP_LEAVING"), &["sign", way], &lasting(mode));
    let at_work = AtWork::begin(&app, mode);
    let outcome = Conversation::open(app.port(), 1).ask("leave", "left", 1);
    assert_eq!(outcome, Outcome { right: 1, ..Outcome::default() }, "{way} {mode}");
    // A thread that is cancelled from outside takes what is parked with it (README, "Limits").
    if way != "cancelled" || mode != "coroutine" {
        at_work.hears_the_answers();
    }
    let after = Conversation::open(app.port(), 4).set_and_get(1);
    assert_eq!(after, Outcome { right: 8, ..Outcome::default() }, "{way} {mode}");
    assert_eq!(app.counter("panics"), 0, "{way} {mode}");
    app.stop();
}

#[test]
fn by_pthread_exit_in_a_handler() {
    MODES.iter().for_each(|mode| leaves("exit", mode));
}

#[test]
fn by_pthread_exit_in_the_handler_of_a_signal() {
    MODES.iter().for_each(|mode| leaves("signal", mode));
}

#[test]
fn by_cancelling_itself() {
    MODES.iter().for_each(|mode| leaves("cancel", mode));
}

#[test]
fn by_being_cancelled() {
    MODES.iter().for_each(|mode| leaves("cancelled", mode));
}

#[test]
fn by_returning() {
    MODES.iter().for_each(|mode| leaves("return", mode));
}

/// One that leaves waits until it is alone; so does, after a panic, one that has a lock which a third
/// waits for. The one that has panicked goes on first.
#[test]
fn whoever_leaves_leaves_last_after_a_panic() {
    let failing = failing_with("pthread_mutex_unlock.before:1", &lasting_settings());
    let app = App::start(env!("APP_LEAVING"), &["sign", "exit"], &failing);
    // In place: it only arms the thread, whose first turn after that is nobody's beside another's.
    let mut last = Conversation::open(app.port(), 1);
    assert_eq!(last.set_and_get(2).right, 4);
    let mut workers = Conversation::open(app.port(), 2);
    assert_eq!(workers.ask("get", "none", 2).right, 4);
    last.say("last");
    app.await_parked(1);
    workers.say("work");
    app.await_parked(3);
    assert_eq!(last.hear(), [Some("left".to_owned())], "{}", app.output());
    assert_eq!(workers.hear(), vec![Some("done".to_owned()); 2], "{}", app.output());
    assert_eq!(app.counter("panics"), 1);
    assert_eq!(workers.ask("get", "none", 1).right, 2, "nobody has taken the loop over");
    app.stop();
}
