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

/// What happens with the rule switched off: true where the server hangs, false where a second
/// handler walks through the lock or is refused it.
fn hangs_without_the_rule(lock: &str) -> bool {
    let preload = coroutine(&[("INTERLUDE_RULES_OFF", "locks")]);
    let app = App::start(env!("APP_MUTEX_ACROSS"), &[lock, "sign"], &preload);
    let mut conversation = Conversation::open(app.port(), CONNECTIONS);
    let failed = (0..50)
        .map(|_| conversation.ask("work", "done", 1))
        .find(|outcome| outcome.silent > 0 || outcome.wrong > 0);
    app.kill();
    failed.unwrap_or_else(|| panic!("{lock}: 50 good rounds: what is the rule for?")).silent > 0
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
    for lock in ["normal", "spin", "rwlock-read"] {
        assert!(hangs_without_the_rule(lock), "{lock}");
    }
}

#[test]
fn without_the_rule_of_locks_a_lock_that_knows_its_thread_lets_two_in_or_fails() {
    for lock in ["recursive", "errorcheck", "rwlock"] {
        assert!(!hangs_without_the_rule(lock), "{lock}");
    }
}
