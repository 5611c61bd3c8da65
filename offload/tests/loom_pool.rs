//! Every order in which submitting threads and helper threads may meet at the pool's queue.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p interlude-offload --release --test 'loom_*'`; without
//! that cfg there is nothing here. A helper that stays behind is a deadlock, which loom reports.
#![cfg(loom)]

use std::any::Any;

use interlude_offload::{
    Call, Completion, Cores, CoresConfig, CoresPort, Engine, Job, JobKind, Ticket,
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

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn job(number: u64, gate: Option<Gate>) -> Job {
    let call = Box::new(Square { number, gate, result: None });
    Job { ticket: Ticket(number), kind: JobKind::Sign, bytes: 8, call }
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

fn collect(port: &mut CoresPort, count: usize) -> Vec<u64> {
    let mut done = Vec::new();
    loop {
        port.poll(usize::MAX, &mut done);
        if done.len() >= count {
            return done.into_iter().map(result).collect();
        }
        if port.arm() {
            port.model_poll();
            port.disarm();
        }
    }
}

fn result(completion: Completion) -> u64 {
    let square = completion.call.into_any().downcast::<Square>().unwrap();
    assert_eq!(Ticket(square.number), completion.ticket);
    square.result.unwrap()
}

#[test]
fn every_job_comes_back() {
    model(3, || {
        let cores = cores(2, 2);
        let mut port = cores.port().unwrap();
        assert!(port.submit(job(2, None)).is_ok());
        assert!(port.submit(job(3, None)).is_ok());
        let mut results = collect(&mut port, 2);
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
            let mut port = other.port().unwrap();
            assert!(port.submit(job(2, None)).is_ok());
            assert_eq!(collect(&mut port, 1), [4]);
        });
        let mut port = cores.port().unwrap();
        assert!(port.submit(job(3, None)).is_ok());
        assert_eq!(collect(&mut port, 1), [9]);
        other.join().unwrap();
        cores.close();
    });
}

#[test]
fn the_queue_never_holds_more_than_it_may() {
    model(2, || {
        let cores = cores(1, 1);
        let gate = Gate::new();
        let mut port = cores.port().unwrap();
        assert!(port.submit(job(1, Some(gate.clone()))).is_ok());
        let other = cores.clone();
        let other = thread::spawn(move || {
            let mut port = other.port().unwrap();
            let is_taken = port.submit(job(2, None)).is_ok();
            (port, is_taken)
        });
        let is_taken = port.submit(job(3, None)).is_ok();
        let (mut other, is_others_taken) = other.join().unwrap();
        // One is with the helper, or waits; so of these at most one waits.
        assert!(!(is_taken && is_others_taken), "two jobs in a queue for one");
        gate.open();
        assert_eq!(collect(&mut port, 1 + usize::from(is_taken)).len(), 1 + usize::from(is_taken));
        assert_eq!(collect(&mut other, is_others_taken.into()).len(), is_others_taken.into());
        cores.close();
    });
}

#[test]
fn closing_ends_the_threads_after_the_last_job() {
    model(3, || {
        let cores = cores(2, 2);
        let mut port = cores.port().unwrap();
        assert!(port.submit(job(2, None)).is_ok());
        cores.close();
        assert_eq!(port.completed(), 1, "the job that was taken is lost");
        assert!(port.submit(job(3, None)).is_err(), "nobody is there to do it");
        assert_eq!(collect(&mut port, 1), [4]);
    });
}

#[test]
fn closing_beside_the_first_job_loses_nothing() {
    model(3, || {
        let cores = cores(1, 1);
        let other = cores.clone();
        let other = thread::spawn(move || {
            let mut port = other.port().unwrap();
            let is_taken = port.submit(job(2, None)).is_ok();
            (port, is_taken)
        });
        cores.close();
        let (mut port, is_taken) = other.join().unwrap();
        assert_eq!(collect(&mut port, is_taken.into()).len(), is_taken.into());
        cores.close();
    });
}

#[test]
fn stopping_ends_the_threads_and_drops_what_waits() {
    model(3, || {
        let cores = cores(1, 2);
        let mut port = cores.port().unwrap();
        assert!(port.submit(job(2, None)).is_ok());
        assert!(port.submit(job(3, None)).is_ok());
        cores.stop();
        let mut done = Vec::new();
        port.poll(usize::MAX, &mut done);
        // The helper has done its jobs in order, and none that it did not begin.
        let results: Vec<u64> = done.into_iter().map(result).collect();
        assert!([4, 9].starts_with(&results), "{results:?}");
    });
}
