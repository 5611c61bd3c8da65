//! ECDSA signatures, verified by OpenSSL.

use crate::curve::{CURVES, bytes, key, order, special_scalars};
use crate::fixture::{all_well, lanes, random, source, unit};
use interlude_simd::{Curve, EcKey, EcdsaLane, Fault, LANES, Random, Unit, empty};
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;

/// Signs a digest with each key, and returns r and s.
fn sign(
    unit: &mut Unit,
    curve: Curve,
    pattern: u8,
    jobs: &[(Vec<u8>, Vec<u8>)],
    random: &mut Random<'_>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys: Vec<_> = jobs.iter().map(|(scalar, _)| EcKey::new(curve, scalar).unwrap()).collect();
    let mut signatures = vec![(vec![0xee; curve.bytes()], vec![0xee; curve.bytes()]); jobs.len()];
    let items = keys.iter().zip(jobs).zip(&mut signatures);
    let mut filled =
        lanes(pattern, items, |((key, (_, digest)), (r, s))| EcdsaLane { key, digest, r, s });
    let used = filled.iter().map(|lane| lane.is_some());
    let pattern = used.enumerate().map(|(lane, used)| u8::from(used) << lane).sum();
    all_well(pattern, &unit.ecdsa_sign(curve, &mut filled, random));
    signatures
}

fn verifies(curve: Curve, scalar: &[u8], digest: &[u8], signature: &(Vec<u8>, Vec<u8>)) -> bool {
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let (r, s) = (number(&signature.0), number(&signature.1));
    let signature = EcdsaSig::from_private_components(r, s).unwrap();
    signature.verify(digest, &key(curve, scalar)).unwrap()
}

#[test]
fn signatures_verify_in_every_lane() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let jobs: Vec<_> =
            (0..LANES).map(|_| (random::<32>().to_vec(), random::<48>().to_vec())).collect();
        for pattern in [0xff, 0, 1, 0x80, 0x55, 0xaa, 0x7e] {
            let signatures = sign(&mut unit, curve, pattern, &jobs, &mut source);
            for (lane, ((scalar, digest), signature)) in jobs.iter().zip(&signatures).enumerate() {
                if pattern >> lane & 1 == 1 {
                    assert!(verifies(curve, scalar, digest, signature), "lane {lane}");
                    let mut other = digest.clone();
                    other[3] ^= 1;
                    assert!(!verifies(curve, scalar, &other, signature));
                } else {
                    assert_eq!(signature.0, vec![0xee; curve.bytes()]);
                }
            }
        }
    }
}

#[test]
fn digests_of_any_length_and_value_are_signed() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let lengths = [1, 20, 28, 31, 32, 33, 47, 48, 49, 64, 100];
        let mut digests: Vec<Vec<u8>> =
            lengths.iter().map(|length| random::<100>()[..*length].to_vec()).collect();
        let order = order(curve);
        digests.extend([vec![0xff; 32], vec![0xff; 64], vec![0xff; 4]]);
        let one = BigNum::from_u32(1).unwrap();
        digests.extend([&order - &one, &order + &one].map(|digest| bytes(curve, &digest)));
        let jobs: Vec<_> =
            digests.into_iter().map(|digest| (random::<32>().to_vec(), digest)).collect();
        for jobs in jobs.chunks(LANES) {
            let signatures = sign(&mut unit, curve, 0xff, jobs, &mut source);
            for ((scalar, digest), signature) in jobs.iter().zip(&signatures) {
                assert!(verifies(curve, scalar, digest, signature), "{digest:02x?}");
            }
        }
    }
}

/// OpenSSL signs them: nothing in the standard forbids it. No hash of anything known is one.
#[test]
fn a_digest_of_zero_is_left_to_others() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let key = EcKey::new(curve, &[7]).unwrap();
        let digests = [vec![], vec![0; 32], vec![0; 64], bytes(curve, &order(curve)), vec![1]];
        let mut halves = vec![(vec![0xee; curve.bytes()], vec![0xee; curve.bytes()]); 5];
        let items = digests.iter().zip(&mut halves);
        let mut filled =
            lanes(0xff, items, |(digest, (r, s))| EcdsaLane { key: &key, digest, r, s });
        let outcomes = unit.ecdsa_sign(curve, &mut filled, &mut source);
        assert_eq!(outcomes[..4], [Some(Err(Fault::Refused)); 4]);
        assert_eq!(outcomes[4], Some(Ok(())));
        assert!(halves[..4].iter().all(|(r, s)| r.iter().chain(s).all(|byte| *byte == 0)));
        assert!(verifies(curve, &[7], &[1], &halves[4]));
    }
}

#[test]
fn special_nonces_and_keys_give_signatures_that_verify() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let special = special_scalars(curve);
        let digest = random::<48>().to_vec();
        let jobs: Vec<_> =
            special.iter().rev().map(|scalar| (scalar.clone(), digest.clone())).collect();
        let mut nonces = special.iter();
        let mut next = |into: &mut [u8]| {
            into.copy_from_slice(nonces.next().unwrap());
            true
        };
        for jobs in jobs.chunks(LANES) {
            let signatures = sign(&mut unit, curve, 0xff, jobs, &mut next);
            for ((scalar, digest), signature) in jobs.iter().zip(&signatures) {
                assert!(verifies(curve, scalar, digest, signature), "{scalar:02x?}");
            }
        }
    }
}

/// r is the x coordinate of the nonce's multiple of the base point: the nonce was the one drawn,
/// and what was out of range was thrown away.
#[test]
fn a_nonce_is_drawn_until_it_is_in_range() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let nonce = vec![0x55; curve.bytes()];
        let mut candidates =
            [vec![0; curve.bytes()], bytes(curve, &order(curve)), nonce.clone()].into_iter();
        let jobs = [(vec![9], vec![1; 32])];
        let signatures = sign(&mut unit, curve, 1, &jobs, &mut |into: &mut [u8]| {
            into.copy_from_slice(&candidates.next().unwrap());
            true
        });
        let point = crate::curve::public(curve, &nonce);
        let x = BigNum::from_slice(&point[1..=curve.bytes()]).unwrap();
        assert_eq!(signatures[0].0, bytes(curve, &(&x % &order(curve))));
        assert!(verifies(curve, &[9], &[1; 32], &signatures[0]));
    }
}

#[test]
fn no_random_numbers_is_a_fault_of_that_lane() {
    let Some(mut unit) = unit() else { return };
    let keys = CURVES.map(|curve| EcKey::new(curve, &[7]).unwrap());
    let mut halves = [[0xee; 32]; 8];
    let mut pairs = halves.chunks_exact_mut(2).enumerate();
    let mut filled = lanes(0x0f, pairs.by_ref(), |(lane, halves)| {
        let [r, s] = halves else { unreachable!() };
        EcdsaLane { key: &keys[usize::from(lane == 1)], digest: &[1; 32], r, s }
    });
    let mut calls = 0;
    let outcomes = unit.ecdsa_sign(Curve::P256, &mut filled, &mut |into: &mut [u8]| {
        calls += 1;
        calls != 2 && source(into)
    });
    let expected =
        [Some(Ok(())), Some(Err(Fault::OtherKind)), Some(Err(Fault::Random)), Some(Ok(()))];
    assert_eq!(outcomes[..4], expected);
    assert_eq!(halves[2..6], [[0; 32]; 4]);
    let (mut short, mut right) = ([0xee; 31], [0xee; 32]);
    let mut filled = empty();
    filled[0] = Some(EcdsaLane { key: &keys[0], digest: &[1; 32], r: &mut short, s: &mut right });
    let outcomes = unit.ecdsa_sign(Curve::P256, &mut filled, &mut source);
    assert_eq!((outcomes[0], right), (Some(Err(Fault::Length)), [0; 32]));
}
