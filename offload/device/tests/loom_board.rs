//! Every order in which submitters may meet at a device's board.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p interlude-device --release --test 'loom_*'`; without
//! that cfg there is nothing here.
#![cfg(loom)]

use std::collections::BTreeMap;

use interlude_device::{Accepted, Board, Cost, Curve, Description, Model, Operation};
use loom::thread;

fn flat(queue: u32, units: u32) -> Description {
    let cost = Cost { setup_ns: Curve::flat(10), latency_ns: Curve::flat(1000) };
    let operations = BTreeMap::from([(Operation::Compress, cost)]);
    let (name, ring, dequeue_ns) = ("flat".to_owned(), 9, 0);
    Description { name, queue, units, ring, dequeue_ns, jitter_percent: 50, seed: 1, operations }
}

/// As many submitters as there are numbers, each of which submits so many jobs at the same moment; and what became of
/// those that the device has taken.
fn meet(description: &Description, jobs: &[usize]) -> Vec<Accepted> {
    let board = Board::new(description);
    let submit = |jobs: usize| {
        let mut model = Model::over(board.clone(), description.clone());
        move || -> Vec<Accepted> {
            (0..jobs).filter_map(|_| model.submit(0, Operation::Compress, 1).ok()).collect()
        }
    };
    let (own, others) = jobs.split_first().unwrap();
    let others: Vec<_> = others.iter().map(|jobs| thread::spawn(submit(*jobs))).collect();
    let mut accepted = submit(*own)();
    accepted.extend(others.into_iter().flat_map(|thread| thread.join().unwrap()));
    assert_eq!(Model::over(board, description.clone()).depth(0), accepted.len());
    accepted
}

/// By unit: from when to when it works, in order.
fn by_unit(accepted: &[Accepted]) -> BTreeMap<usize, Vec<(u64, u64)>> {
    let mut units: BTreeMap<usize, Vec<(u64, u64)>> = BTreeMap::new();
    for job in accepted {
        units.entry(job.unit).or_default().push((job.starts_at, job.finishes_at));
    }
    units.values_mut().for_each(|times| times.sort_unstable());
    units
}

#[test]
fn each_job_has_a_unit_for_itself() {
    let mut model = loom::model::Builder::new();
    // With more of them it takes minutes.
    model.preemption_bound = Some(3);
    model.check(|| {
        let accepted = meet(&flat(3, 1), &[2, 1]);
        assert_eq!(accepted.len(), 3);
        for times in by_unit(&accepted).values() {
            assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
        }
    });
}

#[test]
fn no_unit_is_passed_over() {
    loom::model(|| {
        let accepted = meet(&flat(2, 2), &[1, 1]);
        assert_eq!(by_unit(&accepted).len(), 2, "{accepted:?}");
        assert!(accepted.iter().all(|job| job.starts_at == 10));
    });
}

#[test]
fn the_last_place_in_the_queue_is_taken_once() {
    loom::model(|| assert_eq!(meet(&flat(1, 2), &[1, 1]).len(), 1));
    loom::model(|| assert_eq!(meet(&flat(2, 1), &[2, 1]).len(), 2));
}

/// What jitter is drawn from is the device's.
#[test]
fn no_two_jobs_draw_the_same() {
    loom::model(|| {
        let accepted = meet(&flat(2, 2), &[1, 1]);
        let [one, other] = [0, 1].map(|job: usize| accepted[job].finishes_at);
        assert_ne!(one, other);
    });
}
