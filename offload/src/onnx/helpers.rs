//! Runs that are made on helper threads, while the submitter's own goes on.
//!
//! ```text
//! give --> requests of one kind, as one job of the pool's --> a helper makes the run
//! take <-- the answers of each run that is through, and what it was
//! ```
//!
//! Invariant: each job that was given is answered once its run is through, whatever has become of that.

use std::os::fd::RawFd;
use std::sync::Arc;

use interlude_onnx::{Batch, Way};

use super::run::{Made, make};
use super::{OnnxConfig, Run};
use crate::cores::CoresPort;
use crate::sync::Mutex;
use crate::{Call, Completion, Engine, Job, JobKind, Refused, Ticket, Work};

/// Memory for batched tensors that no run is using.
type Batches = Arc<Mutex<Vec<Batch>>>;

/// A run to be made.
struct Errand {
    config: OnnxConfig,
    jobs: Vec<Job>,
    way: Way,
    batches: Batches,
    made: Option<Made>,
}

impl Call for Errand {
    fn run(&mut self) {
        let spare = self.batches.lock().pop();
        let mut batch = spare.unwrap_or_default();
        self.made = Some(make(self.config, &mut batch, &self.jobs, self.way));
        self.batches.lock().push(batch);
    }
}

/// A run that is out.
struct Flight {
    ticket: Ticket,
    jobs: Vec<Ticket>,
    work: Arc<Work<Errand>>,
}

/// The helper threads, as one submitter uses them.
pub(super) struct Helpers {
    port: CoresPort,
    config: OnnxConfig,
    batches: Batches,
    next: u64,
    flights: Vec<Flight>,
    answers: Vec<Completion>,
}

impl Helpers {
    pub(super) fn new(port: CoresPort, config: OnnxConfig) -> Self {
        let batches = Batches::new(Mutex::new(Vec::new()));
        Self { port, config, batches, next: 0, flights: Vec::new(), answers: Vec::new() }
    }

    /// Where their answers arrive.
    pub(super) fn port(&mut self) -> &mut CoresPort {
        &mut self.port
    }

    pub(super) fn wake_fd(&self) -> Option<RawFd> {
        self.port.wake_fd()
    }

    /// Has any of them a run of this submitter's?
    pub(super) fn are_out(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Has each of them a run of several requests of this submitter's? Whatever comes until one is through
    /// may as well wait for it, and be in the next.
    pub(super) fn are_busy(&self) -> bool {
        self.of(|requests| requests > 1) >= self.port.capabilities().parallel
    }

    /// Has each of them a request that is run by itself, and the next one, too? Then those that come are kept:
    /// a queue of them before runs of several would never end.
    pub(super) fn have_next(&self) -> bool {
        self.of(|requests| requests < 2) >= 2 * self.port.capabilities().parallel
    }

    /// How many runs are out whose requests are so many.
    fn of(&self, many: impl Fn(usize) -> bool) -> usize {
        self.flights.iter().filter(|flight| many(flight.jobs.len())).count()
    }

    /// Hands requests over, for one run or to be run each by itself. Where there is no helper to be had, that is
    /// done here.
    pub(super) fn give(&mut self, jobs: Vec<Job>, way: Way) {
        let tickets = jobs.iter().map(|job| job.ticket).collect();
        let (ticket, bytes) = (Ticket(self.next), jobs.iter().map(|job| job.bytes).sum());
        self.next += 1;
        let (config, batches) = (self.config, Arc::clone(&self.batches));
        let work = Arc::new(Work::new(Errand { config, jobs, way, batches, made: None }));
        let task = Arc::clone(&work);
        self.flights.push(Flight { ticket, jobs: tickets, work });
        let job = Job { ticket, kind: JobKind::Infer, bytes, task };
        if let Err(Refused(job)) = self.port.submit(job) {
            // Before it is run: should it panic, those who wait have an answer.
            self.port.complete(Completion::done(ticket));
            job.task.run();
        }
    }

    /// Appends the answers to jobs whose runs are through, and what those were.
    pub(super) fn take(&mut self, done: &mut Vec<Completion>, runs: &mut Vec<Run>) {
        self.port.poll(usize::MAX, &mut self.answers);
        for answer in self.answers.drain(..) {
            let is_it = |flight: &Flight| flight.ticket == answer.ticket;
            let Some(index) = self.flights.iter().position(is_it) else { continue };
            let Flight { jobs, work, .. } = self.flights.swap_remove(index);
            match work.take().and_then(|done| done.call.made) {
                Some(made) => {
                    done.extend(made.answers);
                    runs.extend(made.run);
                }
                // It has panicked.
                None => done.extend(jobs.into_iter().map(Completion::done)),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
