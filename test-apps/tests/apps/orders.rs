//! An order that comes by a pair of sockets finds no request half done.

use crate::app::App;
use crate::at_work::{AtWork, lasting};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// How many requests an order finds half done that is given while several are under way.
fn half_done(mode: &str, preload: &Preload) -> usize {
    let app = App::start(env!("APP_ORDERS"), &["sign"], preload);
    let at_work = AtWork::begin(&app, mode);
    let mut giver = Conversation::open(app.port(), 1);
    assert_eq!(giver.answers("order"), ["sent"]);
    let half_done = loop {
        let answers = giver.answers("seen");
        let seen = answers.first().and_then(|answer| answer.split_once(' '));
        let (obeyed, half_done) = seen.expect("two numbers");
        if obeyed == "1" {
            break half_done.parse().expect("a number");
        }
    };
    at_work.hears_the_answers();
    app.stop();
    half_done
}

#[test]
fn an_order_finds_no_request_half_done() {
    for mode in MODES {
        assert_eq!(half_done(mode, &lasting(mode)), 0, "{mode}");
    }
}

#[test]
fn without_the_rule_of_linked_fds_an_order_finds_requests_half_done() {
    let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("the shim was asked for") };
    let half_done =
        half_done("coroutine", &Preload::Shim(shim.with("INTERLUDE_RULES_OFF", "linked_fds")));
    assert!(half_done > 0, "what is the rule for?");
}
