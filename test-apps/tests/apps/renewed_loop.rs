//! An epoll instance that is closed and made anew under the same number: nothing of the old one is
//! told to the new one.

use crate::app::{App, PATIENCE, preload};
use crate::conversation::Conversation;
use interlude_test_apps::wait;

#[test]
fn a_loop_with_a_new_instance_under_the_old_number_loses_no_event() {
    for mode in ["stock", "off", "block", "coroutine"] {
        let app = App::start(env!("APP_RENEWED_LOOP"), &["sign"], &preload(mode));
        let mut client = Conversation::open(app.port(), 1);
        // From the third time on, the counters at work are known to park, and come after the others.
        for (command, expected) in [
            ("work", "1 1 0"),
            ("work", "2 2 0"),
            ("work", "3 3 0"),
            ("renew", "4 4 1"),
            ("work", "5 5 1"),
            ("renew", "6 6 2"),
        ] {
            assert_eq!(client.answers(command), ["ready"], "{mode}");
            let mut told = Vec::new();
            let has_come = wait::until(PATIENCE / 4, || {
                told = client.answers("told");
                told == [expected]
            });
            assert!(has_come, "{mode}: {told:?}, not {expected}");
        }
        assert_eq!(app.counter("panics"), 0, "{mode}");
        app.stop();
    }
}
