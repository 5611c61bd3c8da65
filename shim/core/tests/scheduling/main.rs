//! A state machine over the core: made-up servers on a modelled kernel, driven as the shim does.
//!
//! | file | its part |
//! |---|---|
//! | `files` | open files, fd numbers |
//! | `kernel` | epoll, after the kernel's source; `real` compares it with the kernel |
//! | `stock` | the oracle: what the server would be owed without the shim |
//! | `server` | handlers as lists of steps |
//! | `machine`, `life` | the scheduler, following the shim's |
//! | `hooks`, `control` | what the shim's hooks do around a call |
//! | `ledger` | what was fetched and given out, and what was seen |
//! | `input` | what proptest makes up |
//!
//! What holds after every turn: no event lost, none invented or doubled (C6), none of a
//! registration that is gone (C7), no two coroutines with one connection (C1) or inside one lock,
//! object or region (C3, C4, C8), no spinning, the kernel's own answers to `epoll_ctl`, and every
//! park ends.

mod control;
mod files;
mod hooks;
mod input;
mod kernel;
mod ledger;
mod machine;
mod run;
mod server;
mod stock;
mod violation;

use interlude_core::claims::Rules;

/// Cases of each property: as many as a few seconds allow.
const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

#[test]
fn nothing_is_lost_invented_shared_or_left_parked() {
    let result = run::play_all(&mut run::runner(CASES), Rules::default(), false);
    run::assert_holds(result);
}

#[test]
fn a_server_that_takes_things_in_order_is_never_forced() {
    let result = run::play_all(&mut run::runner(CASES), Rules::default(), true);
    run::assert_holds(result);
}
