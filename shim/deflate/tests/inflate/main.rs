//! The same calls at zlib's `inflate` and at what stands for it: the same answers, the same fields, the same
//! bytes, and the same bytes left alone.
//!
//! `cargo test --release -p interlude-deflate --test inflate` plays some hundred plans. For longer:
//! `INTERLUDE_FUZZ_SECONDS=3600 cargo test --release -p interlude-deflate --test inflate -- --ignored
//! --nocapture`; the seed is said, and `INTERLUDE_FUZZ_SEED` sets it. What failed once is kept in
//! `tests/inflate.proptest-regressions`.

mod library;
#[path = "../differential/memory.rs"]
mod memory;
mod plan;
mod play;
mod side;
mod streams;

use std::time::{Duration, Instant};

use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inflate.proptest-regressions");

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(KEPT))),
        max_shrink_iters: 4000,
        ..Config::default()
    }
}

#[test]
fn every_call_answers_as_zlib_does() {
    let cases = if cfg!(debug_assertions) { 200 } else { 1500 };
    let result = TestRunner::new(config(cases)).run(&plan::plan(), |plan| {
        play::play(&plan);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Else nothing was compared.
    let counts = library::counts();
    assert!(counts.decoded > 200, "{counts:?}");
}

#[test]
#[ignore = "runs for INTERLUDE_FUZZ_SECONDS (60)"]
fn for_a_long_time() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().map_or(default, |value| value.parse().expect(name))
    };
    let seconds = number("INTERLUDE_FUZZ_SECONDS", 60);
    let seed = number("INTERLUDE_FUZZ_SEED", u64::from(std::process::id()));
    let begun = Instant::now();
    eprintln!("fuzzing for {seconds} s, INTERLUDE_FUZZ_SEED={seed}");
    for round in 0.. {
        let mut bytes = [0u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(round));
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let result = TestRunner::new_with_rng(config(500), rng).run(&plan::plan(), |plan| {
            play::play(&plan);
            Ok(())
        });
        if let Err(error) = result {
            panic!("round {round} of seed {seed}: {error}");
        }
        let elapsed = begun.elapsed();
        if round % 10 == 0 || elapsed > Duration::from_secs(seconds) {
            let (seconds, cases) = (elapsed.as_secs_f64(), (round + 1) * 500);
            eprintln!("{seconds:6.0} s: {cases} cases; calls: {:?}", library::counts());
        }
        if elapsed > Duration::from_secs(seconds) {
            return;
        }
    }
}
