//! What is measured: an operation that OpenSSL and the vector unit both make.

use super::curves::{Agreement, Generation, Signature};
use super::edwards::{Ed25519, X25519, X25519Keygen};
use super::rsa::Rsa;
use interlude_simd::{Curve, LANES, Lanes, Outcomes, Unit, empty};
use openssl::rand::rand_priv_bytes;
use std::error::Error;

/// Why a measurement cannot go on.
pub(super) type Problem = Box<dyn Error + Send + Sync>;

/// An operation, with what it takes: keys, inputs, room for results.
pub(super) trait Operation {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Makes it once, by OpenSSL.
    fn openssl(&mut self) -> Result<(), Problem>;

    /// Makes it once in each of the first lanes, by the unit.
    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem>;
}

/// All that there are.
pub(super) fn all(unit: &mut Unit) -> Result<Vec<Box<dyn Operation>>, Problem> {
    Ok(vec![
        Box::new(Rsa::new("rsa-2048", 2048)?),
        Box::new(Rsa::new("rsa-3072", 3072)?),
        Box::new(Rsa::new("rsa-4096", 4096)?),
        Box::new(Signature::new("ecdsa-p256", Curve::P256)?),
        Box::new(Signature::new("ecdsa-p384", Curve::P384)?),
        Box::new(Agreement::new("ecdh-p256", Curve::P256)?),
        Box::new(Agreement::new("ecdh-p384", Curve::P384)?),
        Box::new(Generation::new("keygen-p256", Curve::P256)?),
        Box::new(Generation::new("keygen-p384", Curve::P384)?),
        Box::new(X25519::new()?),
        Box::new(X25519Keygen::new()),
        Box::new(Ed25519::new(unit)?),
    ])
}

/// The first so many lanes, filled from an item each.
pub(super) fn fill<I, T>(
    count: usize,
    items: impl IntoIterator<Item = I>,
    mut lane: impl FnMut(I) -> T,
) -> Lanes<T> {
    let mut lanes = empty();
    for (place, item) in lanes.iter_mut().zip(items).take(count.min(LANES)) {
        *place = Some(lane(item));
    }
    lanes
}

/// A lane that has no result would make the rest look better than it is.
pub(super) fn all_well(outcomes: &Outcomes) -> Result<(), Problem> {
    match outcomes.iter().flatten().find_map(|outcome| outcome.err()) {
        Some(fault) => Err(fault.into()),
        None => Ok(()),
    }
}

/// OpenSSL's generator for secrets.
pub(super) fn secrets(into: &mut [u8]) -> bool {
    rand_priv_bytes(into).is_ok()
}
