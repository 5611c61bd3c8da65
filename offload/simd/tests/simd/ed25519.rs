//! Ed25519 signatures. There is one for each message and key, so they are compared byte by byte.

use crate::fixture::{all_well, hex, is_used, lanes, random, unit};
use interlude_simd::{Ed25519Key, Ed25519Lane, LANES};
use openssl::pkey::{Id, PKey};
use openssl::sign::Signer;
use proptest::prelude::*;

fn openssl(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let key = PKey::private_key_from_raw_bytes(seed, Id::ED25519).unwrap();
    Signer::new_without_digest(&key).unwrap().sign_oneshot_to_vec(message).unwrap()
}

fn compare(pattern: u8, jobs: &[([u8; 32], Vec<u8>)]) {
    let Some(mut unit) = unit() else { return };
    let keys: Vec<_> =
        jobs.iter().map(|(seed, _)| Ed25519Key::new(&mut unit, seed).unwrap()).collect();
    let mut signatures = [[0xee; 64]; LANES];
    let items = keys.iter().zip(jobs).zip(&mut signatures);
    let mut filled = lanes(pattern, items, |((key, (_, message)), signature)| Ed25519Lane {
        key,
        message,
        signature,
    });
    all_well(pattern, &unit.ed25519_sign(&mut filled));
    for (lane, (seed, message)) in jobs.iter().enumerate() {
        let public = PKey::private_key_from_raw_bytes(seed, Id::ED25519).unwrap();
        assert_eq!(public.raw_public_key().unwrap(), keys[lane].public());
        let expected = if is_used(pattern, lane) { openssl(seed, message) } else { vec![0xee; 64] };
        assert_eq!(signatures[lane].to_vec(), expected, "lane {lane}");
    }
}

/// The lengths at which SHA-512, behind a prefix of 32 or 64 bytes, begins another block.
#[test]
fn messages_of_all_lengths_are_signed_as_by_openssl() {
    let lengths: Vec<usize> = (0..=300).step_by(7).chain(40..90).chain([1000, 5000]).collect();
    for lengths in lengths.chunks(LANES) {
        let mut jobs: Vec<_> =
            lengths.iter().map(|length| (random(), random::<5000>()[..*length].to_vec())).collect();
        jobs.resize_with(LANES, || (random(), Vec::new()));
        compare(0xff, &jobs);
    }
}

#[test]
fn special_seeds_are_signed_with_as_by_openssl() {
    let mut seeds = vec![[0; 32], [0xff; 32], [1; 32], [0x80; 32]];
    seeds.resize_with(LANES, random);
    let jobs: Vec<_> = seeds.into_iter().map(|seed| (seed, b"interlude".to_vec())).collect();
    compare(0xff, &jobs);
}

/// RFC 8032, section 7.1, the third example.
#[test]
fn the_standards_example_comes_out() {
    let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
    let expected = hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
    let seed: [u8; 32] = seed.try_into().unwrap();
    assert_eq!(openssl(&seed, &[0xaf, 0x82]), expected);
    compare(1, &[(seed, vec![0xaf, 0x82])]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn lanes_are_independent(
        pattern: u8,
        jobs in prop::collection::vec(
            (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..200)), LANES),
    ) {
        compare(pattern, &jobs);
    }
}
