//! Two locks, taken in both orders: coroutines come to wait for one another (C9), and go on.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 8;

fn start(preload: &Preload) -> App {
    App::start(env!("APP_CROSSED_LOCKS"), &["sign"], preload)
}

fn right(rounds: usize) -> Outcome {
    Outcome { right: CONNECTIONS * rounds, ..Outcome::default() }
}

#[test]
fn in_each_mode_it_answers() {
    for mode in MODES {
        let app = start(&preload(mode));
        let outcome = Conversation::open(app.port(), CONNECTIONS).ask("work", "done", 5);
        assert_eq!(outcome, right(5), "{mode}");
        app.stop();
    }
}

/// The oldest of those that wait for one another goes on, which is counted.
#[test]
fn coroutines_that_wait_for_one_another_go_on() {
    let app = start(&preload("coroutine"));
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let forced = (0..50).any(|_| {
        assert_eq!(conversation.ask("work", "done", 1), right(1));
        app.counter("coroutine.forced") > 0
    });
    assert!(forced, "no two coroutines ever waited for one another");
    app.stop();
}

#[test]
fn without_the_rule_of_cycles_it_hangs() {
    let app = start(&coroutine(&[("INTERLUDE_RULES_OFF", "cycles")]));
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let hung = (0..50).any(|_| conversation.ask("work", "done", 1).silent > 0);
    assert!(hung, "50 good rounds: what is the rule for?");
    app.kill();
}
