//! A device with one submitter, under whatever may be asked of it.

use std::collections::{BTreeMap, BTreeSet};

use interlude_device::{Accepted, Cost, Curve, Description, JobNumber, Model, Operation, Refusal};
use proptest::prelude::*;

use crate::made_up::{busy_units, curve, description, operation};

/// What is done to a device.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Submit(Operation, u64),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3000u64).prop_map(Step::Wait),
        (operation(), 0..5000u64).prop_map(|(operation, bytes)| Step::Submit(operation, bytes)),
        (0..6usize).prop_map(Step::Take),
    ]
}

/// What a device did.
#[derive(Debug, Default, PartialEq)]
struct Record {
    accepted: Vec<(u64, Accepted)>,
    /// When it was taken.
    taken: Vec<(u64, JobNumber)>,
    refused: Vec<u64>,
}

/// Plays the steps, then takes what is left when it is due.
fn play(description: &Description, steps: &[Step]) -> Record {
    let mut model = Model::new(description.clone());
    let mut record = Record::default();
    let mut now = 0;
    for step in steps {
        match *step {
            Step::Wait(ns) => now += ns,
            Step::Submit(operation, bytes) => match model.submit(now, operation, bytes) {
                Ok(accepted) => {
                    record.accepted.push((now, accepted));
                    now += accepted.setup;
                }
                Err(Refusal::Full) => record.refused.push(now),
                Err(Refusal::NotDone) => assert_eq!(operation, Operation::Infer),
            },
            Step::Take(max) => {
                for _ in 0..max {
                    record.taken.extend(model.take(now).map(|number| (now, number)));
                }
            }
        }
    }
    while let Some(due) = model.next(now) {
        assert!(due >= now);
        assert_eq!(model.completed(due.saturating_sub(1).max(now)) == 0, due > now);
        now = due;
        assert!(model.completed(now) > 0, "nothing is there when it is due");
        record.taken.extend(model.take(now).map(|number| (now, number)));
        assert!(record.taken.len() <= record.accepted.len(), "one is taken again");
    }
    assert_eq!(model.in_flight(), 0);
    record
}

proptest! {
    #[test]
    fn no_unit_does_two_jobs_at_once(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut free_at: BTreeMap<usize, u64> = BTreeMap::new();
        for (_, job) in play(&description, &steps).accepted {
            prop_assert!(job.unit < description.units as usize);
            let before = free_at.insert(job.unit, job.finishes_at).unwrap_or(0);
            prop_assert!(before <= job.starts_at, "{job:?}, unit is busy until {before}");
        }
    }

    #[test]
    fn jobs_begin_in_the_order_in_which_they_came(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut before = 0;
        for (now, job) in play(&description, &steps).accepted {
            prop_assert!(job.starts_at >= before && job.starts_at >= now + job.setup, "{job:?}");
            before = job.starts_at;
        }
    }

    /// And one waits only where every unit is busy.
    #[test]
    fn no_unit_idles_while_a_job_waits(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let accepted = play(&description, &steps).accepted;
        for (index, (now, job)) in accepted.iter().enumerate() {
            if job.starts_at > now + job.setup {
                let busy = busy_units(&accepted[..index], job.starts_at);
                prop_assert_eq!(busy, description.units as usize);
            }
        }
    }

    #[test]
    fn every_job_is_taken_once_when_it_is_done_and_not_before(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let Record { accepted, taken, .. } = play(&description, &steps);
        let done: BTreeMap<JobNumber, u64> =
            accepted.iter().map(|(_, job)| (job.number, job.finishes_at)).collect();
        prop_assert_eq!(done.len(), taken.len());
        let numbers: BTreeSet<JobNumber> = taken.iter().map(|(_, number)| *number).collect();
        prop_assert_eq!(numbers.len(), taken.len());
        for (at, number) in &taken {
            prop_assert!(done[number] <= *at, "{number:?} is taken at {at}");
        }
        // One at a time at the end, so in order from there on; before, at each moment in order.
        for pair in taken.windows(2) {
            let (first, second) = (&pair[0], &pair[1]);
            let is_order = (done[&first.1], first.1) <= (done[&second.1], second.1);
            prop_assert!(is_order || first.0 < done[&second.1], "{pair:?}");
        }
    }

    #[test]
    fn queue_and_ring_are_never_more_than_full_and_full_is_why_it_refuses(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let Record { accepted, taken, refused } = play(&description, &steps);
        let counts = |at: u64, before: usize| {
            let held = accepted[..before].iter().filter(|(_, job)| {
                let taken = taken.iter().find(|(_, number)| *number == job.number);
                taken.is_none_or(|(taken_at, _)| *taken_at > at)
            });
            let undone = held.clone().filter(|(_, job)| job.finishes_at > at).count();
            (undone, held.count())
        };
        for (index, (now, _)) in accepted.iter().enumerate() {
            let (undone, held) = counts(*now, index);
            // What was taken at the same moment may have been taken before.
            prop_assert!(undone < description.queue as usize, "{undone} are undone");
            prop_assert!(held < description.ring as usize, "{held} are in the ring");
        }
        for now in refused {
            let before = accepted.iter().take_while(|(at, _)| *at <= now).count();
            let at_most = accepted[..before].iter().filter(|(_, job)| {
                taken.iter().any(|(at, number)| *number == job.number && *at >= now)
            });
            let undone = accepted[..before].iter().filter(|(_, job)| job.finishes_at > now).count();
            prop_assert!(
                undone >= description.queue as usize
                    || at_most.count() >= description.ring as usize
            );
        }
    }

    #[test]
    fn without_jitter_it_is_done_when_it_was_expected(
        description in description(false), steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut model = Model::new(description);
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(ns) => now += ns,
                Step::Submit(operation, bytes) => {
                    let expected = model.expected(now, operation, bytes);
                    match model.submit(now, operation, bytes) {
                        Ok(accepted) => prop_assert_eq!(expected, Some(accepted.finishes_at)),
                        Err(Refusal::Full) => prop_assert!(expected.is_some()),
                        Err(Refusal::NotDone) => prop_assert_eq!(expected, None),
                    }
                }
                Step::Take(max) => for _ in 0..max { model.take(now); }
            }
        }
    }

    #[test]
    fn more_bytes_never_take_less(curve in curve(), bytes in prop::array::uniform2(0..9000u64)) {
        let (fewer, more) = (bytes[0].min(bytes[1]), bytes[0].max(bytes[1]));
        prop_assert!(curve.at(fewer) <= curve.at(more));
    }

    #[test]
    fn jitter_stays_within_its_percent_and_is_its_seeds(
        description in description(true), steps in prop::collection::vec(step(), 0..120),
    ) {
        let record = play(&description, &steps);
        prop_assert_eq!(&record, &play(&description, &steps));
        let percent = u64::from(description.jitter_percent);
        let mut model = Model::new(Description { jitter_percent: 0, ..description.clone() });
        let mut varied = Model::new(description);
        let mut now = 0;
        for _ in 0..50 {
            // Each finds the device at rest.
            let plain = model.submit(now, Operation::Sign, 4000).unwrap();
            let other = varied.submit(now, Operation::Sign, 4000).unwrap();
            let latency = plain.finishes_at - plain.starts_at;
            let off = (other.finishes_at - other.starts_at).abs_diff(latency);
            prop_assert!(off <= latency * percent / 100 + 1, "{off} of {latency}");
            now = plain.finishes_at.max(other.finishes_at);
            prop_assert!(model.take(now).is_some() && varied.take(now).is_some());
        }
    }
}

fn flat(queue: u32, units: u32, ring: u32, jitter_percent: u32) -> Description {
    let cost = Cost { setup_ns: Curve::flat(10), latency_ns: Curve::flat(1000) };
    let operations = BTreeMap::from([(Operation::Compress, cost)]);
    let (name, dequeue_ns, seed) = ("flat".to_owned(), 0, 1);
    Description { name, queue, units, ring, dequeue_ns, jitter_percent, seed, operations }
}

#[test]
fn a_second_job_waits_for_the_only_unit_and_a_third_is_refused() {
    let mut model = Model::new(flat(2, 1, 2, 0));
    let first = model.submit(100, Operation::Compress, 1).unwrap();
    assert_eq!((first.starts_at, first.finishes_at), (110, 1110));
    let second = model.submit(110, Operation::Compress, 1).unwrap();
    assert_eq!((second.starts_at, second.finishes_at), (1110, 2110));
    assert_eq!(model.submit(120, Operation::Compress, 1), Err(Refusal::Full));
    assert_eq!((model.take(1109), model.next(200)), (None, Some(1110)));
    // Done, but in the ring: there is room in the queue, and none in the ring.
    assert_eq!(model.completed(1110), 1);
    assert_eq!(model.submit(1110, Operation::Compress, 1), Err(Refusal::Full));
    assert_eq!(model.take(1110), Some(first.number));
    assert!(model.submit(1110, Operation::Compress, 1).is_ok());
}

#[test]
fn a_queue_is_free_again_when_a_job_is_done() {
    let mut model = Model::new(flat(1, 1, 2, 0));
    assert!(model.submit(0, Operation::Compress, 1).is_ok());
    assert_eq!(model.submit(1009, Operation::Compress, 1), Err(Refusal::Full));
    assert!(model.submit(1010, Operation::Compress, 1).is_ok());
}

#[test]
fn another_seed_is_another_course() {
    let course = |seed: u64| {
        let mut model = Model::new(Description { seed, ..flat(99, 1, 99, 50) });
        let submit = |_| model.submit(0, Operation::Compress, 1).unwrap().finishes_at;
        (0..20).map(submit).collect::<Vec<_>>()
    };
    assert_eq!(course(7), course(7));
    assert_ne!(course(7), course(8));
}
