//! The NIST curves: signatures, key agreement, key pairs.

use super::operation::{Operation, Problem, all_well, fill, secrets};
use interlude_simd::{Curve, EcKey, EcKeygenLane, EcdhLane, EcdsaLane, LANES, Unit};
use openssl::bn::BigNumContext;
use openssl::derive::Deriver;
use openssl::ec::{self, EcGroup, PointConversionForm};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};

/// Two numbers of a curve, or a number and a point, for each lane.
type Rooms = [(Vec<u8>, Vec<u8>); LANES];

fn rooms(first: usize, second: usize) -> Rooms {
    std::array::from_fn(|_| (vec![0; first], vec![0; second]))
}

fn group(curve: Curve) -> Result<EcGroup, Problem> {
    let name = match curve {
        Curve::P256 => Nid::X9_62_PRIME256V1,
        Curve::P384 => Nid::SECP384R1,
    };
    Ok(EcGroup::from_curve_name(name)?)
}

/// A new key of OpenSSL's, and the same for the unit.
fn keys(curve: Curve) -> Result<(ec::EcKey<Private>, EcKey), Problem> {
    let openssl = ec::EcKey::generate(&*group(curve)?)?;
    let key = EcKey::new(curve, &openssl.private_key().to_vec())?;
    Ok((openssl, key))
}

/// ECDSA of a digest.
pub(super) struct Signature {
    name: &'static str,
    curve: Curve,
    openssl: ec::EcKey<Private>,
    key: EcKey,
    digest: Vec<u8>,
    results: Rooms,
}

impl Signature {
    pub(super) fn new(name: &'static str, curve: Curve) -> Result<Self, Problem> {
        let (openssl, key) = keys(curve)?;
        let bytes = curve.bytes();
        let results = rooms(bytes, bytes);
        Ok(Self { name, curve, openssl, key, digest: vec![0x42; bytes], results })
    }
}

impl Operation for Signature {
    fn name(&self) -> &'static str {
        self.name
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        EcdsaSig::sign(&self.digest, &self.openssl)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let (key, digest) = (&self.key, &self.digest);
        let mut lanes = fill(lanes, &mut self.results, |(r, s)| EcdsaLane { key, digest, r, s });
        all_well(&unit.ecdsa_sign(self.curve, &mut lanes, &mut secrets))
    }
}

/// ECDH with a peer's key.
pub(super) struct Agreement {
    name: &'static str,
    curve: Curve,
    openssl: PKey<Private>,
    openssl_peer: PKey<Public>,
    key: EcKey,
    peer: Vec<u8>,
    results: Rooms,
}

impl Agreement {
    pub(super) fn new(name: &'static str, curve: Curve) -> Result<Self, Problem> {
        let (openssl, key) = keys(curve)?;
        let group = group(curve)?;
        let (peer, _) = keys(curve)?;
        let point = peer.public_key();
        let form = PointConversionForm::UNCOMPRESSED;
        let bytes = point.to_bytes(&group, form, &mut *BigNumContext::new()?)?;
        let openssl_peer = PKey::from_ec_key(ec::EcKey::from_public_key(&group, point)?)?;
        let openssl = PKey::from_ec_key(openssl)?;
        let results = rooms(curve.bytes(), 0);
        Ok(Self { name, curve, openssl, openssl_peer, key, peer: bytes, results })
    }
}

impl Operation for Agreement {
    fn name(&self) -> &'static str {
        self.name
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        let [(result, _), ..] = &mut self.results;
        let mut deriver = Deriver::new(&self.openssl)?;
        deriver.set_peer(&self.openssl_peer)?;
        deriver.derive(result)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let (key, peer) = (&self.key, &self.peer);
        let mut lanes =
            fill(lanes, &mut self.results, |(shared, _)| EcdhLane { key, peer, shared });
        all_well(&unit.ecdh_derive(self.curve, &mut lanes))
    }
}

/// A new key pair.
pub(super) struct Generation {
    name: &'static str,
    curve: Curve,
    group: EcGroup,
    results: Rooms,
}

impl Generation {
    pub(super) fn new(name: &'static str, curve: Curve) -> Result<Self, Problem> {
        let results = rooms(curve.bytes(), curve.point_bytes());
        Ok(Self { name, curve, group: group(curve)?, results })
    }
}

impl Operation for Generation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        ec::EcKey::generate(&self.group)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let mut lanes =
            fill(lanes, &mut self.results, |(private, public)| EcKeygenLane { private, public });
        all_well(&unit.ec_keygen(self.curve, &mut lanes, &mut secrets))
    }
}
