//! Every order in which submitting threads and helper threads may meet at the pool's queue.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p interlude-offload --release --test 'loom_*'`; without
//! that cfg there is nothing here. A helper that stays behind is a deadlock, which loom reports.
#![cfg(loom)]

use interlude_offload::{
    Call, Cores, CoresConfig, CoresPort, Engine, Job, JobKind, Left, Task, Ticket, Work,
};
use loom::model::Builder;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Closed at first: who comes waits until it is opened.
#[derive(Clone)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

struct Square {
    number: u64,
    gate: Option<Gate>,
    result: Option<u64>,
}

impl Call for Square {
    fn run(&mut self) {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        assert_eq!(self.result, None, "run twice");
        self.result = Some(self.number * self.number);
    }
}

/// A submitting thread.
struct Client {
    port: CoresPort,
    works: Vec<(Ticket, std::sync::Arc<Work<Square>>)>,
}

impl Client {
    fn of(cores: &Cores) -> Self {
        Self { port: cores.port().unwrap(), works: Vec::new() }
    }

    /// Was the job taken?
    fn submit(&mut self, number: u64, gate: Option<Gate>) -> bool {
        let work = std::sync::Arc::new(Work::new(Square { number, gate, result: None }));
        let task = work.clone();
        let job = Job { ticket: Ticket(number), kind: JobKind::Sign, bytes: 8, task };
        let is_taken = self.port.submit(job).is_ok();
        self.works.extend(is_taken.then_some((Ticket(number), work)));
        is_taken
    }

    fn collect(&mut self, count: usize) -> Vec<u64> {
        let mut done = Vec::new();
        loop {
            self.port.poll(usize::MAX, &mut done);
            if done.len() >= count {
                return done.iter().map(|completion| self.result(completion.ticket)).collect();
            }
            if self.port.arm() {
                self.port.model_poll();
                self.port.disarm();
            }
        }
    }

    fn result(&self, ticket: Ticket) -> u64 {
        let (_, work) = self.works.iter().find(|(known, _)| *known == ticket).unwrap();
        assert_eq!(work.give_up(), Left::Run, "answered before it was run");
        work.take().unwrap().call.result.unwrap()
    }
}

fn cores(threads: usize, queue: usize) -> Cores {
    Cores::new(CoresConfig { threads, queue, nice: 0 })
}

/// All orders with at most that many switches at places where a thread could have gone on.
/// (`LOOM_MAX_PREEMPTIONS` sets another bound.)
fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(body);
}

#[test]
fn every_job_comes_back() {
    model(3, || {
        let cores = cores(2, 2);
        let mut port = Client::of(&cores);
        assert!(port.submit(2, None));
        assert!(port.submit(3, None));
        let mut results = port.collect(2);
        results.sort_unstable();
        assert_eq!(results, [4, 9]);
        cores.close();
    });
}

#[test]
fn two_threads_submit_first_and_each_gets_its_own() {
    model(2, || {
        let cores = cores(1, 2);
        let other = cores.clone();
        let other = thread::spawn(move || {
            let mut port = Client::of(&other);
            assert!(port.submit(2, None));
            assert_eq!(port.collect(1), [4]);
        });
        let mut port = Client::of(&cores);
        assert!(port.submit(3, None));
        assert_eq!(port.collect(1), [9]);
        other.join().unwrap();
        cores.close();
    });
}

#[test]
fn the_queue_never_holds_more_than_it_may() {
    model(2, || {
        let cores = cores(1, 1);
        let gate = Gate::new();
        let mut port = Client::of(&cores);
        assert!(port.submit(1, Some(gate.clone())));
        let other = cores.clone();
        let other = thread::spawn(move || {
            let mut port = Client::of(&other);
            let is_taken = port.submit(2, None);
            (port, is_taken)
        });
        let is_taken = port.submit(3, None);
        let (mut other, is_others_taken) = other.join().unwrap();
        // One is with the helper, or waits; so of these at most one waits.
        assert!(!(is_taken && is_others_taken), "two jobs in a queue for one");
        gate.open();
        assert_eq!(port.collect(1 + usize::from(is_taken)).len(), 1 + usize::from(is_taken));
        assert_eq!(other.collect(is_others_taken.into()).len(), is_others_taken.into());
        cores.close();
    });
}

#[test]
fn closing_ends_the_threads_after_the_last_job() {
    model(3, || {
        let cores = cores(2, 2);
        let mut port = Client::of(&cores);
        assert!(port.submit(2, None));
        cores.close();
        assert_eq!(port.port.completed(), 1, "the job that was taken is lost");
        assert!(!port.submit(3, None), "nobody is there to do it");
        assert_eq!(port.collect(1), [4]);
    });
}

#[test]
fn closing_beside_the_first_job_loses_nothing() {
    model(3, || {
        let cores = cores(1, 1);
        let other = cores.clone();
        let other = thread::spawn(move || {
            let mut port = Client::of(&other);
            let is_taken = port.submit(2, None);
            (port, is_taken)
        });
        cores.close();
        let (mut port, is_taken) = other.join().unwrap();
        assert_eq!(port.collect(is_taken.into()).len(), is_taken.into());
        cores.close();
    });
}

#[test]
fn stopping_ends_the_threads_and_drops_what_waits() {
    model(3, || {
        let cores = cores(1, 2);
        let mut port = Client::of(&cores);
        assert!(port.submit(2, None));
        assert!(port.submit(3, None));
        cores.stop();
        // The helper has done its jobs in order, and none that it did not begin.
        let count = port.port.completed();
        let results = port.collect(count);
        assert!([4, 9].starts_with(&results), "{results:?}");
    });
}

#[test]
fn a_call_is_run_or_given_up_and_never_both() {
    model(3, || {
        let cores = cores(1, 1);
        let mut port = Client::of(&cores);
        assert!(port.submit(2, None));
        let (_, work) = port.works.pop().unwrap();
        let left = work.give_up();
        // Waits where it is being run just now.
        let result = work.take().map(|done| done.call.result);
        match left {
            Left::NotRun => assert_eq!(result, None),
            Left::Run | Left::Running => assert_eq!(result, Some(Some(4))),
        }
        cores.close();
        assert_eq!(port.port.completed(), 1);
    });
}
