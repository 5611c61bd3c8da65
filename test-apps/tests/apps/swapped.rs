//! A compressor that all connections use is freed: not while somebody is inside of it (C4).

use crate::app::{App, MODES};
use crate::at_work::lasting;
use crate::conversation::Conversation;

fn swaps(mode: &str) {
    let app = App::start(env!("APP_SWAPPED"), &[], &lasting(mode));
    let client = |asks: &str| {
        let mut client = Conversation::open(app.port(), 1);
        client.say(asks);
        client
    };
    let answers = |mut client: Conversation, answer: &str| {
        assert_eq!(client.first_answer().as_deref(), Some(answer), "{mode}: {}", app.said());
    };
    // A thread's first heavy call runs in place.
    answers(client("use first"), "right");
    let user = client("use second");
    if mode == "coroutine" {
        app.await_counter("coroutine.parked", 1);
    }
    let swapper = client("swap 1");
    if mode == "coroutine" {
        app.await_counter("coroutine.waited.object", 1);
    }
    answers(user, "right");
    answers(swapper, "swapped");
    answers(client("use third"), "right");
    app.stop();
}

#[test]
fn a_compressor_is_not_freed_while_it_is_used() {
    MODES.iter().for_each(|mode| swaps(mode));
}
