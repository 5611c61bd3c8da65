//! A lock held across a heavy call: other coroutines of the thread must wait for it.

use crate::app::{App, MODES, coroutine, preload};
use crate::conversation::{Conversation, Outcome};
use interlude_test_apps::Preload;

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 5;
const LOCKS: [&str; 6] = ["normal", "recursive", "errorcheck", "rwlock", "rwlock-read", "spin"];

/// All answers right, then a clean end. Returns how often a coroutine waited for a lock.
fn answers_right(lock: &str, preload: &Preload) -> u64 {
    let app = App::start(env!("APP_MUTEX_ACROSS"), &[lock, "sign"], preload);
    let outcome = Conversation::open(app.port(), CONNECTIONS).ask("work", "done", ROUNDS);
    let right = Outcome { right: CONNECTIONS * ROUNDS, ..Outcome::default() };
    assert_eq!(outcome, right, "{lock} {preload}");
    let waited = app.counter("coroutine.waited.lock");
    app.stop();
    waited
}

/// What happens with the rule switched off: the first round that is not all right.
fn failure_without_the_rule(lock: &str) -> Outcome {
    let preload = coroutine(&[("INTERLUDE_RULES_OFF", "locks")]);
    let app = App::start(env!("APP_MUTEX_ACROSS"), &[lock, "sign"], &preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let failed = (0..50)
        .map(|_| conversation.ask("work", "done", 1))
        .find(|outcome| outcome.silent > 0 || outcome.wrong > 0);
    app.kill();
    failed.unwrap_or_else(|| panic!("{lock}: 50 good rounds: what is the rule for?"))
}

#[test]
fn plain_servers_find_the_lock_free_each_time() {
    for lock in LOCKS {
        answers_right(lock, &Preload::Stock);
    }
}

#[test]
fn in_each_mode_a_lock_held_across_the_call_is_held() {
    for mode in MODES {
        answers_right("normal", &preload(mode));
    }
}

#[test]
fn coroutines_wait_for_each_kind_of_lock() {
    for lock in LOCKS {
        let waited = answers_right(lock, &coroutine(&[]));
        assert!(waited > 0, "{lock}: no coroutine ever waited for it");
    }
}

#[test]
fn without_the_rule_of_locks_a_lock_that_blocks_hangs_the_server() {
    for lock in ["normal", "spin"] {
        assert!(failure_without_the_rule(lock).silent > 0, "{lock}");
    }
}

/// The lock takes the second handler for the first, since the thread is the same: it lets it in or
/// says that it has the lock already.
#[test]
fn without_the_rule_of_locks_a_lock_that_knows_its_thread_gives_wrong_answers() {
    for lock in ["recursive", "errorcheck", "rwlock"] {
        assert!(failure_without_the_rule(lock).wrong > 0, "{lock}");
    }
}

/// A writer behind parked readers hangs, a reader behind a parked writer is refused.
#[test]
fn without_the_rule_of_locks_readers_and_writers_hang_or_are_refused() {
    failure_without_the_rule("rwlock-read");
}
