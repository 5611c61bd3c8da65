//! The same calls at zlib and at what stands for it: the same answers, the same fields, and what comes out
//! is what went in.
//!
//! `cargo test --release -p interlude-deflate --test differential` plays some hundred plans. For longer:
//! `INTERLUDE_FUZZ_SECONDS=3600 cargo test --release -p interlude-deflate --test differential -- \
//! --ignored --nocapture`; the seed is said, and `INTERLUDE_FUZZ_SEED` sets it. What failed once is kept
//! in `tests/differential.proptest-regressions`.

mod decode;
mod library;
mod memory;
mod plan;
mod play;
mod side;
mod streams;
mod whole;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential.proptest-regressions");

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(KEPT))),
        max_shrink_iters: 4000,
        ..Config::default()
    }
}

fn counts() -> [u64; 5] {
    [0, 1, 2, 3, 4].map(|i| library::EVENTS[i].load(Ordering::Relaxed))
}

fn cases() -> u32 {
    if cfg!(debug_assertions) { 100 } else { 600 }
}

#[test]
fn every_call_answers_as_zlib_does() {
    let mut runner = TestRunner::new(config(cases()));
    let result = runner.run(&plan::plan(), |plan| {
        play::play(&plan);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let [taken, left, handed_over, ..] = counts();
    // Else nothing was compared.
    assert!(taken > 50 && left > 5 && handed_over > 5, "{taken} {left} {handed_over}");
}

#[test]
fn every_call_on_a_whole_buffer_answers_as_zlib_does() {
    let mut runner = TestRunner::new(config(cases()));
    let result = runner.run(&plan::whole_plan(), |plan| {
        play::play(&plan);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
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
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().map_or(default, |value| value.parse().expect(name))
    };
    let seconds = number("INTERLUDE_FUZZ_SECONDS", 60);
    let seed = number("INTERLUDE_FUZZ_SEED", u64::from(std::process::id()));
    let begun = Instant::now();
    let mut cases = 0u64;
    eprintln!("fuzzing for {seconds} s, INTERLUDE_FUZZ_SEED={seed}");
    for round in 0.. {
        let mut bytes = [0u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(round));
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config(500), rng);
        let play = |plan| {
            play::play(&plan);
            Ok(())
        };
        let result = if round % 3 == 2 {
            runner.run(&plan::whole_plan(), play)
        } else {
            runner.run(&plan::plan(), play)
        };
        if let Err(error) = result {
            panic!("round {round} of seed {seed}: {error}");
        }
        cases += 500;
        let elapsed = begun.elapsed();
        if round % 20 == 0 || elapsed > Duration::from_secs(seconds) {
            let [taken, left, handed_over, whole, _] = counts();
            eprintln!(
                "{:6.0} s: {cases} cases; streams: {taken} taken over ({whole} whole), {left} left, \
                 {handed_over} handed over",
                elapsed.as_secs_f64()
            );
        }
        if elapsed > Duration::from_secs(seconds) {
            return;
        }
    }
}
