//! What a plugin still has of a job that was given up: memory that nobody else has, until it answers.

use crate::fixture::{faulty, inflated, job, open, page, results};
use interlude_offload::{Guard, JobKind, Outcome, Plugin, Terms, Ticket};
use std::time::{Duration, Instant};

/// See `c/faulty.c`.
const SWITCH_ANSWER: usize = 0xffff_ffff_0000_0000;
const ASK_INTACT: usize = SWITCH_ANSWER + 1;
const ASK_ANSWERED: usize = SWITCH_ANSWER + 2;
const TERMS: Terms =
    Terms { deadline: Duration::from_secs(1), quarantine: Duration::from_secs(60) };

fn asks(guard: &Guard<Plugin>, what: usize) -> bool {
    guard.accepts(JobKind::Compress, what)
}

#[test]
fn a_job_that_is_late_leaves_its_memory_to_the_plugin_until_that_answers() {
    let begun = Instant::now();
    let mut guard = Guard::new(Box::new(open(&faulty("NEVER"))), TERMS, begun);
    let mut works = Vec::new();
    for ticket in 0..4 {
        let (work, job) = job(ticket, page(ticket as usize, 40_000));
        assert!(guard.submit(job, begun).is_ok());
        works.push(work);
    }
    let mut done = Vec::new();
    guard.poll(begun + TERMS.deadline / 2, 100, &mut done);
    assert!(done.is_empty());
    guard.poll(begun + TERMS.deadline * 2, 100, &mut done);
    assert_eq!(done.len(), 4);
    assert!(done.iter().all(|completion| completion.outcome == Outcome::GivenUp));
    assert!(works.iter().all(|work| work.take().is_none()));
    drop(works);
    // The submitter goes on. Were the memory free, it would be used by now.
    let others: Vec<_> = (0..64).map(|n| vec![n as u8; 30_000 + n * 500]).collect();
    assert!(!asks(&guard, ASK_ANSWERED));
    // The plugin reads its inputs and writes its outputs now.
    asks(&guard, SWITCH_ANSWER);
    let late = guard.take_tally().unwrap();
    assert_eq!((late.late, late.dropped), (4, 0));
    done.clear();
    guard.poll(begun + TERMS.deadline * 3, 100, &mut done);
    assert!(done.is_empty());
    assert!(asks(&guard, ASK_ANSWERED) && asks(&guard, ASK_INTACT));
    for (n, other) in others.iter().enumerate() {
        assert!(other.iter().all(|byte| *byte == n as u8), "{n}");
    }
    let tally = guard.take_tally().unwrap();
    assert_eq!((tally.dropped, tally.unknown), (4, 0));
}

#[test]
fn memory_of_a_queue_that_goes_is_left_where_it_is() {
    let begun = Instant::now();
    let mut guard = Guard::new(Box::new(open(&faulty("NEVER"))), TERMS, begun);
    let (work, job) = job(1, page(1, 40_000));
    assert!(guard.submit(job, begun).is_ok());
    // Neither the queue is closed nor the memory freed; a memory checker would say so.
    drop((guard, work));
}

#[test]
fn a_plugin_that_fails_in_a_row_is_left_alone() {
    let now = Instant::now();
    let mut guard = Guard::new(Box::new(open(&faulty("FAILS"))), TERMS, now);
    let mut done = Vec::new();
    for ticket in 0..u64::from(interlude_offload::STRIKES) {
        assert!(guard.submit(job(ticket, page(1, 5000)).1, now).is_ok());
        guard.poll(now, 8, &mut done);
    }
    assert!(guard.submit(job(9, page(1, 5000)).1, now).is_err());
    let tally = guard.take_tally().unwrap();
    assert_eq!((tally.failed, tally.quarantined), (u64::from(interlude_offload::STRIKES), 1));
}

#[test]
fn what_the_plugin_has_is_not_taken_back() {
    let now = Instant::now();
    let mut guard = Guard::new(Box::new(open(&faulty("NONE"))), TERMS, now);
    let (work, job) = job(3, page(3, 5000));
    assert!(guard.submit(job, now).is_ok());
    assert!(guard.recall().is_none());
    let mut done = Vec::new();
    guard.poll(now, 8, &mut done);
    assert_eq!(done.first().map(|completion| completion.ticket), Some(Ticket(3)));
    assert_eq!(inflated(results(&work).unwrap().blocks()), page(3, 5000));
}
