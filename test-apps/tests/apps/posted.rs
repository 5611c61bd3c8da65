//! Connections that their server goes on with in the turn after their event, by a list of its own: one
//! that has ended meanwhile is not gone on with, whatever is parked.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// A server that does this kind of work, and has done it once: a thread's first heavy call runs in place.
fn server(kind: &str, preload: &Preload) -> App {
    let app = App::start(env!("APP_POSTED"), &[kind], preload);
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 1).right, 1);
    app
}

/// How often a connection was gone on with that had ended meanwhile.
fn told(app: &App) -> Vec<String> {
    Conversation::open(app.port(), 1).answers("told")
}

/// The event that ends a connection on the list comes with one that parks.
fn by_an_event(mode: &str, preload: &Preload) -> Vec<String> {
    let app = server("sign", preload);
    let mut client = Conversation::open(app.port(), 1);
    let parked = app.counter("coroutine.parked");
    assert_eq!(client.answers("post"), ["posted"], "{mode}");
    drop(client);
    if mode == "coroutine" {
        app.await_counter("coroutine.parked", parked + 1);
        app.await_rest();
    }
    let told = told(&app);
    app.stop();
    told
}

/// Who has put a connection on the list is parked when a turn ends, and ends it afterwards. Another
/// coroutine that `is_parked` too, and can go on first, would go through the list.
fn by_its_own(mode: &str, preload: &Preload, is_parked: bool) -> Vec<String> {
    let app = server("deflate", preload);
    let mut other = Conversation::open(app.port(), usize::from(is_parked));
    let mut client = Conversation::open(app.port(), 1);
    let others = u64::from(is_parked);
    for (who, what, parked) in [(&mut other, "sign", others), (&mut client, "end", others + 1)] {
        who.say(what);
        if mode == "coroutine" {
            app.await_parked(parked);
        }
    }
    assert_eq!(told(&app), ["0"], "{mode}");
    assert_eq!(client.answered(), 0, "{mode}: it was ended");
    assert_eq!(other.answered(), usize::from(is_parked), "{mode}");
    let told = told(&app);
    app.stop();
    told
}

type Way = fn(&str, &Preload) -> Vec<String>;
const WAYS: [(&str, Way); 3] = [
    ("by an event", by_an_event),
    ("by its own", |mode, preload| by_its_own(mode, preload, false)),
    ("beside another", |mode, preload| by_its_own(mode, preload, true)),
];

#[test]
fn what_a_server_has_yet_to_go_on_with_is_not_ended_beside_it() {
    for (name, way) in WAYS {
        for mode in MODES {
            assert_eq!(way(mode, &lasting(mode)), ["0"], "{name}, {mode}");
        }
    }
}

/// The lasting server, without these rules.
fn without(rules: &str) -> Preload {
    let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("the shim was asked for") };
    Preload::Shim(shim.with("INTERLUDE_RULES_OFF", rules))
}

/// Whatever the rules of batches and of doors do for it.
#[test]
fn the_rule_of_linked_fds_is_enough() {
    for (name, way) in WAYS {
        assert_eq!(way("coroutine", &without("batches,doors")), ["0"], "{name}");
    }
}

#[test]
fn without_the_rule_of_linked_fds_it_is_gone_on_with_after_its_end() {
    for (name, way) in WAYS {
        let faults = way("coroutine", &without("linked_fds,batches,doors"));
        assert_eq!(faults, ["1"], "{name}: what is the rule for?");
    }
}
