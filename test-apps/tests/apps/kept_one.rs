//! A list of kept connections that a server changes: while it closes one that is another's, nobody finds the
//! list as it is then.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// What clients ask for, one after the other; what of it parks, and who has to wait at a door or for a lock.
type Way = &'static [(&'static str, &'static str)];

/// One is at work and has its connection kept; the second puts its own in that one's place, and has to wait
/// for the first; the third comes meanwhile.
const COMES_MEANWHILE: Way = &[("use 1", "parks"), ("use 2", "waits"), ("use 3", "")];
/// Who has been at work since before that goes on meanwhile: its work is done first.
const GOES_ON_MEANWHILE: Way = &[("put 1", "parks"), ("use 2", "parks"), ("use 3", "waits")];
/// Likewise, and who is waited for waits for another itself, which has a lock.
const GOES_ON_BESIDE_A_LOCK: Way =
    &[("put 1", "parks"), ("has 2", "parks"), ("ask 3", "locks"), ("use 4", "waits")];
const WAYS: [Way; 3] = [COMES_MEANWHILE, GOES_ON_MEANWHILE, GOES_ON_BESIDE_A_LOCK];

/// Returns how often the list was found half changed.
fn kept_by(way: Way, mode: &str, preload: &Preload) -> Vec<String> {
    let peer = App::start(env!("APP_ECHO"), &["lt", "1000000000", "sign"], &Preload::Stock);
    let app = App::start(env!("APP_KEPT_ONE"), &["sign", &peer.port().to_string()], preload);
    // A thread's first heavy call runs in place; what comes then is given out alone.
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 2).right, 2, "{mode}");
    let mut clients: Vec<_> = way.iter().map(|_| Conversation::open(app.port(), 1)).collect();
    for (client, (asks, then)) in clients.iter_mut().zip(way) {
        let counter = match *then {
            _ if mode != "coroutine" => None,
            "parks" => Some("coroutine.parked"),
            "waits" => Some("coroutine.waited.fd"),
            "locks" => Some("coroutine.waited.lock"),
            _ => None,
        };
        let before = counter.map_or(0, |counter| app.counter(counter));
        client.say(asks);
        if let Some(counter) = counter {
            app.await_counter(counter, before + 1);
        }
    }
    for (client, (asks, _)) in clients.iter_mut().zip(way) {
        let number = asks.trim_start_matches(|c: char| !c.is_ascii_digit());
        assert_eq!(client.first_answer().as_deref(), Some(number), "{mode}, {asks}");
    }
    let faults = Conversation::open(app.port(), 1).answers("faults");
    app.stop();
    peer.stop();
    faults
}

#[test]
fn who_waits_at_a_door_is_not_passed_by() {
    for way in WAYS {
        for mode in MODES {
            assert_eq!(kept_by(way, mode, &lasting(mode)), ["0"], "{way:?}, {mode}");
        }
    }
}

#[test]
fn without_the_rule_of_doors_a_list_is_found_half_changed() {
    for way in WAYS {
        let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("it was asked for") };
        // So that all three are there before the first one's job is given up.
        let shim = shim.with("INTERLUDE_DEADLINE_MS", "4000").with("INTERLUDE_RULES_OFF", "doors");
        let faults = kept_by(way, "coroutine", &Preload::Shim(shim));
        assert_eq!(faults, ["1"], "{way:?}: what is the rule for?");
    }
}
