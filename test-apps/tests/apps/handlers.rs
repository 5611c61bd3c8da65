//! Handlers of signals that come at any moment, on stacks of every kind, and call what is hooked.

use crate::app::{App, preload};
use crate::at_work::{AtWork, lasting};
use crate::conversation::{Conversation, Outcome};

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];
const STACKS: [&str; 3] = ["own", "apart", "within"];

/// A handler runs to its end before anything else of its thread does, and so does the work it does.
#[test]
fn a_handler_is_not_interrupted_by_events() {
    for mode in MODES {
        for stack in STACKS {
            let app = App::start(env!("APP_HANDLERS"), &["sign", stack], &lasting(mode));
            let at_work = AtWork::begin(&app, mode);
            let mut asker = Conversation::open(app.port(), 1);
            let right = Outcome { right: 3, ..Outcome::default() };
            assert_eq!(asker.ask("raise", "raised", 3), right, "{mode} {stack}");
            at_work.hears_the_answers();
            assert_eq!(asker.answers("told"), ["right"], "{mode} {stack}");
            assert_eq!(app.counter("panics"), 0, "{mode} {stack}");
            app.stop();
        }
    }
}

#[test]
fn handlers_come_at_any_moment() {
    for mode in MODES {
        for stack in STACKS {
            let app = App::start(env!("APP_HANDLERS"), &["sign", stack], &preload(mode));
            let mut clients = Conversation::open(app.port(), 32);
            let right = Outcome { right: 32 * 12 * 2, ..Outcome::default() };
            assert_eq!(clients.set_and_get(12), right, "{mode} {stack}");
            let told = Conversation::open(app.port(), 1).answers("told");
            assert_eq!(told, ["right"], "{mode} {stack}");
            assert_eq!(app.counter("panics"), 0, "{mode} {stack}");
            assert_eq!(app.counter("coroutine.parked") > 0, mode == "coroutine", "{mode} {stack}");
            app.stop();
        }
    }
}
