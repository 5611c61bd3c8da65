//! What several jobs come to at once, made on helper threads while the submitter's own goes on: the engines
//! `simd` and `onnx` put their passes and runs into it.
//!
//! ```text
//! give --> an Errand over some jobs, as one job of the pool's --> a helper makes it
//! take <-- the answers of each errand that is through, and what it says of itself
//! ```
//!
//! Invariant: each job that was given is answered once its errand is through, whatever has become of that.
//!
//! Must not: know what an errand is about, or which jobs go well together.

use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::cores::CoresPort;
use crate::sync::Mutex;
use crate::{Call, Completion, Engine, Job, Refused, Ticket, Work};

/// Something to be made of several jobs at once.
pub(crate) trait Errand: Send + 'static {
    /// What it works with. One at a time has it, and the next one after that.
    type Memory: Send + 'static;
    /// What it says of itself.
    type Report: Send + 'static;

    /// New; `None` if it cannot be had, and then the errand is not made.
    fn memory() -> Option<Self::Memory>;

    /// What it is to be made of.
    fn jobs(&self) -> &[Job];

    /// Makes it.
    fn make(&self, with: &mut Self::Memory) -> Made<Self::Report>;
}

/// What an errand came to.
pub(crate) struct Made<R> {
    /// One for each job.
    pub(crate) answers: Vec<Completion>,
    /// `None`: all of them had been given up meanwhile.
    pub(crate) report: Option<R>,
}

/// Makes an errand on this thread. Should it panic, those who wait have their answers all the same.
pub(crate) fn make_here<E: Errand>(
    errand: &E,
    with: &mut E::Memory,
    done: &mut Vec<Completion>,
    reports: &mut Vec<E::Report>,
) {
    match catch_unwind(AssertUnwindSafe(|| errand.make(with))) {
        Ok(made) => {
            done.extend(made.answers);
            reports.extend(made.report);
        }
        Err(panic) => {
            done.extend(errand.jobs().iter().map(|job| Completion::done(job.ticket)));
            resume_unwind(panic);
        }
    }
}

/// Memory that no errand is using.
type Spare<E> = Arc<Mutex<Vec<<E as Errand>::Memory>>>;

/// An errand, as a job of the pool's.
struct Sent<E: Errand> {
    errand: E,
    spare: Spare<E>,
    made: Option<Made<E::Report>>,
}

impl<E: Errand> Call for Sent<E> {
    fn run(&mut self) {
        let spare = self.spare.lock().pop();
        let Some(mut memory) = spare.or_else(E::memory) else { return };
        self.made = Some(self.errand.make(&mut memory));
        self.spare.lock().push(memory);
    }
}

/// An errand that is out.
struct Flight<E: Errand> {
    ticket: Ticket,
    jobs: Vec<Ticket>,
    work: Arc<Work<Sent<E>>>,
}

/// The helper threads, as one submitter uses them.
pub(crate) struct Helpers<E: Errand> {
    port: CoresPort,
    spare: Spare<E>,
    next: u64,
    flights: Vec<Flight<E>>,
    answers: Vec<Completion>,
}

impl<E: Errand> Helpers<E> {
    /// Those behind a port, which is nobody else's.
    pub(crate) fn new(port: CoresPort) -> Self {
        let spare = Arc::new(Mutex::new(Vec::new()));
        Self { port, spare, next: 0, flights: Vec::new(), answers: Vec::new() }
    }

    /// Where their answers arrive.
    pub(crate) fn port(&mut self) -> &mut CoresPort {
        &mut self.port
    }

    pub(crate) fn wake_fd(&self) -> Option<RawFd> {
        self.port.wake_fd()
    }

    /// How many helpers there are.
    pub(crate) fn threads(&self) -> usize {
        self.port.capabilities().parallel
    }

    /// How many errands of this submitter's are out that have so many jobs.
    pub(crate) fn out(&self, many: impl Fn(usize) -> bool) -> usize {
        self.flights.iter().filter(|flight| many(flight.jobs.len())).count()
    }

    /// Is any errand of this submitter's out?
    pub(crate) fn are_out(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Hands an errand over. Where there is no helper to be had, it is made here.
    pub(crate) fn give(&mut self, errand: E) {
        let jobs = errand.jobs();
        let Some(kind) = jobs.first().map(|job| job.kind) else { return };
        let tickets = jobs.iter().map(|job| job.ticket).collect();
        let (ticket, bytes) = (Ticket(self.next), jobs.iter().map(|job| job.bytes).sum());
        self.next += 1;
        let spare = Arc::clone(&self.spare);
        let work = Arc::new(Work::new(Sent { errand, spare, made: None }));
        let task = Arc::clone(&work);
        self.flights.push(Flight { ticket, jobs: tickets, work });
        if let Err(Refused(job)) = self.port.submit(Job { ticket, kind, bytes, task }) {
            // Before it is made: should it panic, those who wait have an answer.
            self.port.complete(Completion::done(ticket));
            job.task.run();
        }
    }

    /// Appends the answers to jobs whose errands are through, and what those say of themselves.
    pub(crate) fn take(&mut self, done: &mut Vec<Completion>, reports: &mut Vec<E::Report>) {
        self.port.poll(usize::MAX, &mut self.answers);
        for answer in self.answers.drain(..) {
            let is_it = |flight: &Flight<E>| flight.ticket == answer.ticket;
            let Some(index) = self.flights.iter().position(is_it) else { continue };
            let Flight { jobs, work, .. } = self.flights.swap_remove(index);
            match work.take().and_then(|done| done.call.made) {
                Some(made) => {
                    done.extend(made.answers);
                    reports.extend(made.report);
                }
                // It has panicked, or was not made.
                None => done.extend(jobs.into_iter().map(Completion::done)),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
