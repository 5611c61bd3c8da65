//! Passes that are made on helper threads, while the submitter's own goes on.
//!
//! ```text
//! give --> a Batch of up to eight jobs, as one job of the pool's --> a helper makes the pass
//! take <-- the jobs of each batch that is answered, and what its pass was
//! ```
//!
//! Invariant: each job that was given is answered once its batch is, whatever has become of that.

use std::os::fd::RawFd;
use std::sync::Arc;

use interlude_simd::Unit;

use super::{RandomSource, pass};
use crate::cores::CoresPort;
use crate::sync::Mutex;
use crate::{
    Call, Completion, Engine, Job, JobKind, LaneKind, Pass, Reason, Refused, Ticket, Work,
};

/// Scratch memory of units that no pass is using.
type Units = Arc<Mutex<Vec<Unit>>>;

/// A pass to be made.
struct Batch {
    kind: LaneKind,
    jobs: Vec<Job>,
    random: RandomSource,
    units: Units,
    /// Lanes that were filled.
    lanes: usize,
}

impl Call for Batch {
    fn run(&mut self) {
        let spare = self.units.lock().pop();
        // It was there when the engine was made.
        let Some(mut unit) = spare.or_else(|| Unit::open().ok()) else { return };
        self.lanes = pass::make(&mut unit, self.kind, &self.jobs, self.random);
        self.units.lock().push(unit);
    }
}

/// A batch that is out.
struct Flight {
    ticket: Ticket,
    kind: LaneKind,
    reason: Reason,
    jobs: Vec<Ticket>,
    work: Arc<Work<Batch>>,
}

/// The helper threads, as one submitter uses them.
pub(super) struct Helpers {
    port: CoresPort,
    random: RandomSource,
    units: Units,
    next: u64,
    flights: Vec<Flight>,
    answers: Vec<Completion>,
}

impl Helpers {
    pub(super) fn new(port: CoresPort, random: RandomSource) -> Self {
        let units = Units::new(Mutex::new(Vec::new()));
        Self { port, random, units, next: 0, flights: Vec::new(), answers: Vec::new() }
    }

    /// Where their answers arrive.
    pub(super) fn port(&mut self) -> &mut CoresPort {
        &mut self.port
    }

    pub(super) fn wake_fd(&self) -> Option<RawFd> {
        self.port.wake_fd()
    }

    /// Has any of them a pass of this submitter's?
    pub(super) fn are_out(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Has each of them a pass of this submitter's? Whatever comes until one is through may as well wait
    /// for it, in lanes that fill.
    pub(super) fn are_busy(&self) -> bool {
        self.flights.len() >= self.port.capabilities().parallel
    }

    /// Hands jobs of a kind over, up to eight. Where there is no helper to be had, the pass is made here.
    pub(super) fn give(&mut self, kind: LaneKind, jobs: Vec<Job>, reason: Reason) {
        let tickets = jobs.iter().map(|job| job.ticket).collect();
        let (ticket, bytes) = (Ticket(self.next), jobs.iter().map(|job| job.bytes).sum());
        self.next += 1;
        let what = jobs.first().map_or(JobKind::Sign, |job| job.kind);
        let units = Arc::clone(&self.units);
        let work = Arc::new(Work::new(Batch { kind, jobs, random: self.random, units, lanes: 0 }));
        let task = Arc::clone(&work);
        self.flights.push(Flight { ticket, kind, reason, jobs: tickets, work });
        if let Err(Refused(job)) = self.port.submit(Job { ticket, kind: what, bytes, task }) {
            // Before it is run: should it panic, those who wait have an answer.
            self.port.complete(Completion::done(ticket));
            job.task.run();
        }
    }

    /// Appends the answers to jobs whose batches are through, and what was made of those.
    pub(super) fn take(&mut self, done: &mut Vec<Completion>, passes: &mut Vec<Pass>) {
        self.port.poll(usize::MAX, &mut self.answers);
        for answer in self.answers.drain(..) {
            let is_it = |flight: &Flight| flight.ticket == answer.ticket;
            let Some(index) = self.flights.iter().position(is_it) else { continue };
            let Flight { kind, reason, jobs, work, .. } = self.flights.swap_remove(index);
            done.extend(jobs.into_iter().map(Completion::done));
            let lanes = work.take().map_or(0, |done| done.call.lanes);
            if lanes > 0 {
                passes.push(Pass { kind, lanes, reason });
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
