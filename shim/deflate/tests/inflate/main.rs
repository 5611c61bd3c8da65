//! The same calls at zlib's `inflate` and at what stands for it: the same answers, the same fields, the same
//! bytes, and the same bytes left alone.
//!
//! `cargo test --release -p interlude-deflate --test inflate` plays some hundred plans. For longer:
//! `scripts/fuzz.sh --only inflate --seconds 3600`. What failed once is kept in
//! `tests/inflate.proptest-regressions`.

#[allow(dead_code, reason = "each of the tests uses a part of it")]
#[path = "../common/mod.rs"]
mod common;
mod library;
mod plan;
mod play;
mod side;
mod streams;

use common::fuzz;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inflate.proptest-regressions");

#[test]
fn every_call_answers_as_zlib_does() {
    let cases = if cfg!(debug_assertions) { 200 } else { 1500 };
    fuzz::play(cases, KEPT, &plan::plan(), play::play);
    // Else nothing was compared.
    let counts = library::counts();
    assert!(counts.decoded > 200, "{counts:?}");
}

#[test]
#[ignore = "runs for INTERLUDE_FUZZ_SECONDS (60)"]
fn for_a_long_time() {
    let said = || format!("calls: {:?}", library::counts());
    fuzz::for_a_long_time(KEPT, 10, |_| plan::plan(), play::play, said);
}
