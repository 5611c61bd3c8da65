//! The `simd` engine: operations of several connections in one pass of the vector unit.
//!
//! ```text
//! submit --> a queue for each kind of operation
//! poll   --> eight are there: a pass
//! flush  --> nothing else is to be done: the cheapest kind that waits, in a pass as it is, or back to
//!            the submitter where too few lanes are filled for that to be worth it
//! ```
//!
//! Nothing waits for a timer. The cheapest kind goes first, and alone: those who asked for it go on, and
//! may fill the lanes of a dearer one (a handshake makes a key, agrees on a secret, and then signs).
//!
//! Passes are made on the submitter's own thread, where it calls `poll` and `flush`: with
//! [`interlude_simd::STACK_NEEDED`] bytes of stack. Or, where there are some, on helper threads (`crate::helpers`):
//! then what waits goes to one that is free, and fills lanes while none is.
//!
//! Must not: take a job that is no [`Lane`], or make a pass in `submit`.

mod pass;

use std::os::fd::RawFd;
use std::time::Duration;

use interlude_simd::{LANES, Missing, Unit};

use crate::cores::CoresPort;
use crate::helpers::{Helpers, make_here};
use crate::{Capabilities, Completion, Engine, Job, Lane, LaneKind, Pass, Reason, Refused, Work};
use pass::Lanes;

/// A source of random numbers for secrets: fills the buffer, or returns false.
pub type RandomSource = fn(&mut [u8]) -> bool;

/// Jobs of a kind that may wait before one is refused: as many passes as nobody will want to wait for.
const QUEUE: usize = 64 * LANES;

/// The engine of one thread.
pub struct Simd {
    unit: Unit,
    random: RandomSource,
    /// Who makes the passes, if not the submitter's thread.
    helpers: Option<Helpers<Lanes>>,
    /// By kind: from how many lanes on a pass is worth it.
    least: [usize; LaneKind::ALL.len()],
    queues: [Vec<Job>; LaneKind::ALL.len()],
    done: Vec<Completion>,
    passes: Vec<Pass>,
}

impl Simd {
    /// An engine with nothing to do.
    ///
    /// # Errors
    /// Why there is none here.
    pub fn open(random: RandomSource) -> Result<Self, Missing> {
        Ok(Self {
            unit: Unit::open()?,
            random,
            helpers: None,
            least: LaneKind::ALL.map(LaneKind::break_even),
            queues: [const { Vec::new() }; LaneKind::ALL.len()],
            done: Vec::new(),
            passes: Vec::new(),
        })
    }

    /// As [`Self::open`], with helper threads that make the passes: those behind this port, which is nobody
    /// else's.
    ///
    /// # Errors
    /// Why there is none here.
    pub fn open_over(port: CoresPort, random: RandomSource) -> Result<Self, Missing> {
        let helpers = Some(Helpers::new(port));
        Ok(Self { helpers, ..Self::open(random)? })
    }

    fn run_full(&mut self) {
        for kind in LaneKind::ALL {
            while self.queue(kind).len() >= LANES {
                self.pass(kind, Reason::Full);
            }
        }
    }

    fn queue(&mut self, kind: LaneKind) -> &mut Vec<Job> {
        // One for each.
        &mut self.queues[kind.index()]
    }

    /// The oldest eight of a kind, or as many as there are.
    fn pass(&mut self, kind: LaneKind, reason: Reason) {
        let queue = self.queue(kind);
        let jobs: Vec<Job> = queue.drain(..queue.len().min(LANES)).collect();
        let lanes = Lanes { kind, jobs, reason, random: self.random };
        match &mut self.helpers {
            Some(helpers) => helpers.give(lanes),
            None => make_here(&lanes, &mut self.unit, &mut self.done, &mut self.passes),
        }
    }

    /// What helpers have done.
    fn collect(&mut self) {
        if let Some(helpers) = &mut self.helpers {
            helpers.take(&mut self.done, &mut self.passes);
        }
    }

    /// Has each helper a pass of this submitter's? Whatever comes until one is through may as well wait for it, in
    /// lanes that fill.
    fn are_helpers_busy(&self) -> bool {
        self.helpers.as_ref().is_some_and(|helpers| helpers.out(|_| true) >= helpers.threads())
    }

    fn decline(&mut self, kind: LaneKind) {
        let queue = &mut self.queues[kind.index()];
        if queue.is_empty() {
            return;
        }
        self.passes.push(Pass { kind, lanes: queue.len(), reason: Reason::TooFew });
        self.done.extend(queue.drain(..).map(|job| Completion::declined(job.ticket)));
    }
}

fn work(job: &Job) -> Option<&Work<Lane>> {
    job.task.as_any().downcast_ref()
}

impl Engine for Simd {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "simd",
            asynchronous: true,
            queue: QUEUE,
            parallel: LANES,
            has_lanes: true,
            own_cpus: false,
            is_shared: false,
            own_results: true,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let kind = work(&job).and_then(|work| work.look(|lane| lane.operation.kind()));
        let Some(kind) = kind.flatten() else { return Err(Refused(job)) };
        let queue = self.queue(kind);
        if queue.len() >= QUEUE {
            return Err(Refused(job));
        }
        queue.push(job);
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        self.collect();
        self.run_full();
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.done.len()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        self.helpers.as_ref().and_then(Helpers::wake_fd)
    }

    fn arm(&mut self) -> bool {
        self.done.is_empty() && self.helpers.as_mut().is_none_or(|helpers| helpers.port().arm())
    }

    fn disarm(&mut self) {
        if let Some(helpers) = &mut self.helpers {
            helpers.port().disarm();
        }
    }

    fn flush(&mut self) {
        self.collect();
        if !self.done.is_empty() {
            // Those go on first, and may join the others.
            return;
        }
        self.run_full();
        while self.done.is_empty() && !self.are_helpers_busy() {
            let waits = LaneKind::ALL.into_iter().find(|kind| !self.queue(*kind).is_empty());
            match waits {
                Some(kind) if self.queue(kind).len() >= self.least[kind.index()] => {
                    self.pass(kind, Reason::Idle);
                }
                Some(kind) => self.decline(kind),
                None => return,
            }
        }
    }

    /// Whoever sleeps fills no lanes.
    fn sleep(&mut self, limit: Option<Duration>) {
        LaneKind::ALL.into_iter().for_each(|kind| self.decline(kind));
        let has_answers = !self.done.is_empty();
        if let Some(helpers) = self.helpers.as_mut().filter(|out| out.are_out() && !has_answers) {
            helpers.port().sleep(limit);
        }
    }

    fn take_passes(&mut self, into: &mut Vec<Pass>) {
        into.append(&mut self.passes);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
