//! A state machine over the core: made-up servers on a modelled kernel, driven as the shim does.
//!
//! | file | its part |
//! |---|---|
//! | `files` | open files, fd numbers |
//! | `kernel` | epoll, after the kernel's source; `real` compares it with the kernel |
//! | `stock` | the oracle: what the server would be owed without the shim |
//! | `timers` | its clock and its timers, and the fence before them |
//! | `truth` | the other oracle: which connections work together |
//! | `server` | handlers as lists of steps |
//! | `machine`, `life`, `waits` | the scheduler, following the shim's |
//! | `hooks`, `control`, `wants` | what the shim's hooks do around a call |
//! | `ledger` | what was fetched and given out, and what was seen |
//! | `input`, `run` | what proptest makes up, and how it is played |
//!
//! What holds after every turn: no event lost, none invented or doubled (C6), none of a
//! registration that is gone (C7), no timer run beside a parked coroutine (C5), no two coroutines with one connection (C1) or with two that work
//! together (C2) or inside one lock, object or region (C3, C4, C8), no spinning, the kernel's own answers to `epoll_ctl`, and every
//! park ends.
//!
//! `PROPTEST_CASES` raises the number of cases. What failed once is kept in `proptest-regressions`.

mod control;
mod files;
mod hooks;
mod input;
mod kernel;
mod ledger;
mod life;
mod machine;
mod real;
mod run;
mod server;
mod stock;
mod timers;
mod truth;
mod violation;
mod waits;
mod wants;

use crate::machine::Setting;
use interlude_core::claims::Rules;

/// Cases of each property: as many as a few seconds allow.
const CASES: u32 = if cfg!(debug_assertions) { 1_500 } else { 10_000 };

fn orderly() -> Setting {
    Setting { orderly: true, ..Setting::default() }
}

#[test]
fn nothing_is_lost_invented_shared_or_left_parked() {
    run::assert_holds(run::play_all(&mut run::runner(CASES), Setting::default()));
}

#[test]
fn a_server_that_takes_things_in_order_is_never_forced() {
    run::assert_holds(run::play_all(&mut run::runner(CASES), orderly()));
}

/// What is found without a rule, in these cases, is this and nothing else.
fn finds(violation: &str, without: Setting, cases: u32) {
    let found = run::violations(without, CASES.min(cases));
    assert!(found.contains_key(violation), "{found:?}");
    assert_eq!(found.len(), 1, "something else is wrong, too: {found:?}");
}

#[test]
fn without_c1_two_coroutines_get_one_fd() {
    let rules = Rules { own_fd: false, ..Rules::default() };
    finds("C1 shared fd", Setting { rules, ..orderly() }, 1_000);
}

#[test]
fn without_c2_two_coroutines_get_one_request() {
    let rules = Rules { linked_fds: false, ..Rules::default() };
    finds("C2 linked fds", Setting { rules, ..orderly() }, 3_000);
}

#[test]
fn without_c3_two_coroutines_are_inside_one_lock() {
    let rules = Rules { locks: false, ..Rules::default() };
    finds("C3 shared lock", Setting { rules, ..orderly() }, 1_000);
}

#[test]
fn without_c4_two_coroutines_are_inside_one_object() {
    let rules = Rules { objects: false, ..Rules::default() };
    finds("C4 shared object", Setting { rules, ..orderly() }, 1_000);
}

#[test]
fn without_c5_a_timer_runs_beside_a_parked_coroutine() {
    finds("C5 timer", Setting { timers: false, ..orderly() }, 1_000);
}

#[test]
fn without_c8_two_coroutines_use_one_region() {
    let rules = Rules { shared: false, ..Rules::default() };
    finds("C8 shared region", Setting { rules, ..orderly() }, 1_000);
}

#[test]
fn the_cases_reach_every_situation() {
    let seen = run::sightings(CASES.min(2_000));
    for what in [
        "alone",
        "batch",
        "orphan",
        "held orphan",
        "stale",
        "quieted",
        "taken out",
        "only dropped",
        "released",
        "given back",
        "nested",
        "job",
        "forced",
        "linked",
        "stray job",
        "calm",
        "wait for an fd",
        "wait for a lock",
        "wait for an object",
        "wait for a region",
        "wait to be alone",
        "timer",
        "drained for a timer",
        "late",
        "EEXIST",
        "ENOENT",
        "EINVAL",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count >= 10), "{what}: {seen:?}");
    }
    assert_eq!(seen.get("unknown operation"), None);
}
