//! Whatever an engine does: each job comes out once, in time, run or never to be run.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::{Call, Work};

const DEADLINE: Duration = Duration::from_millis(100);
const QUARANTINE: Duration = Duration::from_millis(1000);

struct Count(u32);

impl Call for Count {
    fn run(&mut self) {
        self.0 += 1;
    }
}

/// An engine that does what it is told.
#[derive(Default)]
struct Puppet {
    held: VecDeque<Job>,
    said: Vec<Completion>,
    asleep: Vec<Option<Duration>>,
}

impl Engine for Puppet {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "puppet",
            asynchronous: true,
            queue: 8,
            parallel: 1,
            has_lanes: false,
            own_cpus: true,
            is_shared: false,
            own_results: true,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        // An answer has its place until it is taken.
        if self.held.len() + self.said.len() >= 8 {
            return Err(Refused(job));
        }
        self.held.push_back(job);
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        let taken = max.min(self.said.len());
        into.extend(self.said.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.said.len()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        None
    }

    fn arm(&mut self) -> bool {
        self.said.is_empty()
    }

    fn disarm(&mut self) {}

    fn flush(&mut self) {}

    fn sleep(&mut self, limit: Option<Duration>) {
        self.asleep.push(limit);
    }
}

impl Puppet {
    fn say(&mut self, ticket: Ticket) {
        self.said.push(Completion::done(ticket));
    }

    /// Runs and answers the job at `index`; the job, where there is one.
    fn answer(&mut self, index: usize) -> Option<Job> {
        let job = self.held.remove(index)?;
        job.task.run();
        self.say(job.ticket);
        Some(job)
    }

    fn fail(&mut self, index: usize) {
        if let Some(job) = self.held.remove(index) {
            self.say(job.ticket);
        }
    }
}

struct Bench {
    guard: Guard<Puppet>,
    now: Instant,
    works: BTreeMap<Ticket, Arc<Work<Count>>>,
    next: u64,
    /// What becomes of what the engine does not do.
    undone: Outcome,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let terms = Terms { deadline: DEADLINE, quarantine: QUARANTINE };
        let guard = Guard::new(Box::default(), terms, now);
        Self { guard, now, works: BTreeMap::new(), next: 1000, undone: Outcome::GivenUp }
    }

    fn submit(&mut self) -> bool {
        let ticket = Ticket(self.next);
        let work = Arc::new(Work::new(Count(0)));
        let task = work.clone();
        let job = Job { ticket, kind: JobKind::Sign, bytes: 1, task };
        let is_taken = self.guard.submit(job, self.now).is_ok();
        if is_taken {
            self.works.insert(ticket, work);
            self.next += 1;
        }
        is_taken
    }

    fn engine(&mut self) -> &mut Puppet {
        &mut self.guard.engine
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// What comes out: the ticket, and whether it was run.
    fn poll(&mut self) -> Vec<(u64, bool)> {
        let mut out = Vec::new();
        self.guard.poll(self.now, usize::MAX, &mut out);
        out.into_iter()
            .map(|Completion { ticket, outcome }| {
                let work =
                    self.works.remove(&ticket).expect("it came out before, or never went in");
                let done = work.take();
                if let Some(done) = &done {
                    assert_eq!(done.call.0, 1);
                    self.guard.was_right(JobKind::Sign);
                }
                let expected = if done.is_some() { Outcome::Done } else { self.undone };
                assert_eq!(outcome, expected);
                (ticket.0, done.is_some())
            })
            .collect()
    }

    /// Takes one back: the ticket, and whether it was run.
    fn recall(&mut self) -> Option<(u64, bool)> {
        let completion = self.guard.recall()?;
        let ticket = completion.ticket;
        let work = self.works.remove(&ticket).expect("it came out before, or never went in");
        let was_run = work.take().is_some();
        assert_ne!(was_run, completion.is_declined());
        Some((ticket.0, was_run))
    }

    fn tally(&mut self) -> Tally {
        self.guard.take_tally().unwrap_or_default()
    }
}

#[test]
fn an_engine_that_is_full_of_answers_for_nobody_is_asked_for_them() {
    let mut bench = Bench::new();
    (0..8).for_each(|_| assert!(bench.submit()));
    assert!(!bench.submit());
    bench.pass(DEADLINE);
    assert_eq!(bench.poll().len(), 8, "they are late");
    while let Some(job) = bench.engine().held.pop_front() {
        bench.engine().say(job.ticket);
    }
    bench.pass(QUARANTINE);
    assert!(bench.submit(), "it has been full ever since");
    assert_eq!(bench.guard.take_tally().unwrap().dropped, 8);
}

#[test]
fn a_right_answer_passes_and_nothing_is_counted() {
    let mut bench = Bench::new();
    assert!(bench.submit());
    assert_eq!(bench.poll(), []);
    bench.engine().answer(0);
    assert_eq!(bench.poll(), [(1000, true)]);
    assert_eq!(bench.guard.take_tally(), None);
    assert_eq!(bench.guard.time_left(bench.now), None);
}

#[test]
fn a_job_that_failed_comes_out_to_be_redone() {
    let mut bench = Bench::new();
    bench.submit();
    bench.engine().fail(0);
    assert_eq!(bench.poll(), [(1000, false)]);
    assert_eq!(bench.tally(), Tally { failed: 1, ..Tally::default() });
}

#[test]
fn a_job_that_was_declined_is_the_submitters_and_no_fault() {
    let mut bench = Bench::new();
    bench.submit();
    let job = bench.engine().held.pop_front().unwrap();
    bench.undone = Outcome::Declined;
    bench.engine().said.push(Completion::declined(job.ticket));
    assert_eq!(bench.poll(), [(1000, false)]);
    job.task.run();
    assert_eq!(bench.guard.take_tally(), None);
}

#[test]
fn a_late_job_comes_out_at_its_deadline_and_is_never_run() {
    let mut bench = Bench::new();
    bench.submit();
    bench.pass(DEADLINE / 2);
    assert_eq!(bench.guard.time_left(bench.now), Some(DEADLINE / 2));
    assert_eq!(bench.poll(), []);
    bench.pass(DEADLINE / 2);
    let work = Arc::clone(&bench.works[&Ticket(1000)]);
    assert_eq!(bench.poll(), [(1000, false)]);
    bench.engine().answer(0);
    assert!(work.take().is_none(), "run after it was given up");
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.tally(), Tally { late: 1, dropped: 1, ..Tally::default() });
}

#[test]
fn what_was_run_is_found_although_the_answer_is_lost() {
    let mut bench = Bench::new();
    bench.submit();
    bench.engine().held[0].task.run();
    bench.pass(DEADLINE);
    assert_eq!(bench.poll(), [(1000, true)]);
    assert_eq!(bench.tally().late, 1);
}

#[test]
fn answers_for_nobody_are_dropped() {
    let mut bench = Bench::new();
    bench.submit();
    let job = bench.engine().answer(0).unwrap();
    bench.engine().say(job.ticket);
    bench.engine().say(Ticket(77));
    assert_eq!(bench.poll(), [(1000, true)]);
    assert_eq!(bench.tally().dropped, 2);
}

#[test]
fn a_late_answer_is_not_taken_for_the_same_submitters_next_job() {
    let mut bench = Bench::new();
    bench.submit();
    bench.pass(DEADLINE);
    assert_eq!(bench.poll(), [(1000, false)]);
    bench.next = 1000;
    bench.submit();
    bench.engine().answer(0);
    assert_eq!(bench.poll(), []);
    bench.engine().answer(0);
    assert_eq!(bench.poll(), [(1000, true)]);
}

#[test]
fn jobs_in_a_queue_that_moves_are_not_late() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.submit();
    }
    for number in 1000..1008 {
        bench.pass(DEADLINE * 3 / 4);
        bench.engine().answer(0);
        assert_eq!(bench.poll(), [(number, true)]);
    }
    assert_eq!(bench.guard.take_tally(), None);
}

#[test]
fn a_job_that_was_overtaken_is_late_by_its_own_time() {
    let mut bench = Bench::new();
    bench.submit();
    bench.pass(DEADLINE / 2);
    bench.submit();
    bench.engine().answer(1);
    assert_eq!(bench.poll(), [(1001, true)]);
    assert_eq!(bench.guard.time_left(bench.now), Some(DEADLINE / 2));
    bench.pass(DEADLINE / 2);
    assert_eq!(bench.poll(), [(1000, false)]);
}

#[test]
fn a_call_that_is_being_run_is_not_given_up() {
    struct Gate(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>);
    impl Call for Gate {
        fn run(&mut self) {
            self.1.send(()).unwrap();
            self.0.recv().unwrap();
        }
    }
    let mut bench = Bench::new();
    let ((open, gate), (begin, begun)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let work = Arc::new(Work::new(Gate(gate, begin)));
    let task: Arc<dyn Task> = work.clone();
    let job = Job { ticket: Ticket(1), kind: JobKind::Sign, bytes: 1, task: Arc::clone(&task) };
    assert!(bench.guard.submit(job, bench.now).is_ok());
    let helper = std::thread::spawn(move || task.run());
    begun.recv().unwrap();
    bench.engine().fail(0);
    assert_eq!(bench.poll(), [], "an answer before the call has returned");
    bench.pass(DEADLINE * 2);
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.guard.time_left(bench.now), Some(DEADLINE));
    open.send(()).unwrap();
    helper.join().unwrap();
    bench.pass(DEADLINE);
    let mut out = Vec::new();
    bench.guard.poll(bench.now, 1, &mut out);
    assert_eq!(out, [Completion::done(Ticket(1))]);
    assert!(work.take().is_some());
}

#[test]
fn an_engine_that_fails_in_a_row_is_left_alone_and_tried_again_with_one_job() {
    let mut bench = Bench::new();
    for _ in 0..STRIKES {
        assert!(bench.submit());
        bench.engine().fail(0);
        bench.poll();
    }
    assert!(!bench.submit(), "in quarantine");
    bench.pass(QUARANTINE);
    assert!(bench.submit() && !bench.submit(), "on trial");
    bench.engine().fail(0);
    bench.poll();
    assert!(!bench.submit(), "it failed again");
    bench.pass(QUARANTINE);
    assert!(bench.submit());
    bench.engine().answer(0);
    bench.poll();
    assert!(bench.submit() && bench.submit(), "it is trusted again");
    let failed = u64::from(STRIKES) + 1;
    assert_eq!(bench.tally(), Tally { failed, quarantined: 2, returned: 1, ..Tally::default() });
}

#[test]
fn an_engine_that_lies_about_one_kind_of_job_is_found_out_beside_others() {
    let mut bench = Bench::new();
    for _ in 0..STRIKES {
        bench.guard.was_right(JobKind::Derive);
        bench.guard.was_wrong(JobKind::Sign, bench.now);
    }
    assert!(!bench.submit());
    assert_eq!(bench.tally().wrong, u64::from(STRIKES));
}

#[test]
fn what_is_taken_back_is_the_oldest_and_no_fault() {
    let mut bench = Bench::new();
    assert_eq!(bench.recall(), None);
    for _ in 0..3 {
        bench.submit();
    }
    bench.engine().held[1].task.run();
    assert_eq!(bench.recall(), Some((1000, false)));
    assert_eq!(bench.recall(), Some((1001, true)), "its results are there");
    let late = bench.engine().answer(0).unwrap();
    assert_eq!(bench.poll(), []);
    assert_eq!(
        bench.guard.take_tally(),
        None,
        "an answer to what was taken back is none for nobody"
    );
    bench.engine().say(late.ticket);
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.tally(), Tally { dropped: 1, ..Tally::default() }, "a second one is");
    assert_eq!(bench.guard.time_left(bench.now), Some(DEADLINE), "the third is still out");
}

#[test]
fn a_trial_that_is_taken_back_is_followed_by_another() {
    let mut bench = Bench::new();
    for _ in 0..STRIKES {
        bench.submit();
        bench.engine().fail(0);
        bench.poll();
    }
    bench.pass(QUARANTINE);
    assert!(bench.submit() && !bench.submit());
    assert_eq!(bench.recall().map(|(_, was_run)| was_run), Some(false));
    assert!(bench.submit(), "still on trial");
}

#[test]
fn a_trial_that_is_declined_ends_the_quarantine_on_probation() {
    let mut bench = Bench::new();
    let fail = |bench: &mut Bench| {
        bench.submit();
        bench.engine().fail(0);
        bench.poll();
    };
    (0..STRIKES).for_each(|_| fail(&mut bench));
    bench.pass(QUARANTINE);
    assert!(bench.submit());
    let job = bench.engine().held.pop_front().unwrap();
    bench.undone = Outcome::Declined;
    bench.engine().said.push(Completion::declined(job.ticket));
    assert_eq!(bench.poll(), [(1000 + u64::from(STRIKES), false)]);
    assert!(bench.submit() && bench.submit(), "it gets jobs again");
    bench.undone = Outcome::GivenUp;
    bench.engine().fail(0);
    bench.poll();
    assert!(!bench.submit(), "and none after the next fault");
}

#[test]
fn a_sleep_ends_with_the_next_deadline() {
    let mut bench = Bench::new();
    let now = bench.now;
    bench.guard.sleep(now);
    bench.submit();
    bench.guard.sleep(now + DEADLINE / 4);
    assert_eq!(bench.engine().asleep, [None, Some(DEADLINE * 3 / 4)]);
}

#[derive(Debug, Clone)]
enum Deed {
    Submit,
    Answer(usize),
    Fail(usize),
    RunOnly(usize),
    Again,
    Nonsense(u64),
    Pass(u64),
    Poll,
    Recall,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Submit),
        2 => (0..4usize).prop_map(Deed::Answer),
        1 => (0..4usize).prop_map(Deed::Fail),
        1 => (0..4usize).prop_map(Deed::RunOnly),
        1 => Just(Deed::Again),
        1 => (0..40u64).prop_map(Deed::Nonsense),
        2 => (0..60u64).prop_map(Deed::Pass),
        4 => Just(Deed::Poll),
        1 => Just(Deed::Recall),
    ]
}

proptest! {
    /// `Bench::poll` sees to it that nothing comes out twice, or was run twice.
    #[test]
    fn each_job_comes_out_once_whatever_the_engine_does(
        deeds in proptest::collection::vec(deed(), 1..200),
    ) {
        let mut bench = Bench::new();
        let mut latest = None;
        for deed in deeds {
            match deed {
                Deed::Submit => drop(bench.submit()),
                Deed::Answer(index) => {
                    latest = bench.engine().answer(index).map(|job| job.ticket).or(latest);
                }
                Deed::Fail(index) => bench.engine().fail(index),
                Deed::RunOnly(index) => {
                    if let Some(job) = bench.engine().held.get(index) {
                        job.task.run();
                    }
                }
                Deed::Again => bench.engine().said.extend(latest.map(Completion::done)),
                Deed::Nonsense(number) => bench.engine().say(Ticket(number)),
                Deed::Pass(millis) => bench.pass(Duration::from_millis(millis)),
                Deed::Poll => drop(bench.poll()),
                Deed::Recall => {
                    let is_any = !bench.works.is_empty();
                    prop_assert_eq!(bench.recall().is_some(), is_any);
                }
            }
            // A sleep is never longer than a deadline while something is out.
            let left = bench.guard.time_left(bench.now);
            prop_assert_eq!(left.is_some(), !bench.works.is_empty());
            prop_assert!(left.is_none_or(|left| left <= DEADLINE));
        }
        // The engine never says another word.
        bench.pass(DEADLINE);
        bench.poll();
        bench.pass(DEADLINE);
        bench.poll();
        prop_assert!(bench.works.is_empty(), "{} jobs never came out", bench.works.len());
    }
}
