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
//! [`interlude_simd::STACK_NEEDED`] bytes of stack.
//!
//! Must not: take a job that is no [`Lane`], or make a pass in `submit`.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use interlude_simd::{
    Curve, EcKeygenLane, EcdhLane, EcdsaLane, Ed25519Lane, LANES, Missing, Outcomes, RsaLane, Unit,
    X25519KeygenLane, X25519Lane, empty,
};

use crate::{
    Begun, Capabilities, Completion, Engine, Job, Lane, LaneKind, Operation, Pass, Reason, Refused,
    Work,
};

/// A source of random numbers for secrets: fills the buffer, or returns false.
pub type RandomSource = fn(&mut [u8]) -> bool;

/// Jobs of a kind that may wait before one is refused: as many passes as nobody will want to wait for.
const QUEUE: usize = 64 * LANES;

/// The engine of one thread.
pub struct Simd {
    unit: Unit,
    random: RandomSource,
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
            least: LaneKind::ALL.map(LaneKind::break_even),
            queues: [const { Vec::new() }; LaneKind::ALL.len()],
            done: Vec::new(),
            passes: Vec::new(),
        })
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
        // Before anything is computed: should it panic, those who wait have an answer.
        self.done.extend(jobs.iter().map(|job| Completion::done(job.ticket)));
        let mut begun: [Option<Begun<'_, Lane>>; LANES] = [const { None }; LANES];
        for (place, job) in begun.iter_mut().zip(&jobs) {
            // One that was given up meanwhile leaves its lane empty.
            *place = work(job).and_then(Work::begin);
        }
        let lanes = begun.iter().flatten().count();
        if lanes > 0 {
            let since = Instant::now();
            let outcomes = compute(&mut self.unit, kind, &mut begun, self.random);
            let took = since.elapsed() / u32::try_from(lanes).unwrap_or(1);
            for (begun, outcome) in begun.into_iter().zip(outcomes) {
                let Some(mut begun) = begun else { continue };
                if let Some(lane) = begun.call() {
                    lane.outcome = outcome;
                }
                begun.done(took);
            }
            self.passes.push(Pass { kind, lanes, reason });
        }
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
        self.run_full();
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.done.len()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        None
    }

    fn arm(&mut self) -> bool {
        self.done.is_empty()
    }

    fn disarm(&mut self) {}

    fn flush(&mut self) {
        if !self.done.is_empty() {
            // Those go on first, and may join the others.
            return;
        }
        self.run_full();
        let waits = LaneKind::ALL.into_iter().find(|kind| !self.queues[kind.index()].is_empty());
        match waits {
            Some(kind) if self.queue(kind).len() >= self.least[kind.index()] => {
                self.pass(kind, Reason::Idle);
            }
            Some(kind) => self.decline(kind),
            None => {}
        }
    }

    /// Whoever sleeps fills no lanes.
    fn sleep(&mut self, _: Option<Duration>) {
        LaneKind::ALL.into_iter().for_each(|kind| self.decline(kind));
    }

    fn take_passes(&mut self, into: &mut Vec<Pass>) {
        into.append(&mut self.passes);
    }
}

/// Computes what was begun: all of it is of that kind.
fn compute(
    unit: &mut Unit,
    kind: LaneKind,
    begun: &mut [Option<Begun<'_, Lane>>; LANES],
    mut random: RandomSource,
) -> Outcomes {
    let operations = begun
        .iter_mut()
        .map(|begun| begun.as_mut().and_then(Begun::call).map(|lane| &mut lane.operation));
    match kind {
        LaneKind::X25519Keygen => {
            let mut lanes = empty();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::X25519Keygen { private, public }) = operation {
                    *place = Some(X25519KeygenLane { private, public });
                }
            }
            unit.x25519_keygen(&mut lanes, &mut random)
        }
        LaneKind::X25519 => {
            let mut lanes = empty();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::X25519 { private, peer, shared }) = operation {
                    *place = Some(X25519Lane { private, peer, shared });
                }
            }
            unit.x25519_derive(&mut lanes)
        }
        LaneKind::EcdsaP256 | LaneKind::EcdsaP384 => {
            let mut lanes = empty();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::Ecdsa { key, digest, signature: (r, s) }) = operation {
                    *place = Some(EcdsaLane { key, digest, r, s });
                }
            }
            unit.ecdsa_sign(curve(kind), &mut lanes, &mut random)
        }
        LaneKind::EcdhP256 | LaneKind::EcdhP384 => {
            let mut lanes = empty();
            let curve = curve(kind);
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::Ecdh { key, peer, shared }) = operation {
                    let shared = &mut shared[..curve.bytes()];
                    *place = Some(EcdhLane { key, peer, shared });
                }
            }
            unit.ecdh_derive(curve, &mut lanes)
        }
        LaneKind::KeygenP384 => {
            let mut lanes = empty();
            let bytes = curve(kind).bytes();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::EcKeygen { private, public, .. }) = operation {
                    let private = &mut private[..bytes];
                    *place = Some(EcKeygenLane { private, public });
                }
            }
            unit.ec_keygen(curve(kind), &mut lanes, &mut random)
        }
        LaneKind::Ed25519 => {
            let mut lanes = empty();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::Ed25519 { key, message, signature }) = operation {
                    *place = Some(Ed25519Lane { key, message, signature });
                }
            }
            unit.ed25519_sign(&mut lanes)
        }
        LaneKind::Rsa2048 | LaneKind::Rsa3072 | LaneKind::Rsa4096 => {
            let mut lanes = empty();
            for (place, operation) in lanes.iter_mut().zip(operations) {
                if let Some(Operation::Rsa { key, input, output }) = operation {
                    *place = Some(RsaLane { key, input, output });
                }
            }
            unit.rsa_private(&mut lanes)
        }
    }
}

fn curve(kind: LaneKind) -> Curve {
    match kind {
        LaneKind::KeygenP384 | LaneKind::EcdsaP384 | LaneKind::EcdhP384 => Curve::P384,
        _ => Curve::P256,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
