//! Children of a server that has requests under way: they begin with nothing of them, and the
//! server goes on as before.

use crate::app::{App, PATIENCE, coroutine, preload};
use crate::at_work::{AT_WORK, AtWork, lasting};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::{Preload, wait};
use std::thread;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];
const COMMANDS: [(&str, &str); 3] = [("fork", "child"), ("vfork", "child"), ("ids", "same")];

fn start(preload: &Preload) -> App {
    App::start(env!("APP_CHILDREN"), &["sign"], preload)
}

fn beside_work(command: &str, answer: &str) {
    for mode in MODES {
        let app = start(&lasting(mode));
        let at_work = AtWork::begin(&app, mode);
        let outcome = Conversation::open(app.port(), 1).ask(command, answer, 3);
        assert_eq!(outcome, Outcome { right: 3, ..Outcome::default() }, "{command} {mode}");
        at_work.hears_the_answers();
        assert_eq!(app.counter("panics"), 0);
        app.stop();
    }
}

#[test]
fn a_fork_beside_work_gives_a_child_that_works_and_a_parent_that_goes_on() {
    beside_work("fork", "child");
}

#[test]
fn what_a_vforked_child_closes_stays_open_in_its_parent() {
    beside_work("vfork", "child");
}

#[test]
fn ids_are_set_in_every_thread_beside_work() {
    beside_work("ids", "same");
}

/// The helpers are at work in the moment of the fork.
#[test]
fn children_are_made_while_jobs_are_done() {
    for mode in MODES {
        let app = start(&preload(mode));
        for (command, answer) in COMMANDS {
            thread::scope(|scope| {
                let loaded = scope.spawn(|| Conversation::open(app.port(), 16).set_and_get(6));
                let asked = Conversation::open(app.port(), 1).ask(command, answer, 12);
                assert_eq!(asked, Outcome { right: 12, ..Outcome::default() }, "{command} {mode}");
                let right = Outcome { right: 16 * 6 * 2, ..Outcome::default() };
                assert_eq!(loaded.join().unwrap(), right, "{command} {mode}");
            });
        }
        app.stop();
    }
}

/// Far more often than events come here, and far less than in a loop that spins for a second.
const POLLED: u64 = 1000;

/// The kernel's registrations are the parent's: those that hold an event are as the parent made them.
#[test]
fn what_a_child_closes_is_held_in_its_parent_as_before() {
    let app = start(&lasting("coroutine"));
    let mut at_work = AtWork::begin(&app, "coroutine");
    at_work.asks_again();
    assert!(wait::until(PATIENCE, || app.counter("event.held") >= AT_WORK as u64));
    let polled = app.counter("loop.polled");
    assert_eq!(Conversation::open(app.port(), 1).answers("closes"), ["child"]);
    at_work.hears_the_answers();
    let polled = app.counter("loop.polled") - polled;
    assert!(polled < POLLED, "asked the kernel {polled} times");
    app.stop();
}

#[test]
fn a_child_that_a_handler_forks_in_an_event_works_alone() {
    for mode in ["stock", "off", "coroutine"] {
        let app = start(&preload(mode));
        let mut conversation = Conversation::open(app.port(), 4);
        assert_eq!(conversation.set_and_get(2).right, 16, "{mode}");
        let outcome = conversation.ask("inside", "alone", 3);
        assert_eq!(outcome, Outcome { right: 12, ..Outcome::default() }, "{mode}");
        app.stop();
    }
}

/// Of engines of all threads of the parent, of which the child has but one.
#[test]
fn a_child_has_no_descriptor_of_its_parent_s_engines() {
    for mode in ["stock", "coroutine"] {
        let app = start(&preload(mode));
        let outcome = Conversation::open(app.port(), 1).ask("fds", "mine", 3);
        assert_eq!(outcome, Outcome { right: 3, ..Outcome::default() }, "{mode}");
        app.stop();
    }
}

/// A plugin that another thread of the parent was loading when the child was made.
#[test]
fn a_child_does_not_wait_for_what_its_parent_was_loading() {
    let dir = tempfile::tempdir().unwrap();
    let loading = dir.path().join("loading");
    let settings = [
        ("INTERLUDE_ENGINE", "plugin"),
        ("INTERLUDE_PLUGIN_PATH", env!("APP_PLUGIN_SLOW")),
        ("LOADING", loading.to_str().unwrap()),
    ];
    let app = App::start(env!("APP_CHILDREN"), &["libdeflate"], &coroutine(&settings));
    assert_eq!(Conversation::open(app.port(), 1).answers("loads"), ["child"]);
    assert!(loading.exists());
    app.stop();
}
