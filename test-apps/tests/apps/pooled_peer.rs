//! A connection to a peer that its server keeps for the next request: who takes it while the one before is
//! still at work on the peer's last answer is not gone on with by that one.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// One client's answer is being made; another takes the connection meanwhile. Returns how many messages
/// came from the peer that nobody had asked for.
fn taken_meanwhile(mode: &str, kind: &str, preload: &Preload) -> Vec<String> {
    let peer = App::start(env!("APP_ECHO"), &["lt", "1000000000", "sign"], &Preload::Stock);
    let app = App::start(env!("APP_POOLED_PEER"), &[kind, &peer.port().to_string()], preload);
    // A thread's first heavy call runs in place.
    assert_eq!(Conversation::open(app.port(), 1).ask("ask first", "first", 2).right, 2, "{mode}");
    let mut one = Conversation::open(app.port(), 1);
    let mut other = Conversation::open(app.port(), 1);
    // By then the server has let the first one go, and knows these.
    for client in [&mut one, &mut other] {
        assert_eq!(client.answers("extra"), ["0"], "{mode}");
    }
    let (parked, waited) = (app.counter("coroutine.parked"), app.counter("coroutine.waited.fd"));
    one.say("ask one");
    if mode == "coroutine" {
        app.await_counter("coroutine.parked", parked + 1);
    } else {
        assert_eq!(one.first_answer().as_deref(), Some("one"), "{mode}");
    }
    other.say("ask other");
    if mode == "coroutine" {
        app.await_counter("coroutine.waited.fd", waited + 1);
        assert_eq!(one.first_answer().as_deref(), Some("one"));
    }
    assert_eq!(other.first_answer().as_deref(), Some("other"), "{mode}");
    assert_eq!(other.answers("ask once more"), ["once more"], "{mode}");
    let extra = other.answers("extra");
    app.stop();
    peer.stop();
    extra
}

#[test]
fn a_kept_connection_is_not_gone_on_with_by_who_had_it_before() {
    for kind in ["sign", "deflate"] {
        for mode in MODES {
            assert_eq!(taken_meanwhile(mode, kind, &lasting(mode)), ["0"], "{kind}, {mode}");
        }
    }
}

#[test]
fn without_the_rule_of_linked_fds_it_is_asked_twice() {
    let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("the shim was asked for") };
    let preload = Preload::Shim(shim.with("INTERLUDE_RULES_OFF", "linked_fds"));
    let extra = taken_meanwhile("coroutine", "sign", &preload);
    assert_eq!(extra, ["1"], "what is the rule for?");
}
