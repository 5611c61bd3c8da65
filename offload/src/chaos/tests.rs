//! Each share does what it says, and a guard before it hands every job out once.

use std::time::Instant;

use super::*;
use crate::{Call, Cores, CoresConfig, Guard, JobKind, Terms, Work};

struct Number(u64);

impl Call for Number {
    fn run(&mut self) {
        self.0 += 1;
    }

    fn spoil(&mut self, random: u64) {
        self.0 = random | 1 << 63;
    }
}

const LATE: Duration = Duration::from_millis(30);

fn engine(shares: Shares) -> (Cores, Chaos) {
    engine_until(shares, 0)
}

fn engine_until(shares: Shares, hang_after: u64) -> (Cores, Chaos) {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 1000, nice: 0 });
    let delay_max = Duration::from_micros(200);
    let config = ChaosConfig { seed: 7, delay_max, late: LATE, shares, hang_after };
    let port = cores.port().unwrap();
    (cores, Chaos::new(config, port))
}

fn job(number: u64) -> (Job, Arc<Work<Number>>) {
    let work = Arc::new(Work::new(Number(0)));
    let task = work.clone();
    (Job { ticket: Ticket(number), kind: JobKind::Sign, bytes: 1, task }, work)
}

/// Far more than one job takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// One job, and what the engine says of it: how often, once that is as often as expected and for as
/// long again as a late answer takes.
fn answers(shares: Shares, expected: usize) -> (usize, Option<u64>) {
    let (cores, mut chaos) = engine(shares);
    let (job, work) = job(1);
    assert!(chaos.submit(job).is_ok());
    let mut done = Vec::new();
    let begun = Instant::now();
    while done.len() < expected && begun.elapsed() < PATIENCE {
        chaos.sleep(Some(LATE));
        chaos.poll(usize::MAX, &mut done);
    }
    let answered = Instant::now();
    while answered.elapsed() < LATE * 4 {
        chaos.sleep(Some(LATE));
        chaos.poll(usize::MAX, &mut done);
    }
    cores.close();
    (done.len(), work.take().map(|done| done.call.0))
}

#[test]
fn after_so_many_jobs_it_hangs() {
    let (cores, mut chaos) = engine_until(Shares::default(), 1);
    for number in 1..=3 {
        assert!(chaos.submit(job(number).0).is_ok());
    }
    let mut done = Vec::new();
    while chaos.poll(usize::MAX, &mut done) == 0 {
        chaos.sleep(Some(LATE));
    }
    chaos.sleep(Some(LATE));
    assert_eq!((chaos.poll(usize::MAX, &mut done), done[0].ticket), (0, Ticket(1)));
    cores.close();
}

#[test]
fn every_share_does_what_it_says() {
    let none = Shares::default();
    assert_eq!(answers(none, 1), (1, Some(1)));
    assert_eq!(answers(Shares { fail: 100, ..none }, 1), (1, None));
    assert_eq!(answers(Shares { hang: 100, ..none }, 0), (0, None));
    assert_eq!(answers(Shares { twice: 100, ..none }, 2), (2, Some(1)));
    let (count, result) = answers(Shares { wrong: 100, ..none }, 1);
    assert!(count == 1 && result.is_some_and(|result| result > 1), "{count} {result:?}");
}

#[test]
fn late_is_late() {
    let (cores, mut chaos) = engine(Shares { late: 100, ..Shares::default() });
    let begun = Instant::now();
    assert!(chaos.submit(job(1).0).is_ok());
    let mut done = Vec::new();
    while chaos.poll(1, &mut done) == 0 {
        chaos.sleep(None);
    }
    assert!(begun.elapsed() >= LATE);
    cores.close();
}

#[test]
fn behind_a_guard_every_job_comes_out_once() {
    let shares = Shares { fail: 10, hang: 10, late: 10, twice: 10, wrong: 10 };
    let (cores, chaos) = engine(shares);
    let terms = Terms { deadline: LATE, quarantine: Duration::ZERO };
    let begun = Instant::now();
    let mut guard = Guard::new(Box::new(chaos), terms, begun);
    let mut out = Vec::new();
    let mut submitted = Vec::new();
    for number in 0..200 {
        let (job, work) = job(number);
        if guard.submit(job, begun).is_ok() {
            submitted.push((Ticket(number), work));
        }
    }
    // As long as time stands still nothing is late, however slow the machine.
    let mut failed = 0;
    while failed == 0 {
        guard.sleep(begun);
        guard.poll(begun, 16, &mut out);
        failed += guard.take_tally().map_or(0, |tally| tally.failed);
    }
    while out.len() < submitted.len() {
        guard.sleep(Instant::now());
        guard.poll(Instant::now(), 16, &mut out);
    }
    let mut out: Vec<Ticket> = out.into_iter().map(|done| done.ticket).collect();
    out.sort_unstable();
    assert_eq!(out, submitted.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>());
    let tally = guard.take_tally().unwrap();
    assert!(tally.late > 0, "{tally:?}");
    cores.close();
}

#[test]
fn a_seed_is_a_fate() {
    let shares = Shares { fail: 10, hang: 10, late: 10, twice: 10, wrong: 10 };
    let drawn = || {
        let (_, mut chaos) = engine(shares);
        (0..1000).map(|_| chaos.draw()).collect::<Vec<_>>()
    };
    let fates = drawn();
    assert_eq!(fates, drawn());
    for fate in [Fate::Fail, Fate::Hang, Fate::Twice, Fate::Wrong] {
        let share = fates.iter().filter(|other| **other == fate).count();
        assert!((70..=130).contains(&share), "{fate:?}: {share} of 1000");
    }
}
