//! A list of kept connections that a server changes: while it closes one that is another's, nobody finds the
//! list as it is then.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// What three clients ask for, one after the other; what of it parks, and who has to wait at a door.
type Way = [(&'static str, &'static str); 3];

/// One is at work and has its connection kept; the second puts its own in that one's place, and has to wait
/// for the first; the third comes meanwhile.
const COMES_MEANWHILE: Way = [("use 1", "parks"), ("use 2", "waits"), ("use 3", "")];
/// Who has been at work since before that goes on meanwhile: its work is done first.
const GOES_ON_MEANWHILE: Way = [("put 1", "parks"), ("use 2", "parks"), ("use 3", "waits")];

/// Returns how often the list was found half changed.
fn kept_by_three(way: Way, mode: &str, preload: &Preload) -> Vec<String> {
    let peer = App::start(env!("APP_ECHO"), &["lt", "1000000000", "sign"], &Preload::Stock);
    let app = App::start(env!("APP_KEPT_ONE"), &["sign", &peer.port().to_string()], preload);
    // A thread's first heavy call runs in place; what comes then is given out alone.
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 2).right, 2, "{mode}");
    let mut clients = way.map(|_| Conversation::open(app.port(), 1));
    for (client, (asks, then)) in clients.iter_mut().zip(way) {
        let (parked, waited) =
            (app.counter("coroutine.parked"), app.counter("coroutine.waited.fd"));
        client.say(asks);
        match then {
            "parks" if mode == "coroutine" => app.await_counter("coroutine.parked", parked + 1),
            "waits" if mode == "coroutine" => app.await_counter("coroutine.waited.fd", waited + 1),
            _ => {}
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
    for way in [COMES_MEANWHILE, GOES_ON_MEANWHILE] {
        for mode in MODES {
            assert_eq!(kept_by_three(way, mode, &lasting(mode)), ["0"], "{way:?}, {mode}");
        }
    }
}

#[test]
fn without_the_rule_of_doors_a_list_is_found_half_changed() {
    for way in [COMES_MEANWHILE, GOES_ON_MEANWHILE] {
        let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("it was asked for") };
        // So that all three are there before the first one's job is given up.
        let shim = shim.with("INTERLUDE_DEADLINE_MS", "4000").with("INTERLUDE_RULES_OFF", "doors");
        let faults = kept_by_three(way, "coroutine", &Preload::Shim(shim));
        assert_eq!(faults, ["1"], "{way:?}: what is the rule for?");
    }
}
