//! A connection that its server goes on with in the turn after its event, by a list of its own, while
//! another event of it is there: it ends once, and is not gone on with when it has ended.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;
use interlude_test_apps::Preload;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// How often a connection was gone on with that had ended meanwhile.
fn faults(mode: &str, preload: &Preload) -> Vec<String> {
    let app = App::start(env!("APP_POSTED"), &["sign"], preload);
    // A thread's first heavy call runs in place; so nothing has parked when the events come.
    assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 1).right, 1);
    let mut client = Conversation::open(app.port(), 1);
    let parked = app.counter("coroutine.parked");
    assert_eq!(client.answers("post"), ["posted"], "{mode}");
    drop(client);
    if mode == "coroutine" {
        // The handler of the counter has parked; for how long depends on whether others have to wait.
        app.await_counter("coroutine.parked", parked + 1);
        app.await_rest();
    }
    let told = Conversation::open(app.port(), 1).answers("told");
    app.stop();
    told
}

#[test]
fn what_a_server_has_yet_to_go_on_with_is_not_ended_beside_it() {
    for mode in MODES {
        assert_eq!(faults(mode, &lasting(mode)), ["0"], "{mode}");
    }
}

#[test]
fn without_the_rule_of_linked_fds_it_is_gone_on_with_after_its_end() {
    let Preload::Shim(shim) = lasting("coroutine") else { unreachable!("the shim was asked for") };
    let preload = Preload::Shim(shim.with("INTERLUDE_RULES_OFF", "linked_fds"));
    assert_eq!(faults("coroutine", &preload), ["1"], "what is the rule for?");
}
