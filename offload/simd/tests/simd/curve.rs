//! OpenSSL's side of the NIST curves: points, scalars, key agreement.

use interlude_simd::Curve;
use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

pub(crate) const CURVES: [Curve; 2] = [Curve::P256, Curve::P384];

pub(crate) fn group(curve: Curve) -> EcGroup {
    let name = match curve {
        Curve::P256 => Nid::X9_62_PRIME256V1,
        Curve::P384 => Nid::SECP384R1,
    };
    EcGroup::from_curve_name(name).unwrap()
}

pub(crate) fn order(curve: Curve) -> BigNum {
    let mut order = BigNum::new().unwrap();
    group(curve).order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
    order
}

pub(crate) fn prime(curve: Curve) -> BigNum {
    let number = || BigNum::new().unwrap();
    let (mut prime, mut a, mut b) = (number(), number(), number());
    let context = &mut BigNumContext::new().unwrap();
    group(curve).components_gfp(&mut prime, &mut a, &mut b, context).unwrap();
    prime
}

/// As many bytes as a number of the curve has.
pub(crate) fn bytes(curve: Curve, number: &BigNum) -> Vec<u8> {
    number.to_vec_padded(curve.bytes() as i32).unwrap()
}

/// Scalars at which point multiplication may go astray: next to the ends of the range, with runs of
/// ones and zeros, with a single bit.
pub(crate) fn special_scalars(curve: Curve) -> Vec<Vec<u8>> {
    let order = order(curve);
    let small = |value| BigNum::from_u32(value).unwrap();
    let mut all: Vec<BigNum> = (1..=70).map(small).collect();
    all.extend((1..=70).map(|value| &order - &small(value)));
    let mut half = BigNum::new().unwrap();
    half.rshift1(&order).unwrap();
    all.extend((0..3).map(|value| &half + &small(value)));
    let bits = curve.bytes() as i32 * 8;
    for shift in (1..bits).step_by(13) {
        let mut power = BigNum::new().unwrap();
        power.lshift(&small(1), shift).unwrap();
        all.push(&power - &small(1));
        all.push(power);
    }
    let inside = all.into_iter().filter(|number| number.num_bits() > 0 && *number < order);
    inside.map(|number| bytes(curve, &number)).collect()
}

/// OpenSSL's key of a scalar.
pub(crate) fn key(curve: Curve, scalar: &[u8]) -> EcKey<Private> {
    let group = group(curve);
    let scalar = BigNum::from_slice(scalar).unwrap();
    let mut point = EcPoint::new(&group).unwrap();
    point.mul_generator2(&group, &scalar, &mut BigNumContext::new().unwrap()).unwrap();
    EcKey::from_private_components(&group, &scalar, &point).unwrap()
}

/// The public key of a scalar, not compressed.
pub(crate) fn public(curve: Curve, scalar: &[u8]) -> Vec<u8> {
    let key = key(curve, scalar);
    let form = PointConversionForm::UNCOMPRESSED;
    let context = &mut BigNumContext::new().unwrap();
    key.public_key().to_bytes(&group(curve), form, context).unwrap()
}

/// What OpenSSL agrees on; `None` where the peer's key is none.
pub(crate) fn derive(curve: Curve, scalar: &[u8], peer: &[u8]) -> Option<Vec<u8>> {
    let group = group(curve);
    let point = EcPoint::from_bytes(&group, peer, &mut BigNumContext::new().unwrap()).ok()?;
    let peer = PKey::from_ec_key(EcKey::from_public_key(&group, &point).ok()?).unwrap();
    let key = PKey::from_ec_key(key(curve, scalar)).unwrap();
    let mut deriver = Deriver::new(&key).unwrap();
    deriver.set_peer(&peer).ok()?;
    deriver.derive_to_vec().ok()
}

/// The point with that x coordinate, if there is one.
pub(crate) fn point_at(curve: Curve, x: &BigNum) -> Option<Vec<u8>> {
    let group = group(curve);
    let context = &mut BigNumContext::new().unwrap();
    let compressed = [&[2], &bytes(curve, x)[..]].concat();
    let point = EcPoint::from_bytes(&group, &compressed, context).ok()?;
    Some(point.to_bytes(&group, PointConversionForm::UNCOMPRESSED, context).unwrap())
}

/// x coordinates with which a value on the way (a multiple, a square; as it is, or in Montgomery's form
/// with 52-bit limbs) is next to an end of the field: where a lost carry would show.
pub(crate) fn special_coordinates(curve: Curve) -> Vec<BigNum> {
    let context = &mut BigNumContext::new().unwrap();
    let (prime, small) = (prime(curve), |value| BigNum::from_u32(value).unwrap());
    let limbs = (curve.bytes() as i32 * 8 + 51) / 52;
    let mut montgomery = BigNum::new().unwrap();
    montgomery.lshift(&small(1), limbs * 52).unwrap();
    let mut all = Vec::new();
    for distance in [1, 2, 3, 5, 8, 16, 100, 1000] {
        for end in [small(distance), &prime - &small(distance)] {
            for factor in [1, 2, 3, 4, 8] {
                for form in [small(1), &montgomery % &prime] {
                    let mut inverse = BigNum::new().unwrap();
                    inverse.mod_inverse(&(&form * &small(factor)), &prime, context).unwrap();
                    let x = &(&end * &inverse) % &prime;
                    let mut root = BigNum::new().unwrap();
                    if root.mod_sqrt(&x, &prime, context).is_ok() {
                        all.push(root);
                    }
                    all.push(x);
                }
            }
        }
    }
    all
}
