//! How plans are played: some hundred, or for a long time.

use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

/// Cases a round.
const ROUND: u32 = 500;

/// So many cases; what fails is kept in the file `kept`.
fn config(cases: u32, kept: &'static str) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
        max_shrink_iters: 4000,
        ..Config::default()
    }
}

/// Plays so many plans, and those that failed once.
pub(crate) fn play<T: Strategy>(
    cases: u32,
    kept: &'static str,
    plans: &T,
    play: impl Fn(&T::Value),
) {
    played(TestRunner::new(config(cases, kept)), plans, play).unwrap_or_else(|why| panic!("{why}"));
}

fn played<T: Strategy>(
    mut runner: TestRunner,
    plans: &T,
    play: impl Fn(&T::Value),
) -> Result<(), String> {
    let result = runner.run(plans, |plan| {
        play(&plan);
        Ok(())
    });
    result.map_err(|error| error.to_string())
}

/// Plays plans for `INTERLUDE_FUZZ_SECONDS` (60), from `INTERLUDE_FUZZ_SEED`; every `often` rounds it says what
/// `said` says. `plans` gets the number of the round.
pub(crate) fn for_a_long_time<T: Strategy>(
    kept: &'static str,
    often: u64,
    plans: impl Fn(u64) -> T,
    play: impl Fn(&T::Value),
    said: impl Fn() -> String,
) {
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
        let runner = TestRunner::new_with_rng(config(ROUND, kept), rng);
        if let Err(why) = played(runner, &plans(round), &play) {
            panic!("round {round} of seed {seed}: {why}");
        }
        let elapsed = begun.elapsed();
        let is_over = elapsed > Duration::from_secs(seconds);
        if round % often == 0 || is_over {
            let cases = (round + 1) * u64::from(ROUND);
            eprintln!("{:6.0} s: {cases} cases; {}", elapsed.as_secs_f64(), said());
        }
        if is_over {
            return;
        }
    }
}
