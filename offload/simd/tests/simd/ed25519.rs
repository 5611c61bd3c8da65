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

/// RFC 8032, section 7.1: a seed, a message and its signature.
const EXAMPLES: [(&str, &str, &str); 4] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
         09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
];

#[test]
fn the_standards_examples_come_out() {
    let jobs: Vec<_> = EXAMPLES
        .into_iter()
        .map(|(seed, message, signature)| {
            let (seed, message): ([u8; 32], _) = (hex(seed).try_into().unwrap(), hex(message));
            assert_eq!(openssl(&seed, &message), hex(signature));
            (seed, message)
        })
        .collect();
    compare(0xf, &jobs);
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
