//! Key agreement and key pairs on the NIST curves.

use crate::curve::{
    CURVES, bytes, derive, order, point_at, prime, public, special_coordinates, special_scalars,
};
use crate::fixture::{all_well, is_used, lanes, random, source, unit};
use interlude_simd::{Curve, EcKey, EcKeygenLane, EcdhLane, Fault, LANES, Unit, empty};
use openssl::bn::BigNum;
use proptest::prelude::*;

/// A scalar and a peer's key.
type Pair = (Vec<u8>, Vec<u8>);

/// A random scalar: one not far from the order would do, too.
fn scalar(curve: Curve) -> Vec<u8> {
    let number = BigNum::from_slice(&random::<60>()).unwrap();
    bytes(curve, &(&number % &order(curve)))
}

/// Is the scalar's last addition one of a point to itself, which the library does not always see?
fn is_degenerate(curve: Curve, scalar: &[u8]) -> bool {
    scalar == bytes(curve, &(&order(curve) - &BigNum::from_u32(2).unwrap()))
}

/// Derives in the lanes of a pattern, and holds every lane against OpenSSL.
fn compare(unit: &mut Unit, curve: Curve, pattern: u8, pairs: &[Pair]) {
    let keys: Vec<_> = pairs.iter().map(|(scalar, _)| EcKey::new(curve, scalar).unwrap()).collect();
    let mut secrets = vec![vec![0xee; curve.bytes()]; pairs.len()];
    let items = keys.iter().zip(pairs).zip(&mut secrets);
    let mut filled =
        lanes(pattern, items, |((key, (_, peer)), shared)| EcdhLane { key, peer, shared });
    let outcomes = unit.ecdh_derive(curve, &mut filled);
    for (lane, (scalar, peer)) in pairs.iter().enumerate() {
        let expected = match (is_used(pattern, lane), derive(curve, scalar, peer)) {
            (false, _) => (None, vec![0xee; curve.bytes()]),
            (true, None) => (Some(Err(Fault::Peer)), vec![0; curve.bytes()]),
            (true, Some(secret)) => (Some(Ok(())), secret),
        };
        let got = (outcomes[lane], secrets[lane].clone());
        // A secret of zero is left to OpenSSL, whether it is right (a point with x = 0) or not.
        let refused = (Some(Err(Fault::Refused)), vec![0; curve.bytes()]);
        let is_zero = expected == (Some(Ok(())), vec![0; curve.bytes()]);
        if got == refused && (is_zero || is_degenerate(curve, scalar)) {
            continue;
        }
        assert_eq!(got, expected, "lane {lane}, scalar {scalar:02x?}, peer {peer:02x?}");
    }
}

fn compare_all(unit: &mut Unit, curve: Curve, pairs: &[Pair]) {
    for pairs in pairs.chunks(LANES) {
        compare(unit, curve, 0xff, pairs);
    }
}

/// Makes pairs of these scalars, in as many passes as it takes.
fn generate(unit: &mut Unit, curve: Curve, scalars: &[Vec<u8>]) {
    for scalars in scalars.chunks(LANES) {
        let mut pairs = vec![(vec![0xee; curve.bytes()], vec![0xee; curve.point_bytes()]); LANES];
        let items = pairs.iter_mut().take(scalars.len());
        let mut filled = lanes(0xff, items, |(private, public)| EcKeygenLane { private, public });
        let mut next = scalars.iter();
        let outcomes = unit.ec_keygen(curve, &mut filled, &mut |into: &mut [u8]| {
            into.copy_from_slice(next.next().unwrap());
            true
        });
        for (lane, scalar) in scalars.iter().enumerate() {
            assert_eq!(outcomes[lane], Some(Ok(())));
            let expected = (scalar.clone(), public(curve, scalar));
            assert_eq!(pairs[lane], expected, "lane {lane}");
        }
    }
}

#[test]
fn every_pattern_of_lanes_agrees_with_openssl() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let pairs: Vec<_> =
            (0..LANES).map(|_| (scalar(curve), public(curve, &scalar(curve)))).collect();
        for pattern in [0xff, 0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x55, 0xaa, 0x3c, 0xc3, 0x7f] {
            compare(&mut unit, curve, pattern, &pairs);
        }
    }
}

#[test]
fn special_scalars_are_multiplied_as_by_openssl() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let scalars = special_scalars(curve);
        generate(&mut unit, curve, &scalars);
        let generator = public(curve, &bytes(curve, &BigNum::from_u32(1).unwrap()));
        for peer in [generator, public(curve, &scalar(curve))] {
            let pairs: Vec<_> =
                scalars.iter().map(|scalar| (scalar.clone(), peer.clone())).collect();
            compare_all(&mut unit, curve, &pairs);
        }
    }
}

/// Whatever the peer, its secret is right or none.
#[test]
fn no_secret_comes_out_as_zero() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let scalar = bytes(curve, &(&order(curve) - &BigNum::from_u32(2).unwrap()));
        let peers = (0..64).map(|_| public(curve, &self::scalar(curve)));
        let pairs: Vec<_> = peers.map(|peer| (scalar.clone(), peer)).collect();
        compare_all(&mut unit, curve, &pairs);
    }
}

/// Points next to the ends of the field, and multiples of the base point by special scalars.
#[test]
fn special_points_are_multiplied_as_by_openssl() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let prime = prime(curve);
        let small = |value| BigNum::from_u32(value).unwrap();
        let mut xs: Vec<BigNum> = (0..100).map(small).collect();
        xs.extend((1..100).map(|value| &prime - &small(value)));
        xs.extend(special_coordinates(curve));
        let mut points: Vec<_> = xs.iter().filter_map(|x| point_at(curve, x)).collect();
        assert!(points.len() > 150);
        points.extend(special_scalars(curve).iter().step_by(5).map(|one| public(curve, one)));
        let pairs: Vec<_> = points.into_iter().map(|point| (scalar(curve), point)).collect();
        compare_all(&mut unit, curve, &pairs);
    }
}

/// Secrets with leading zeros keep their length: those of points with a small x, by 1 and its negative.
#[test]
fn secrets_with_leading_zeros_keep_their_length() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let one = BigNum::from_u32(1).unwrap();
        let scalars = [bytes(curve, &one), bytes(curve, &(&order(curve) - &one))];
        let xs = (0..=u32::from(u8::MAX)).step_by(5).map(|x| BigNum::from_u32(x).unwrap());
        let points: Vec<_> = xs.filter_map(|x| point_at(curve, &x)).collect();
        assert!(points.len() > 10);
        let mut pairs = Vec::new();
        for scalar in scalars {
            pairs.extend(points.iter().map(|point| (scalar.clone(), point.clone())));
        }
        assert!(derive(curve, &pairs[0].0, &pairs[0].1).unwrap().starts_with(&[0; 31]));
        compare_all(&mut unit, curve, &pairs);
    }
}

#[test]
fn what_is_no_point_of_the_curve_is_refused() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let good = public(curve, &scalar(curve));
        let at = |place: usize, bit: u8| {
            let mut point = good.clone();
            point[place] ^= bit;
            point
        };
        // x of a point in the lowest hundred, with the prime added: the same point, wrongly
        // written.
        let (x, point) = (0..)
            .find_map(|x| {
                let x = BigNum::from_u32(x).unwrap();
                point_at(curve, &x).map(|point| (x, point))
            })
            .unwrap();
        let mut too_large = point.clone();
        too_large[1..=curve.bytes()].copy_from_slice(&bytes(curve, &(&x + &prime(curve))));
        let mut all_zero = vec![0; curve.point_bytes()];
        all_zero[0] = 4;
        let mut zero_y = good.clone();
        zero_y[1 + curve.bytes()..].fill(0);
        let other = CURVES[usize::from(curve == Curve::P256)];
        let mut all_ones = vec![0xff; curve.point_bytes()];
        all_ones[0] = 4;
        let bad = [
            at(5, 1),
            at(curve.bytes(), 0x80),
            at(curve.point_bytes() - 1, 1),
            at(0, 1),
            too_large,
            all_zero,
            zero_y,
            all_ones,
            vec![0],
            vec![],
            good[..curve.point_bytes() - 1].to_vec(),
            [&good[..], &[0]].concat(),
            public(other, &[5]),
        ];
        for (index, peer) in bad.into_iter().enumerate() {
            let pairs: Vec<_> = (0..LANES)
                .map(|lane| {
                    let peer = if lane == index % LANES { &peer } else { &good };
                    (scalar(curve), peer.clone())
                })
                .collect();
            assert_eq!(derive(curve, &pairs[index % LANES].0, &peer), None);
            compare(&mut unit, curve, 0xff, &pairs);
        }
    }
}

#[test]
fn lanes_of_another_curve_or_length_are_left_out() {
    let Some(mut unit) = unit() else { return };
    let keys = CURVES.map(|curve| EcKey::new(curve, &[7]).unwrap());
    let peers = CURVES.map(|curve| public(curve, &[9]));
    let (mut first, mut second, mut third) = ([0xee; 32], [0xee; 48], [0xee; 31]);
    let mut lanes = empty();
    lanes[0] = Some(EcdhLane { key: &keys[1], peer: &peers[1], shared: &mut second });
    lanes[1] = Some(EcdhLane { key: &keys[0], peer: &peers[0], shared: &mut first });
    lanes[2] = Some(EcdhLane { key: &keys[0], peer: &peers[0], shared: &mut third });
    let outcomes = unit.ecdh_derive(Curve::P256, &mut lanes);
    let expected = [Some(Err(Fault::OtherKind)), Some(Ok(())), Some(Err(Fault::Length))];
    assert_eq!(outcomes[..3], expected);
    assert_eq!((second, third), ([0; 48], [0; 31]));
    assert_eq!(first.to_vec(), derive(Curve::P256, &[7], &peers[0]).unwrap());
}

#[test]
fn scalars_out_of_range_are_no_keys() {
    for curve in CURVES {
        let order = order(curve);
        let one = BigNum::from_u32(1).unwrap();
        let cases = [
            (vec![], Some(Fault::Range)),
            (vec![0; curve.bytes()], Some(Fault::Range)),
            (bytes(curve, &order), Some(Fault::Range)),
            (bytes(curve, &(&order + &one)), Some(Fault::Range)),
            (vec![0xff; curve.bytes()], Some(Fault::Range)),
            (vec![1; curve.bytes() + 1], Some(Fault::Range)),
            (bytes(curve, &(&order - &one)), None),
            ([&[0, 0], &bytes(curve, &one)[..]].concat(), None),
        ];
        for (scalar, fault) in cases {
            assert_eq!(EcKey::new(curve, &scalar).err(), fault, "{scalar:02x?}");
        }
    }
}

#[test]
fn new_keys_are_openssls() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        for pattern in [0xff, 0x01, 0x80, 0x5a] {
            let blank = (vec![0xee; curve.bytes()], vec![0xee; curve.point_bytes()]);
            let mut pairs = vec![blank.clone(); LANES];
            let mut filled =
                lanes(pattern, &mut pairs, |(private, public)| EcKeygenLane { private, public });
            all_well(pattern, &unit.ec_keygen(curve, &mut filled, &mut source));
            for (lane, pair) in pairs.iter().enumerate() {
                if is_used(pattern, lane) {
                    assert_eq!(pair.1, public(curve, &pair.0));
                } else {
                    assert_eq!(*pair, blank);
                }
            }
        }
    }
}

/// A candidate that is not in range is thrown away, not reduced; and not for ever.
#[test]
fn a_scalar_is_drawn_until_it_is_in_range() {
    let Some(mut unit) = unit() else { return };
    for curve in CURVES {
        let (mut private, mut public_key) = (vec![0; curve.bytes()], vec![0; curve.point_bytes()]);
        let mut candidates = [vec![0; curve.bytes()], bytes(curve, &order(curve))]
            .into_iter()
            .chain([vec![0xff; curve.bytes()], vec![0x77; curve.bytes()]]);
        let mut filled = empty();
        filled[2] = Some(EcKeygenLane { private: &mut private, public: &mut public_key });
        let outcomes = unit.ec_keygen(curve, &mut filled, &mut |into: &mut [u8]| {
            into.copy_from_slice(&candidates.next().unwrap());
            true
        });
        assert_eq!(outcomes[2], Some(Ok(())));
        assert_eq!(private, vec![0x77; curve.bytes()]);
        assert_eq!(public_key, public(curve, &private));

        let mut stuck = |into: &mut [u8]| {
            into.fill(0xff);
            true
        };
        for random in [&mut stuck as &mut interlude_simd::Random<'_>, &mut |_: &mut [u8]| false] {
            let mut filled = empty();
            filled[2] = Some(EcKeygenLane { private: &mut private, public: &mut public_key });
            assert_eq!(unit.ec_keygen(curve, &mut filled, random)[2], Some(Err(Fault::Random)));
            assert_eq!(
                (&private, &public_key),
                (&vec![0; curve.bytes()], &vec![0; curve.point_bytes()])
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn lanes_are_independent(pattern: u8, bad: u8, curve in prop::sample::select(&CURVES)) {
        if let Some(mut unit) = unit() {
            let pairs: Vec<_> = (0..LANES).map(|lane| {
                let mut peer = public(curve, &scalar(curve));
                peer[7] ^= bad >> lane & 1;
                (scalar(curve), peer)
            }).collect();
            compare(&mut unit, curve, pattern, &pairs);
        }
    }
}
