//! Operations with keys: OpenSSL's, and for an engine with lanes what a lane computes.
//!
//! In place and as jobs they are what `bench crypto` has of OpenSSL: with the context that a TLS library makes for
//! each. Sizes are those of the keys.

use super::subject::{Case, Measurable, Subject};
use crate::failure::Failure;
use crate::lane_key;
use interlude_offload::{Call, Curve, EcKey, JobKind, Lane, Operation, RsaKey, Secret};
use openssl::bn::BigNumContext;
use openssl::derive::Deriver;
use openssl::ec::{self, EcGroup, PointConversionForm};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use std::error::Error;
use std::sync::Arc;

/// Why there are no keys.
type Problem = Box<dyn Error + Send + Sync>;
/// Makes it once; false: it has failed.
type Make = Arc<dyn Fn() -> bool + Send + Sync>;
/// What a lane is to compute.
type ForLane = Box<dyn Fn() -> Option<Operation>>;

const MODULI: [(u32, &str); 3] = [(2048, "rsa2048"), (3072, "rsa3072"), (4096, "rsa4096")];
/// Bytes of a key on P-256 or Curve25519.
const CURVE: usize = 32;

/// All that an engine may be given; `lanes`: as what a lane computes.
pub(super) fn cases(kinds: &[JobKind], lanes: bool) -> Result<Vec<Case>, Failure> {
    made(kinds, lanes).map_err(|problem| Failure::not_so(format!("no keys: {problem}")))
}

fn made(kinds: &[JobKind], lanes: bool) -> Result<Vec<Case>, Problem> {
    let is_wanted = |kind: JobKind| kinds.contains(&kind);
    let mut cases = Vec::new();
    if is_wanted(JobKind::Sign) || is_wanted(JobKind::Decrypt) {
        for (bits, name) in MODULI {
            let both = rsa(bits, name, lanes)?.into_iter();
            cases.extend(both.filter(|case| is_wanted(case.kind)));
        }
    }
    if is_wanted(JobKind::Sign) {
        cases.push(p256_sign(lanes)?);
    }
    if is_wanted(JobKind::Derive) {
        cases.extend([x25519(lanes)?, p256_derive(lanes)?]);
    }
    if is_wanted(JobKind::Keygen) {
        cases.push(x25519_keygen(lanes));
        // Lanes do not pay for the other, and there are none.
        if !lanes {
            cases.push(p256_keygen()?);
        }
    }
    Ok(cases)
}

fn case(
    kind: JobKind,
    data: &'static str,
    bytes: usize,
    make: Make,
    lane: Option<ForLane>,
) -> Case {
    let subject: Box<dyn Measurable> = match lane {
        Some(lane) => Box::new(InLane { make, lane }),
        None => Box::new(ByOpenSsl(make)),
    };
    Case { kind, data, bytes, subject }
}

/// A call of OpenSSL's.
struct ByOpenSsl(Make);

/// One elsewhere.
struct Made {
    make: Make,
    is_made: bool,
}

impl Call for Made {
    fn run(&mut self) {
        self.is_made = (self.make)();
    }
}

impl Subject for ByOpenSsl {
    type Call = Made;

    fn in_place(&mut self) -> bool {
        (self.0)()
    }

    fn call(&mut self) -> Option<Made> {
        Some(Made { make: Arc::clone(&self.0), is_made: false })
    }

    fn finish(&mut self, call: Made) -> bool {
        call.is_made
    }
}

/// A call of OpenSSL's, for which a lane computes.
struct InLane {
    make: Make,
    lane: ForLane,
}

impl Subject for InLane {
    type Call = Lane;

    fn in_place(&mut self) -> bool {
        (self.make)()
    }

    fn call(&mut self) -> Option<Lane> {
        (self.lane)().map(Lane::new)
    }

    fn finish(&mut self, call: Lane) -> bool {
        call.outcome == Some(Ok(()))
    }
}

/// RSA's private operation on a padded block: what signatures and decryptions come to.
fn rsa(bits: u32, name: &'static str, lanes: bool) -> Result<[Case; 2], Problem> {
    let openssl = Rsa::generate(bits)?;
    let bytes = bits as usize / 8;
    // As PKCS#1 pads a signature: 0, 1, ones.
    let mut block = vec![0xff; bytes];
    block.splice(..2, [0, 1]);
    let lane = |key: Arc<RsaKey>| -> ForLane {
        let input = block.clone();
        Box::new(move || {
            let (key, input) = (Arc::clone(&key), input.clone());
            Some(Operation::Rsa { key, output: vec![0; input.len()], input })
        })
    };
    let key = lanes.then(|| lane_key::rsa(&openssl)).transpose()?.map(Arc::new);
    let [sign, decrypt] = [true, false].map(|signs| -> Make {
        let (openssl, block) = (openssl.clone(), block.clone());
        Arc::new(move || {
            let mut result = vec![0; block.len()];
            let made = if signs {
                openssl.private_encrypt(&block, &mut result, Padding::NONE)
            } else {
                openssl.private_decrypt(&block, &mut result, Padding::NONE)
            };
            made.is_ok()
        })
    });
    let for_lane = || key.clone().map(lane);
    Ok([
        case(JobKind::Sign, name, bytes, sign, for_lane()),
        case(JobKind::Decrypt, name, bytes, decrypt, for_lane()),
    ])
}

fn group() -> Result<EcGroup, Problem> {
    Ok(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)
}

/// A key of OpenSSL's, and its scalar.
fn p256() -> Result<(ec::EcKey<Private>, Vec<u8>), Problem> {
    let key = ec::EcKey::generate(&*group()?)?;
    let scalar = key.private_key().to_vec_padded(CURVE as i32)?;
    Ok((key, scalar))
}

fn p256_sign(lanes: bool) -> Result<Case, Problem> {
    let (key, scalar) = p256()?;
    let digest = vec![0x42; CURVE];
    let lane = || -> ForLane {
        let digest = digest.clone();
        Box::new(move || {
            let key = EcKey::new(Curve::P256, &scalar).ok()?;
            let half = || vec![0; CURVE];
            Some(Operation::Ecdsa { key, digest: digest.clone(), signature: (half(), half()) })
        })
    };
    let lane = lanes.then(lane);
    let make: Make = Arc::new(move || EcdsaSig::sign(&digest, &key).is_ok());
    Ok(case(JobKind::Sign, "p256", CURVE, make, lane))
}

/// A key agreement by OpenSSL.
fn agreement(key: PKey<Private>, peer: PKey<Private>) -> Make {
    Arc::new(move || {
        let derive = || -> Result<usize, ErrorStack> {
            let mut deriver = Deriver::new(&key)?;
            deriver.set_peer(&peer)?;
            deriver.derive(&mut [0; CURVE])
        };
        derive().is_ok_and(|len| len == CURVE)
    })
}

fn x25519(lanes: bool) -> Result<Case, Problem> {
    let (key, peer) = (PKey::generate_x25519()?, PKey::generate_x25519()?);
    let scalar: [u8; CURVE] = key.raw_private_key()?.as_slice().try_into()?;
    let point: [u8; CURVE] = peer.raw_public_key()?.as_slice().try_into()?;
    let lane = || -> ForLane {
        Box::new(move || {
            let (mut private, shared) = (Box::new(Secret::zeros()), Box::new(Secret::zeros()));
            private.copy_from_slice(&scalar);
            Some(Operation::X25519 { private, peer: point, shared })
        })
    };
    let lane = lanes.then(lane);
    Ok(case(JobKind::Derive, "x25519", CURVE, agreement(key, peer), lane))
}

fn p256_derive(lanes: bool) -> Result<Case, Problem> {
    let ((key, scalar), (peer, _)) = (p256()?, p256()?);
    let mut context = BigNumContext::new()?;
    let form = PointConversionForm::UNCOMPRESSED;
    let point = peer.public_key().to_bytes(&*group()?, form, &mut context)?;
    let lane = || -> ForLane {
        Box::new(move || {
            let key = EcKey::new(Curve::P256, &scalar).ok()?;
            let shared = Box::new(Secret::zeros());
            Some(Operation::Ecdh { key, peer: point.clone(), shared })
        })
    };
    let lane = lanes.then(lane);
    let make = agreement(PKey::from_ec_key(key)?, PKey::from_ec_key(peer)?);
    Ok(case(JobKind::Derive, "p256", CURVE, make, lane))
}

fn x25519_keygen(lanes: bool) -> Case {
    let lane = || -> ForLane {
        Box::new(|| {
            let private = Box::new(Secret::zeros());
            Some(Operation::X25519Keygen { private, public: [0; CURVE] })
        })
    };
    let make: Make = Arc::new(|| PKey::generate_x25519().is_ok());
    case(JobKind::Keygen, "x25519", CURVE, make, lanes.then(lane))
}

fn p256_keygen() -> Result<Case, Problem> {
    let group = group()?;
    let make: Make = Arc::new(move || ec::EcKey::generate(&group).is_ok());
    Ok(case(JobKind::Keygen, "p256", CURVE, make, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_made_and_can_be_done() {
        let of = |kinds: &[JobKind], lanes| {
            let mut cases = cases(kinds, lanes).unwrap();
            assert!(cases.iter_mut().all(|case| case.subject.ready() && case.subject.in_place()));
            cases.iter().map(|case| (case.kind, case.data, case.bytes)).collect::<Vec<_>>()
        };
        let derive = [(JobKind::Derive, "x25519", 32), (JobKind::Derive, "p256", 32)];
        assert_eq!(of(&[JobKind::Derive, JobKind::Deflate], false), derive);
        let keygen = [(JobKind::Keygen, "x25519", 32), (JobKind::Keygen, "p256", 32)];
        assert_eq!(of(&[JobKind::Keygen], false), keygen);
        assert_eq!(of(&[JobKind::Keygen], true), keygen[..1]);
        let sign = [("rsa2048", 256), ("rsa3072", 384), ("rsa4096", 512), ("p256", 32)];
        let sign = sign.map(|(data, bytes)| (JobKind::Sign, data, bytes));
        assert_eq!(of(&[JobKind::Sign], false), sign);
    }
}
