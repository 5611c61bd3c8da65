//! X25519, and points that are none.

use crate::fixture::{all_well, hex, is_used, lanes, random, source, unit};
use interlude_simd::{Fault, LANES, Unit, X25519KeygenLane, X25519Lane, empty};
use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey};
use proptest::prelude::*;

type Key = [u8; 32];

/// What OpenSSL agrees on; `None` where it refuses.
fn openssl(private: &Key, peer: &Key) -> Option<Key> {
    let private = PKey::private_key_from_raw_bytes(private, Id::X25519).unwrap();
    let peer = PKey::public_key_from_raw_bytes(peer, Id::X25519).unwrap();
    let mut deriver = Deriver::new(&private).unwrap();
    deriver.set_peer(&peer).unwrap();
    deriver.derive_to_vec().ok().map(|secret| secret.try_into().unwrap())
}

/// Derives in the lanes of a pattern, and holds every lane against OpenSSL.
fn compare(unit: &mut Unit, pattern: u8, keys: &[(Key, Key)]) {
    let mut secrets = [[0xee; 32]; LANES];
    let items = keys.iter().zip(&mut secrets);
    let mut filled =
        lanes(pattern, items, |((private, peer), shared)| X25519Lane { private, peer, shared });
    let outcomes = unit.x25519_derive(&mut filled);
    for (lane, (private, peer)) in keys.iter().enumerate() {
        let expected = match (is_used(pattern, lane), openssl(private, peer)) {
            (false, _) => (None, [0xee; 32]),
            // Whether OpenSSL refuses it too or not: it must be asked.
            (true, _) if is_near_the_top(peer) => (Some(Err(Fault::Refused)), [0; 32]),
            (true, None) => (Some(Err(Fault::LowOrder)), [0; 32]),
            (true, Some(secret)) => (Some(Ok(())), secret),
        };
        assert_eq!((outcomes[lane], secrets[lane]), expected, "lane {lane}, peer {peer:02x?}");
    }
}

/// Where the library's arithmetic is wrong, with a wide margin.
fn is_near_the_top(peer: &Key) -> bool {
    peer[31] & 0x7f == 0x7f && peer[8..31] == [0xff; 23]
}

/// Public keys that are something special: of low order, and not below 2^255 - 19 (RFC 7748).
fn special() -> Vec<Key> {
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // Twice the prime and its neighbours have the highest bit set.
        "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    let mut all: Vec<Key> = low.map(|digits| hex(digits).try_into().unwrap()).into();
    // 2^255 - 17 to 2^255 - 1 are 2 to 18.
    all.extend((0xef..=0xff).map(|low| {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (low, 0x7f);
        key
    }));
    // Around the limit of what is given to the library.
    for (seventh, eighth) in [(0, 0xff), (0xff, 0xfe), (0x80, 0xfe)] {
        let mut key = [0xff; 32];
        (key[7], key[8], key[31]) = (seventh, eighth, 0x7f);
        all.push(key);
    }
    all.push([0xff; 32]);
    let with_high_bit = |key: &Key| {
        let mut key = *key;
        key[31] |= 0x80;
        key
    };
    all.extend(all.clone().iter().map(with_high_bit));
    all
}

#[test]
fn every_pattern_of_lanes_agrees_with_openssl() {
    let Some(mut unit) = unit() else { return };
    let keys: Vec<_> = (0..LANES).map(|_| (random(), random())).collect();
    for pattern in 0..=u8::MAX {
        let mut secrets = [[0xee; 32]; LANES];
        let items = keys.iter().zip(&mut secrets);
        let mut filled =
            lanes(pattern, items, |((private, peer), shared)| X25519Lane { private, peer, shared });
        all_well(pattern, &unit.x25519_derive(&mut filled));
        for (lane, (private, peer)) in keys.iter().enumerate() {
            let secret = openssl(private, peer).unwrap();
            let expected = if is_used(pattern, lane) { secret } else { [0xee; 32] };
            assert_eq!(secrets[lane], expected);
        }
    }
}

#[test]
fn special_points_are_taken_and_refused_as_by_openssl() {
    let Some(mut unit) = unit() else { return };
    let special = special();
    for points in special.chunks(LANES - 1) {
        let mut keys: Vec<_> = points.iter().map(|point| (random(), *point)).collect();
        keys.push((random(), random()));
        compare(&mut unit, 0xff, &keys);
    }
    let refused = special.iter().filter(|point| openssl(&[9; 32], point).is_none()).count();
    assert!(refused >= 14, "{refused}: low-order points are missing");
}

#[test]
fn special_private_keys_are_clamped_as_by_openssl() {
    let Some(mut unit) = unit() else { return };
    let mut high = [0; 32];
    high[31] = 0x80;
    let keys = [[0; 32], [0xff; 32], [1; 32], high, [7; 32]];
    compare(&mut unit, 0x1f, &keys.map(|private| (private, random())));
}

/// Four times these is near 2^255, as a value on the way then is: for half of all private keys the
/// result is wrong.
#[test]
#[ignore = "libcrypto_mb 2.3 loses a carry near the top of the field"]
fn values_on_the_way_may_lie_near_the_top() {
    let Some(mut unit) = unit() else { return };
    let half = |below: u8| {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (0xff - below, 0x3f);
        key
    };
    let keys: Vec<_> = (0..8).map(|lane| ([lane * 17; 32], half(lane + 11))).collect();
    compare(&mut unit, 0xff, &keys);
}

/// RFC 7748, section 5.2.
#[test]
fn the_standards_example_comes_out() {
    let Some(mut unit) = unit() else { return };
    let key = |digits| -> Key { hex(digits).try_into().unwrap() };
    let private = key("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    let peer = key("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    let expected = key("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    let mut shared = [0; 32];
    let mut filled = empty();
    filled[3] = Some(X25519Lane { private: &private, peer: &peer, shared: &mut shared });
    assert_eq!(unit.x25519_derive(&mut filled)[3], Some(Ok(())));
    assert_eq!(shared, expected);
}

#[test]
fn new_keys_are_openssls() {
    let Some(mut unit) = unit() else { return };
    for pattern in [0xff, 0x01, 0x80, 0x5a] {
        let mut pairs = [([0xee; 32], [0xee; 32]); LANES];
        let mut filled =
            lanes(pattern, &mut pairs, |(private, public)| X25519KeygenLane { private, public });
        all_well(pattern, &unit.x25519_keygen(&mut filled, &mut source));
        for (lane, (private, public)) in pairs.iter().enumerate() {
            if is_used(pattern, lane) {
                let key = PKey::private_key_from_raw_bytes(private, Id::X25519).unwrap();
                assert_eq!(key.raw_public_key().unwrap(), public);
                assert_eq!((private[0] & 7, private[31] >> 6), (0, 1), "not clamped");
            } else {
                assert_eq!((*private, *public), ([0xee; 32], [0xee; 32]));
            }
        }
    }
}

#[test]
fn without_random_numbers_there_is_no_key() {
    let Some(mut unit) = unit() else { return };
    let mut pairs = [([0xee; 32], [0xee; 32]); 2];
    let mut filled = lanes(3, &mut pairs, |(private, public)| X25519KeygenLane { private, public });
    let mut calls = 0;
    let outcomes = unit.x25519_keygen(&mut filled, &mut |into: &mut [u8]| {
        calls += 1;
        into.fill(0x33);
        calls > 1
    });
    assert_eq!((outcomes[0], outcomes[1]), (Some(Err(Fault::Random)), Some(Ok(()))));
    assert_eq!(pairs[0], ([0; 32], [0; 32]));
    let key = PKey::private_key_from_raw_bytes(&pairs[1].0, Id::X25519).unwrap();
    assert_eq!(key.raw_public_key().unwrap(), pairs[1].1);
}

#[test]
fn no_lanes_are_no_work() {
    let Some(mut unit) = unit() else { return };
    assert_eq!(unit.x25519_derive(&mut empty()), [None; LANES]);
    assert_eq!(unit.x25519_keygen(&mut empty(), &mut source), [None; LANES]);
    assert_eq!(unit.rsa_private(&mut empty()), [None; LANES]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn lanes_are_independent(
        pattern: u8,
        keys in prop::collection::vec(
            (any::<Key>(), prop_oneof![any::<Key>(), prop::sample::select(special())]), LANES),
    ) {
        if let Some(mut unit) = unit() {
            compare(&mut unit, pattern, &keys);
        }
    }
}
