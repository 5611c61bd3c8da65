//! What epoll reports under random sequences of operations: with the shim in between, the same as
//! the kernel.

use crate::app::{self, MODES, preload};
use interlude_test_apps::Preload;

const PROGRAM: &str = env!("APP_EPOLL_KERNEL");
const SEEDS: std::ops::RangeInclusive<u32> = 1..=40;
const STEPS: &str = "400";

/// Whether descriptors are duplicated.
#[derive(Debug, Clone, Copy)]
enum Duplicates {
    None,
    Some,
}

fn transcript(seed: u32, duplicates: Duplicates, preload: &Preload) -> String {
    let seed = seed.to_string();
    let arguments: &[&str] = match duplicates {
        Duplicates::None => &[&seed, STEPS],
        Duplicates::Some => &[&seed, STEPS, "dup"],
    };
    let printed = app::run(PROGRAM, arguments, preload);
    printed.unwrap_or_else(|why| panic!("seed {seed}, {preload}: {why}"))
}

/// The first line that is not the kernel's, after the ones before it.
fn difference(kernel: &str, other: &str) -> Option<String> {
    let lines: Vec<&str> = kernel.lines().collect();
    let at = lines.iter().zip(other.lines()).position(|(a, b)| **a != *b)?;
    let before = lines[at.saturating_sub(12)..at].join("\n");
    let here = other.lines().nth(at).unwrap_or_default();
    Some(format!("line {}\n{before}\n  kernel: {}\n  here:   {here}", at + 1, lines[at]))
}

fn reports_what_the_kernel_reports(duplicates: Duplicates) {
    let mut differing = Vec::new();
    for seed in SEEDS {
        let kernel = transcript(seed, duplicates, &Preload::Stock);
        for mode in MODES {
            let here = transcript(seed, duplicates, &preload(mode));
            if here != kernel {
                let what = difference(&kernel, &here).unwrap_or_else(|| "cut short".to_owned());
                differing.push(format!("seed {seed}, {mode}: {what}"));
            }
        }
    }
    let first = differing.first();
    assert!(first.is_none(), "{} differ; the first: {}", differing.len(), first.unwrap());
}

#[test]
fn epoll_reports_what_the_kernel_reports() {
    reports_what_the_kernel_reports(Duplicates::None);
}

#[test]
fn a_registration_lives_as_long_as_a_duplicate_of_its_descriptor() {
    reports_what_the_kernel_reports(Duplicates::Some);
}

#[test]
fn a_plain_run_reports_the_same_twice() {
    for seed in SEEDS {
        for duplicates in [Duplicates::None, Duplicates::Some] {
            let run = || transcript(seed, duplicates, &Preload::Stock);
            assert_eq!(run(), run(), "seed {seed}, {duplicates:?}");
        }
    }
}
