//! The same calls at zlib and at what stands for it: the same answers, the same fields, and what comes out
//! is what went in.
//!
//! `cargo test --release -p interlude-deflate --test differential` plays some hundred plans. For longer:
//! `scripts/fuzz.sh --seconds 3600`. What failed once is kept in `tests/differential.proptest-regressions`.

#[allow(dead_code, reason = "each of the tests uses a part of it")]
#[path = "../common/mod.rs"]
mod common;
mod decode;
mod library;
mod plan;
mod play;
mod side;
mod streams;
mod unswept;
mod whole;

use std::sync::atomic::Ordering;

use proptest::prelude::{BoxedStrategy, Strategy};

use common::fuzz;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential.proptest-regressions");

fn counts() -> [u64; 5] {
    [0, 1, 2, 3, 4].map(|i| library::EVENTS[i].load(Ordering::Relaxed))
}

fn cases() -> u32 {
    if cfg!(debug_assertions) { 100 } else { 600 }
}

#[test]
fn every_call_answers_as_zlib_does() {
    fuzz::play(cases(), KEPT, &plan::plan(), play::play);
    let [taken, left, handed_over, ..] = counts();
    // Else nothing was compared.
    assert!(taken > 50 && left > 5 && handed_over > 5, "{taken} {left} {handed_over}");
}

#[test]
fn every_call_on_a_whole_buffer_answers_as_zlib_does() {
    fuzz::play(cases(), KEPT, &plan::whole_plan(), play::play);
    let [.., whole, in_pieces] = counts();
    assert!(whole > 100 && in_pieces > 10, "{whole} {in_pieces}");
}

/// Runs tests of this program once more, in a process of its own, under another policy.
fn again(policy: &str, args: &[&str], ends_with: &str) {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    let run = program.args(args).env(library::OTHER_POLICY, policy).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{policy}: {said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains(&format!("{ends_with} ... ok")), "{policy}: {said}");
}

#[test]
fn it_is_all_so_under_the_other_policies() {
    if std::env::var_os(library::OTHER_POLICY).is_none() {
        let one = "every_call_answers_as_zlib_does";
        for policy in ["balanced", "fastest"] {
            again(policy, &[one, "--exact"], one);
        }
    }
}

#[test]
#[ignore = "runs for INTERLUDE_FUZZ_SECONDS (60)"]
fn for_a_long_time() {
    let plans = |round| -> BoxedStrategy<plan::Plan> {
        if round % 3 == 2 { plan::whole_plan().boxed() } else { plan::plan().boxed() }
    };
    fuzz::for_a_long_time(KEPT, 20, plans, play::play, || {
        let [taken, left, handed_over, whole, _] = counts();
        format!(
            "streams: {taken} taken over ({whole} whole), {left} left, {handed_over} handed over"
        )
    });
}
