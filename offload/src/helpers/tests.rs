//! Errands of a made-up kind: what the engines rely on, whatever they are about.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::{Cores, CoresConfig, JobKind};

struct Nothing;

impl Call for Nothing {
    fn run(&mut self) {}
}

fn job(ticket: u64) -> Job {
    let task = Arc::new(Work::new(Nothing));
    Job { ticket: Ticket(ticket), kind: JobKind::Infer, bytes: 1, task }
}

/// Says how many errands its memory was there for.
#[derive(Default)]
struct Sum {
    jobs: Vec<Job>,
    panics: bool,
    gate: Option<Mutex<Receiver<()>>>,
}

impl Sum {
    fn of(tickets: std::ops::Range<u64>) -> Self {
        Self { jobs: tickets.map(job).collect(), ..Self::default() }
    }
}

impl Errand for Sum {
    type Memory = usize;
    type Report = (usize, usize);

    fn memory() -> Option<usize> {
        Some(0)
    }

    fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    fn make(&self, with: &mut usize) -> Made<(usize, usize)> {
        assert!(!self.panics, "an errand that fails");
        if let Some(gate) = &self.gate {
            gate.lock().recv().unwrap();
        }
        *with += 1;
        let answers = self.jobs.iter().map(|job| Completion::declined(job.ticket)).collect();
        Made { answers, report: Some((self.jobs.len(), *with)) }
    }
}

fn helped<E: Errand>() -> (Cores, Helpers<E>) {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 8, nice: 0 });
    let helpers = Helpers::new(cores.port().unwrap());
    (cores, helpers)
}

/// What comes once all that is out is through: tickets with whether they were declined, and reports.
fn wait_for<E: Errand>(helpers: &mut Helpers<E>) -> (Vec<(u64, bool)>, Vec<E::Report>) {
    let (mut done, mut reports) = (Vec::new(), Vec::new());
    loop {
        helpers.take(&mut done, &mut reports);
        if !helpers.are_out() {
            break;
        }
        helpers.port().sleep(None);
    }
    let answers = done.iter().map(|done| (done.ticket.0, done.is_declined())).collect();
    (answers, reports)
}

#[test]
fn an_errand_answers_for_its_jobs_and_leaves_its_memory_to_the_next() {
    let (cores, mut helpers) = helped();
    helpers.give(Sum::of(0..2));
    assert_eq!(wait_for(&mut helpers), (vec![(0, true), (1, true)], vec![(2, 1)]));
    helpers.give(Sum::of(2..3));
    assert_eq!(wait_for(&mut helpers), (vec![(2, true)], vec![(1, 2)]));
    cores.close();
}

#[test]
fn one_that_panics_has_all_of_its_jobs_answered_and_the_next_has_new_memory() {
    let (cores, mut helpers) = helped();
    helpers.give(Sum { panics: true, ..Sum::of(0..2) });
    assert_eq!(wait_for(&mut helpers), (vec![(0, false), (1, false)], vec![]));
    helpers.give(Sum::of(2..3));
    assert_eq!(wait_for(&mut helpers), (vec![(2, true)], vec![(1, 1)]));
    cores.close();
}

#[test]
fn those_that_are_out_are_counted_by_how_many_jobs_they_have() {
    let (cores, mut helpers) = helped();
    let (open, gate) = channel();
    helpers.give(Sum { gate: Some(Mutex::new(gate)), ..Sum::of(0..3) });
    helpers.give(Sum::of(3..4));
    assert_eq!((helpers.threads(), helpers.are_out()), (1, true));
    assert_eq!([helpers.out(|jobs| jobs > 1), helpers.out(|_| true)], [1, 2]);
    open.send(()).unwrap();
    assert_eq!(wait_for(&mut helpers).1, [(3, 1), (1, 2)]);
    assert_eq!((helpers.out(|_| true), helpers.are_out()), (0, false));
    cores.close();
}

#[test]
fn without_a_helper_it_is_made_here() {
    let (cores, mut helpers) = helped();
    cores.stop();
    helpers.give(Sum::of(0..2));
    assert!(!helpers.port().arm());
    assert_eq!(wait_for(&mut helpers), (vec![(0, true), (1, true)], vec![(2, 1)]));
}

#[test]
fn made_here_and_panicking_it_answers_for_its_jobs_and_the_panic_goes_on() {
    let (mut done, mut reports) = (Vec::new(), Vec::new());
    let failing = Sum { panics: true, ..Sum::of(0..2) };
    let made = catch_unwind(AssertUnwindSafe(|| {
        make_here(&failing, &mut 0, &mut done, &mut reports);
    }));
    assert!(made.is_err() && reports.is_empty());
    assert_eq!(done.iter().map(|done| done.ticket.0).collect::<Vec<_>>(), [0, 1]);
    make_here(&Sum::of(2..3), &mut 4, &mut done, &mut reports);
    assert_eq!((done.len(), reports), (3, vec![(1, 5)]));
}

/// Its memory can be had a second time only.
struct Short(Vec<Job>);

static ASKED: AtomicUsize = AtomicUsize::new(0);
static WAS_MADE: AtomicBool = AtomicBool::new(false);

impl Errand for Short {
    type Memory = ();
    type Report = ();

    fn memory() -> Option<()> {
        (ASKED.fetch_add(1, Ordering::SeqCst) > 0).then_some(())
    }

    fn jobs(&self) -> &[Job] {
        &self.0
    }

    fn make(&self, (): &mut ()) -> Made<()> {
        WAS_MADE.store(true, Ordering::SeqCst);
        let answers = self.0.iter().map(|job| Completion::declined(job.ticket)).collect();
        Made { answers, report: None }
    }
}

#[test]
fn without_memory_it_is_not_made_and_its_jobs_are_answered() {
    let (cores, mut helpers) = helped();
    helpers.give(Short(vec![job(0)]));
    assert_eq!(wait_for(&mut helpers).0, [(0, false)]);
    assert!(!WAS_MADE.load(Ordering::SeqCst));
    helpers.give(Short(vec![job(1)]));
    assert_eq!(wait_for(&mut helpers).0, [(1, true)]);
    cores.close();
}
