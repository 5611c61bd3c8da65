//! One device with several submitters, some of which are killed: it is one device all the same.

use std::collections::BTreeMap;

use interlude_device::{Accepted, Board, Cost, Curve, Description, Model, Operation, Refusal};
use proptest::prelude::*;

use crate::made_up::{busy_units, description, operation};

const SUBMITTERS: usize = 3;
/// No completion waits for a place in a ring.
const WIDE: u32 = 65_536;

/// What is done to a device, and by whom.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Submit(usize, Operation, u64),
    /// It is killed, and another one comes. True: between the two halves of a submission.
    Kill(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2000u64).prop_map(Step::Wait),
        6 => (0..SUBMITTERS, operation(), 0..5000u64)
            .prop_map(|(who, operation, bytes)| Step::Submit(who, operation, bytes)),
        1 => (0..SUBMITTERS, any::<bool>()).prop_map(|(who, midst)| Step::Kill(who, midst)),
    ]
}

/// What a device did.
struct Record {
    accepted: Vec<(u64, Accepted)>,
    refused: Vec<u64>,
    /// Jobs that their submitter did not come to hand over, and until when these have a place at most.
    lost: Vec<(u64, u64)>,
    board: Board,
    now: u64,
}

fn play(description: &Description, steps: &[Step]) -> Record {
    let board = Board::new(description);
    let enter = || Model::over(board.clone(), description.clone());
    let mut models: Vec<Model> = (0..SUBMITTERS).map(|_| enter()).collect();
    let mut record =
        Record { accepted: vec![], refused: vec![], lost: vec![], board: board.clone(), now: 0 };
    for step in steps {
        let now = record.now;
        match *step {
            Step::Wait(ns) => record.now += ns,
            Step::Submit(who, operation, bytes) => {
                match models[who].submit(now, operation, bytes) {
                    Ok(accepted) => {
                        record.accepted.push((now, accepted));
                        record.now += accepted.setup;
                    }
                    Err(Refusal::Full) => record.refused.push(now),
                    Err(Refusal::NotDone) => assert_eq!(operation, Operation::Infer),
                }
            }
            Step::Kill(who, midst) => {
                if midst && models[who].reserve(now, Operation::Sign, 100).is_ok() {
                    let cost = description.cost(Operation::Sign).unwrap();
                    let done = now + cost.setup_ns.at(100) + cost.latency_ns.at(100);
                    record.lost.push((now, done));
                }
                models[who] = enter();
            }
        }
    }
    record
}

fn wide(jitter: bool) -> impl Strategy<Value = Description> {
    description(jitter).prop_map(|description| Description { ring: WIDE, ..description })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..150)
}

proptest! {
    #[test]
    fn no_unit_does_two_jobs_at_once(description in wide(true), steps in steps()) {
        let mut free_at: BTreeMap<usize, u64> = BTreeMap::new();
        for (_, job) in play(&description, &steps).accepted {
            prop_assert!(job.unit < description.units as usize);
            let before = free_at.insert(job.unit, job.finishes_at).unwrap_or(0);
            prop_assert!(before <= job.starts_at, "{job:?}, unit is busy until {before}");
        }
    }

    #[test]
    fn a_job_waits_only_where_every_unit_is_busy(description in wide(true), steps in steps()) {
        let accepted = play(&description, &steps).accepted;
        for (index, (_, job)) in accepted.iter().enumerate() {
            if job.starts_at > job.at_device {
                let busy = busy_units(&accepted[..index], job.starts_at);
                prop_assert_eq!(busy, description.units as usize);
            }
        }
    }

    #[test]
    fn the_queue_is_all_submitters_and_full_is_why_it_refuses(
        description in wide(true), steps in steps(),
    ) {
        let Record { accepted, refused, lost, .. } = play(&description, &steps);
        let undone = |jobs: &[(u64, Accepted)], now: u64| {
            jobs.iter().filter(|(_, job)| job.finishes_at > now).count()
        };
        let queue = description.queue as usize;
        for (index, (now, _)) in accepted.iter().enumerate() {
            let undone = undone(&accepted[..index], *now);
            prop_assert!(undone < queue, "{undone} are undone");
        }
        for now in refused {
            let before = accepted.iter().take_while(|(at, _)| *at <= now).count();
            let lost = lost.iter().filter(|(at, until)| *at <= now && now < *until).count();
            prop_assert!(undone(&accepted[..before], now) + lost >= queue);
        }
    }

    #[test]
    fn what_the_killed_have_left_ends_by_itself(description in wide(true), steps in steps()) {
        let Record { accepted, lost, board, now, .. } = play(&description, &steps);
        let ends = accepted.iter().map(|(_, job)| job.finishes_at);
        let over = ends.chain(lost.iter().map(|(_, until)| *until)).max().unwrap_or(0).max(now);
        let mut next = Model::over(board, description.clone());
        prop_assert_eq!(next.depth(over), 0);
        for job in 0..u64::from(description.queue) {
            let accepted = next.submit(over, Operation::Compress, 100);
            let is_first = job < u64::from(description.units);
            prop_assert!(accepted.is_ok_and(|job| !is_first || job.starts_at == job.at_device));
        }
        let queue = description.queue as usize;
        let latency = description.cost(Operation::Compress).unwrap().latency_ns.at(100);
        if latency > 0 && description.jitter_percent < 100 {
            prop_assert_eq!(next.depth(over), queue);
        }
    }

    /// Who submits is no matter.
    #[test]
    fn several_submitters_are_as_one(description in wide(true), steps in steps()) {
        let steps: Vec<Step> =
            steps.into_iter().filter(|step| !matches!(step, Step::Kill(..))).collect();
        let of_one = |step: &Step| match *step {
            Step::Submit(_, operation, bytes) => Step::Submit(0, operation, bytes),
            _ => step.clone(),
        };
        let one: Vec<Step> = steps.iter().map(of_one).collect();
        let course = |steps: &[Step]| {
            let Record { accepted, refused, .. } = play(&description, steps);
            let times = |(now, job): (u64, Accepted)| (now, job.unit, job.starts_at, job.finishes_at);
            (accepted.into_iter().map(times).collect::<Vec<_>>(), refused)
        };
        prop_assert_eq!(course(&steps), course(&one));
    }
}

fn flat(queue: u32, units: u32) -> Description {
    let cost = Cost { setup_ns: Curve::flat(10), latency_ns: Curve::flat(1000) };
    let operations = BTreeMap::from([(Operation::Compress, cost)]);
    let (name, ring, dequeue_ns) = ("flat".to_owned(), 1, 0);
    Description { name, queue, units, ring, dequeue_ns, jitter_percent: 0, seed: 1, operations }
}

#[test]
fn it_is_shared_once_a_second_submitter_has_come() {
    let (description, board) = (flat(8, 1), Board::new(&flat(8, 1)));
    let one = Model::over(board.clone(), description.clone());
    assert!(!one.is_shared());
    drop(Model::over(board, description));
    assert!(one.is_shared(), "it may have left jobs");
}

#[test]
fn a_ring_is_each_submitters_own() {
    let (description, board) = (flat(8, 1), Board::new(&flat(8, 1)));
    let [mut one, mut other] = [(); 2].map(|()| Model::over(board.clone(), description.clone()));
    assert!(one.submit(0, Operation::Compress, 1).is_ok());
    assert_eq!(one.submit(0, Operation::Compress, 1), Err(Refusal::Full));
    let second = other.submit(0, Operation::Compress, 1).unwrap();
    assert_eq!((second.starts_at, second.finishes_at), (1010, 2010));
    assert_eq!((one.take(2010).is_some(), one.take(2010), other.take(2009)), (true, None, None));
}

#[test]
fn who_leaves_a_place_leaves_it_to_others() {
    let (description, board) = (flat(1, 1), Board::new(&flat(1, 1)));
    let [one, mut other] = [(); 2].map(|()| Model::over(board.clone(), description.clone()));
    let reservation = one.reserve(0, Operation::Compress, 1).unwrap();
    assert_eq!((one.depth(0), other.depth(0)), (1, 1));
    assert_eq!(other.submit(0, Operation::Compress, 1), Err(Refusal::Full));
    one.leave(reservation);
    assert!(other.submit(0, Operation::Compress, 1).is_ok());
    // One that was stopped in between has nothing to leave any more.
    let reservation = one.reserve(2000, Operation::Compress, 1).unwrap();
    let mut third = Model::over(board, description);
    assert!(third.submit(5000, Operation::Compress, 1).is_ok());
    one.leave(reservation);
    assert_eq!(third.depth(5000), 1);
}

#[test]
fn sets_up_for_itself_and_waits_for_all() {
    let (description, board) = (flat(8, 2), Board::new(&flat(8, 2)));
    let mut models = [(); 3].map(|()| Model::over(board.clone(), description.clone()));
    let mut submit = |who: usize| models[who].submit(0, Operation::Compress, 1).unwrap();
    let starts = [submit(0), submit(1), submit(2)].map(|job| (job.unit, job.starts_at));
    // No set-up waits for another one's, which it would if one CPU made them.
    assert_eq!(starts, [(0, 10), (1, 10), (0, 1010)]);
}
