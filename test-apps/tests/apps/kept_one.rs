//! A list of kept connections that a server changes: while it closes one that is another's, nobody finds the
//! list as it is then.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// One is at work and has its connection kept; the second puts its own in that one's place, and has to wait
/// for the first; the third comes meanwhile. Returns how often the list was found half changed.
fn kept_by_three(mode: &str, preload: &Preload) -> Vec<String> {
    let peer = App::start(env!("APP_ECHO"), &["lt", "1000000000", "sign"], &Preload::Stock);
    let app = App::start(env!("APP_KEPT_ONE"), &["sign", &peer.port().to_string()], preload);
    // A thread's first heavy call runs in place; what comes then is given out alone.
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 2).right, 2, "{mode}");
    let names = ["one", "two", "three"];
    let mut clients = names.map(|_| Conversation::open(app.port(), 1));
    let (parked, waited) = (app.counter("coroutine.parked"), app.counter("coroutine.waited.fd"));
    for (client, name) in clients.iter_mut().zip(names) {
        client.say(&format!("use {name}"));
        if mode != "coroutine" {
            continue;
        }
        match name {
            "one" => app.await_counter("coroutine.parked", parked + 1),
            "two" => app.await_counter("coroutine.waited.fd", waited + 1),
            _ => {}
        }
    }
    for (client, name) in clients.iter_mut().zip(names) {
        assert_eq!(client.first_answer().as_deref(), Some(name), "{mode}");
    }
    let faults = Conversation::open(app.port(), 1).answers("faults");
    app.stop();
    peer.stop();
    faults
}

#[test]
fn who_waits_at_a_door_is_not_passed_by() {
    for mode in MODES {
        assert_eq!(kept_by_three(mode, &lasting(mode)), ["0"], "{mode}");
    }
}

#[test]
fn without_the_rule_of_doors_a_list_is_found_half_changed() {
    let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("the shim was asked for") };
    let faults =
        kept_by_three("coroutine", &Preload::Shim(shim.with("INTERLUDE_RULES_OFF", "doors")));
    assert_eq!(faults, ["1"], "what is the rule for?");
}
