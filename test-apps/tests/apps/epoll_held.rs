//! What epoll reports while coroutines are parked and events are held: the same as the kernel's epoll
//! by itself. The program compares them (see `c/epoll-held`); proptest makes up what happens in it,
//! from a fixed seed, and makes a tape that fails shorter.
//!
//! `PROPTEST_CASES` raises the number of tapes, `PROPTEST_RNG_SEED` chooses others.

use crate::app::{self, MODES, preload};
use interlude_test_apps::Preload;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use std::cell::Cell;
use std::fmt;

const PROGRAM: &str = env!("APP_EPOLL_HELD");
const SEED: u64 = 1;
/// Jobs that may be under way at a time.
const HELPERS: &str = "6";

/// A step; the first number of each is which of the server's fds, counted around.
#[derive(Debug, Clone)]
enum Step {
    /// A connection comes.
    Open,
    Add(u8, Mask),
    Modify(u8, Mask),
    Delete(u8),
    Read(u8, u8),
    Write(u8, u8),
    Close(u8),
    Dup(u8),
    Dup2(u8, u8),
    /// The peer writes.
    Arrive(u8, u8),
    /// The peer reads everything.
    Drain(u8),
    /// The peer writes no more.
    HalfClose(u8),
    /// The peer is gone.
    HangUp(u8),
    /// A heavy call.
    Park,
    /// One such call comes to its end.
    Finish,
    /// The server's next wait, for few events or many.
    Wait(u8),
    /// Every coroutine ends, and everything that is so is reported.
    Settle,
}

/// The `events` of a registration, as the program numbers them.
#[derive(Clone, Copy)]
struct Mask(u8);

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = ["IN", "IN|RDHUP", "IN|OUT", "OUT", "IN|OUT|RDHUP", "0", "IN", "IN"];
        let how = ["", "", "|ET", "|ET", "|ONESHOT", "|ONESHOT|ET", "|EXCLUSIVE", "|EXCLUSIVE|ET"];
        write!(f, "{}{}", what[usize::from(self.0 & 7)], how[usize::from(self.0 >> 3)])
    }
}

impl Step {
    /// As the program reads it: what, and two operands.
    fn bytes(&self) -> [u8; 3] {
        match *self {
            Self::Open => [0, 0, 0],
            Self::Add(fd, Mask(mask)) => [1, fd, mask],
            Self::Modify(fd, Mask(mask)) => [2, fd, mask],
            Self::Delete(fd) => [3, fd, 0],
            Self::Read(fd, size) => [4, fd, size],
            Self::Write(fd, size) => [5, fd, size],
            Self::Close(fd) => [6, fd, 0],
            Self::Dup(fd) => [7, fd, 0],
            Self::Dup2(from, to) => [8, from, to],
            Self::Arrive(fd, size) => [9, fd, size],
            Self::Drain(fd) => [10, fd, 0],
            Self::HalfClose(fd) => [11, fd, 0],
            Self::HangUp(fd) => [12, fd, 0],
            Self::Park => [13, 0, 0],
            Self::Finish => [14, 0, 0],
            Self::Wait(most) => [15, most, 0],
            Self::Settle => [16, 0, 0],
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let fd = || 0u8..12;
    let mask = || (0u8..64).prop_map(Mask);
    prop_oneof![
        4 => Just(Step::Open),
        9 => (fd(), mask()).prop_map(|(fd, mask)| Step::Add(fd, mask)),
        6 => (fd(), mask()).prop_map(|(fd, mask)| Step::Modify(fd, mask)),
        2 => fd().prop_map(Step::Delete),
        8 => (fd(), 0u8..4).prop_map(|(fd, size)| Step::Read(fd, size)),
        4 => (fd(), 0u8..4).prop_map(|(fd, size)| Step::Write(fd, size)),
        3 => fd().prop_map(Step::Close),
        2 => fd().prop_map(Step::Dup),
        1 => (fd(), fd()).prop_map(|(from, to)| Step::Dup2(from, to)),
        14 => (fd(), any::<u8>()).prop_map(|(fd, size)| Step::Arrive(fd, size)),
        3 => fd().prop_map(Step::Drain),
        1 => fd().prop_map(Step::HalfClose),
        1 => fd().prop_map(Step::HangUp),
        8 => Just(Step::Park),
        5 => Just(Step::Finish),
        16 => (0u8..4).prop_map(Step::Wait),
        1 => Just(Step::Settle),
    ]
}

/// How often a wait returned beside a parked coroutine, and how many events came late.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    beside: u32,
    late: u32,
}

fn play(steps: &[Step], preload: &Preload) -> Result<Seen, String> {
    let opened = [Step::Open, Step::Open, Step::Open, Step::Open];
    let hexadecimal = |step: &Step| {
        let [what, first, second] = step.bytes();
        format!("{what:02x}{first:02x}{second:02x}00")
    };
    let tape: String = opened.iter().chain(steps).map(hexadecimal).collect();
    let printed = app::run(PROGRAM, &[&tape], preload)?;
    let last = printed.lines().last().unwrap_or_default();
    let numbers: Vec<u32> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [beside, late] => Ok(Seen { beside, late }),
        _ => Err(format!("the last line is {last:?}")),
    }
}

/// Plays that many tapes; the first that fails, made short, is the panic's message.
fn play_all(cases: u32, preload: &Preload) -> Seen {
    let defaults = Config::default();
    let rng_seed = match defaults.rng_seed {
        RngSeed::Random => RngSeed::Fixed(SEED),
        chosen => chosen,
    };
    let config = Config {
        // 256 is the default; only more is asked for.
        cases: if defaults.cases > 256 { defaults.cases } else { cases },
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        ..defaults
    };
    let seen = Cell::new(Seen::default());
    let result = TestRunner::new(config).run(&vec(step(), 0..200), |steps| {
        let Seen { beside, late } = play(&steps, preload).map_err(TestCaseError::fail)?;
        let sum = seen.get();
        seen.set(Seen { beside: sum.beside + beside, late: sum.late + late });
        Ok(())
    });
    match result {
        Ok(()) => seen.get(),
        Err(TestError::Fail(reason, steps)) => panic!("{preload}: {reason}\n{steps:?}"),
        Err(other) => panic!("{preload}: {other}"),
    }
}

#[test]
fn beside_parked_coroutines_epoll_reports_what_the_kernel_reports() {
    let cases = 150;
    let seen = play_all(cases, &app::coroutine(&[("INTERLUDE_CORES_THREADS", HELPERS)]));
    // What the test is about has happened: events came beside parked coroutines, and were held.
    assert!(seen.beside > 10 * cases && seen.late > cases, "{seen:?}");
}

#[test]
fn in_the_other_modes_epoll_reports_what_the_kernel_reports() {
    for mode in MODES.iter().filter(|mode| **mode != "coroutine") {
        let seen = play_all(25, &preload(mode));
        assert_eq!(seen.beside, 0, "{mode}");
    }
}
