//! Events of one batch, the second of which is stale by the time the first has been dealt with: what
//! it was about was closed, and used again twice meanwhile.

use crate::app::App;
use crate::at_work::lasting;
use crate::conversation::Conversation;

const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

#[test]
fn a_batch_that_was_parked_does_not_go_on_with_events_of_what_was_closed() {
    for mode in MODES {
        let app = App::start(env!("APP_STALE_EVENTS"), &["sign"], &lasting(mode));
        // A thread's first heavy call runs in place.
        assert_eq!(Conversation::open(app.port(), 1).ask("set first", "done", 2).right, 2);
        let mut client = Conversation::open(app.port(), 1);
        assert_eq!(client.answers("both"), ["0"], "{mode}");
        if mode == "coroutine" {
            app.await_parked(1);
        }
        assert_eq!(client.answers("again"), ["0"], "{mode}");
        assert_eq!(client.answers("again"), ["0"], "{mode}");
        if mode == "coroutine" {
            app.await_rest();
        }
        assert_eq!(client.answers("seen"), ["0"], "{mode}");
        app.stop();
    }
}
