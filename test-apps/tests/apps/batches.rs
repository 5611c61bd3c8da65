//! Batches of events: whoever parks in the midst of one goes on with the rest of it, once.

use crate::app::{App, PATIENCE, coroutine, failing_with, preload};
use crate::at_work::{lasting, lasting_settings};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::{Preload, wait};

const WAYS: [&str; 2] = ["edge", "once"];

fn start(way: &str, preload: &Preload) -> App {
    App::start(env!("APP_BATCHES"), &["sign", way], preload)
}

/// One parks in a batch of two, and another batch of two is given out before it goes on.
fn each_event_comes_once(way: &str, preload: &Preload, parks: bool) {
    let app = start(way, preload);
    let mut client = Conversation::open(app.port(), 1);
    // In place: it only arms the thread, whose first turn after that is not to be a batch's.
    assert_eq!(client.ask("set first", "done", 1).right, 1, "{preload}");
    assert_eq!(client.ask("get", "first", 2).right, 2, "{preload}");
    assert_eq!(client.answers("pair"), ["ready"], "{preload}");
    if parks {
        app.await_parked(1);
    }
    assert_eq!(client.answers("other"), ["ready"], "{preload}");
    let mut told = Vec::new();
    let has_come = |told: &Vec<String>| told.iter().all(|told| told.ends_with(" 1 1"));
    wait::until(PATIENCE, || {
        told = client.answers("told");
        has_come(&told)
    });
    if parks {
        assert_eq!(told, ["1 0 1 1"], "{way}");
    }
    let is_resumed = || app.counter("coroutine.resumed") == app.counter("coroutine.parked");
    assert!(wait::until(PATIENCE, is_resumed), "{way}");
    // The rest of the batch comes before the next message is read.
    assert_eq!(client.answers("told"), ["1 1 1 1"], "{way} {preload}: {}", app.output());
    app.stop();
}

/// The settings of a server whose jobs last, and that may park for one in the midst of a batch.
fn parking_in_batches() -> Vec<(&'static str, &'static str)> {
    lasting_settings().into_iter().chain([("INTERLUDE_RULES_OFF", "batches")]).collect()
}

#[test]
fn a_batch_in_which_one_parks_goes_on_where_it_was() {
    for way in WAYS {
        each_event_comes_once(way, &Preload::Stock, false);
        each_event_comes_once(way, &preload("block"), false);
        each_event_comes_once(way, &lasting("coroutine"), false);
        each_event_comes_once(way, &coroutine(&parking_in_batches()), true);
    }
}

/// How often a job parked when two events came together, the first of which makes one; and when it came
/// together with the other once more.
fn parks_of_pairs(preload: &Preload) -> [u64; 2] {
    let app = start("edge", preload);
    let mut client = Conversation::open(app.port(), 1);
    assert_eq!(client.ask("set first", "done", 1).right, 1);
    assert_eq!(client.ask("get", "first", 2).right, 2);
    let parks = [1, 2].map(|times| {
        let before = app.counter("coroutine.parked");
        assert_eq!(client.answers("pair"), ["ready"]);
        let told = [format!("{times} {times} 0 0")];
        assert!(wait::until(PATIENCE, || client.answers("told") == told), "{told:?}");
        app.await_rest();
        app.counter("coroutine.parked") - before
    });
    app.stop();
    parks
}

#[test]
fn nothing_parks_in_the_midst_of_a_batch_and_next_time_it_is_none() {
    assert_eq!(parks_of_pairs(&preload("coroutine")), [0, 1]);
}

#[test]
fn without_the_rule_of_batches_one_parks_in_the_midst_of_it() {
    assert_eq!(parks_of_pairs(&coroutine(&[("INTERLUDE_RULES_OFF", "batches")])), [1, 1]);
}

#[test]
fn a_batch_goes_on_where_it_was_after_a_panic() {
    for way in WAYS {
        let failing = failing_with("scheduler.resumed:1", &parking_in_batches());
        each_event_comes_once(way, &failing, true);
    }
}

/// The kernel reports what is watched with `EPOLLONESHOT` once.
#[test]
fn no_event_is_lost_on_its_way_to_the_server_by_a_panic() {
    for place in ["scheduler.picked", "scheduler.begun", "epoll_wait.then"] {
        for times in 1..8 {
            let place = format!("{place}:{times}");
            for way in WAYS {
                let app = start(way, &failing_with(&place, &[]));
                let mut clients = Conversation::open(app.port(), 3);
                let outcome = clients.set_and_get(4);
                let right = Outcome { right: 3 * 4 * 2, ..Outcome::default() };
                assert_eq!(outcome, right, "{way} {place}: {}", app.output());
                app.stop();
            }
        }
    }
}
