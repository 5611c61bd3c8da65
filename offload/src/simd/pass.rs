//! One pass: operations of one kind, each in a lane of its own, computed at once.
//!
//! Must not: know where it is made, or tell anybody that it was.

use std::time::Instant;

use interlude_simd::{
    Curve, EcKeygenLane, EcdhLane, EcdsaLane, Ed25519Lane, LANES, Outcomes, RsaLane, Unit,
    X25519KeygenLane, X25519Lane, empty,
};

use super::{RandomSource, work};
use crate::helpers::{Errand, Made};
use crate::{Begun, Completion, Job, Lane, LaneKind, Operation, Pass, Reason, Work};

/// Eight jobs of a kind, or fewer, to be computed in one pass.
pub(super) struct Lanes {
    pub(super) kind: LaneKind,
    pub(super) jobs: Vec<Job>,
    pub(super) reason: Reason,
    pub(super) random: RandomSource,
}

impl Errand for Lanes {
    /// Scratch memory of the vector unit.
    type Memory = Unit;
    type Report = Pass;

    /// (It was there when the engine was made.)
    fn memory() -> Option<Unit> {
        Unit::open().ok()
    }

    fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    fn make(&self, unit: &mut Unit) -> Made<Pass> {
        let &Self { kind, reason, random, .. } = self;
        let lanes = make(unit, kind, &self.jobs, random);
        let answers = self.jobs.iter().map(|job| Completion::done(job.ticket)).collect();
        Made { answers, report: (lanes > 0).then_some(Pass { kind, lanes, reason }) }
    }
}

/// Computes them. Returns how many lanes were filled: a job that was given up meanwhile leaves its own empty.
fn make(unit: &mut Unit, kind: LaneKind, jobs: &[Job], random: RandomSource) -> usize {
    let mut begun: [Option<Begun<'_, Lane>>; LANES] = [const { None }; LANES];
    for (place, job) in begun.iter_mut().zip(jobs) {
        *place = work(job).and_then(Work::begin);
    }
    let lanes = begun.iter().flatten().count();
    if lanes == 0 {
        return 0;
    }
    let since = Instant::now();
    let outcomes = compute(unit, kind, &mut begun, random);
    let took = since.elapsed() / u32::try_from(lanes).unwrap_or(1);
    for (begun, outcome) in begun.into_iter().zip(outcomes) {
        let Some(mut begun) = begun else { continue };
        if let Some(lane) = begun.call() {
            lane.outcome = outcome;
        }
        begun.done(took);
    }
    lanes
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
