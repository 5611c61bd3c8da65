//! RSA private operations, and what their check finds.

use crate::fixture::{all_well, is_used, lanes, random, unit};
use crate::rsa_key::{Numbers, made};
use interlude_simd::{Fault, LANES, RsaKey, RsaLane, RsaParts, empty};
use openssl::bn::BigNum;
use std::sync::Arc;

const SIZES: [u32; 3] = [2048, 3072, 4096];

/// One block with one key, in the lane with that number.
fn alone(numbers: &Numbers, lane: usize, input: &[u8]) -> Result<Vec<u8>, Fault> {
    let Some(mut unit) = unit() else { return Ok(numbers.private(input)) };
    let key = numbers.key();
    let mut output = vec![0xee; numbers.bytes()];
    let mut lanes = empty();
    lanes[lane] = Some(RsaLane { key: &key, input, output: &mut output });
    match unit.rsa_private(&mut lanes)[lane] {
        Some(Err(fault)) => {
            assert!(output.iter().all(|byte| *byte == 0), "something left a faulty lane");
            Err(fault)
        }
        outcome => {
            assert_eq!(outcome, Some(Ok(())));
            Ok(output)
        }
    }
}

#[test]
fn all_lanes_of_all_sizes_compute_what_openssl_computes() {
    let Some(mut unit) = unit() else { return };
    for bits in SIZES {
        let numbers: Vec<_> =
            (0..2).map(|number| made(bits, 65537, if bits > 2048 { 0 } else { number })).collect();
        let keys: Vec<_> = numbers.iter().map(|numbers| numbers.key()).collect();
        let inputs: Vec<_> =
            (0..LANES).map(|lane| numbers[lane % 2].block(&random::<520>())).collect();
        for pattern in [0xff, 0x01, 0x80, 0x55, 0xaa, 0x7e] {
            let mut outputs = vec![vec![0xee; bits as usize / 8]; LANES];
            let mut index = 0;
            let mut filled = lanes(pattern, inputs.iter().zip(&mut outputs), |(input, output)| {
                index += 1;
                RsaLane { key: &keys[0], input, output }
            });
            for (lane, filled) in filled.iter_mut().enumerate() {
                if let Some(filled) = filled {
                    filled.key = &keys[lane % 2];
                }
            }
            all_well(pattern, &unit.rsa_private(&mut filled));
            for (lane, output) in outputs.iter().enumerate() {
                if is_used(pattern, lane) {
                    assert_eq!(*output, numbers[lane % 2].private(&inputs[lane]), "lane {lane}");
                } else {
                    assert!(output.iter().all(|byte| *byte == 0xee), "an empty lane was written");
                }
            }
        }
    }
}

#[test]
fn the_ends_of_the_range_are_in_it() {
    let numbers = made(2048, 65537, 0);
    let one = BigNum::from_u32(1).unwrap();
    let n = BigNum::from_slice(&numbers.n).unwrap();
    let last = &n - &one;
    let p = BigNum::from_slice(&numbers.p).unwrap();
    let blocks = [BigNum::new().unwrap(), one, last, p];
    for (lane, block) in blocks.iter().enumerate() {
        let input = block.to_vec_padded(256).unwrap();
        assert_eq!(alone(&numbers, lane, &input), Ok(numbers.private(&input)), "{block}");
    }
}

#[test]
fn an_input_that_is_not_below_the_modulus_is_refused() {
    let numbers = made(2048, 65537, 0);
    if unit().is_none() {
        return;
    }
    assert_eq!(alone(&numbers, 0, &numbers.n), Err(Fault::Range));
    assert_eq!(alone(&numbers, 7, &[0xff; 256]), Err(Fault::Range));
    assert_eq!(alone(&numbers, 3, &[1; 255]), Err(Fault::Length));
    assert_eq!(alone(&numbers, 3, &[]), Err(Fault::Length));
}

#[test]
fn inputs_and_results_with_leading_zeros_keep_their_length() {
    let numbers = made(2048, 65537, 0);
    for zeros in [1, 8, 100, 255] {
        let mut input = random::<256>();
        input[..zeros].fill(0);
        assert_eq!(alone(&numbers, 0, &input), Ok(numbers.private(&input)));
        // The other way round: a block whose result has leading zeros.
        let mut block = vec![0; 256];
        let none = openssl::rsa::Padding::NONE;
        numbers.openssl.public_encrypt(&input, &mut block, none).unwrap();
        assert_eq!(alone(&numbers, 5, &block), Ok(input.to_vec()));
    }
}

#[test]
fn any_public_exponent_is_checked() {
    let Some(mut unit) = unit() else { return };
    let usual = made(2048, 65537, 0);
    let three = made(2048, 3, 0);
    let mut exponents = vec![17, 65539, u32::MAX].into_iter().map(|e| BigNum::from_u32(e).unwrap());
    let longer = |bytes: usize| {
        let mut e = random::<256>();
        e[0] &= 0x7f;
        e[bytes - 1] |= 1;
        BigNum::from_slice(&e[..bytes]).unwrap()
    };
    let with = |e: &BigNum| usual.with_exponent(e);
    let mut all: Vec<Arc<Numbers>> = vec![usual.clone(), three.clone()];
    all.extend(exponents.by_ref().filter_map(|e| with(&e)).map(Arc::new));
    while all.len() < LANES {
        // As long as the modulus, in some lanes: half of all numbers have an inverse.
        let e = longer(if all.len().is_multiple_of(2) { 8 } else { 256 });
        all.extend(with(&e).map(Arc::new));
    }
    let keys: Vec<_> = all.iter().map(|numbers| numbers.key()).collect();
    let inputs: Vec<_> = all.iter().map(|numbers| numbers.block(&random::<260>())).collect();
    let mut outputs = vec![vec![0; 256]; LANES];
    let items = keys.iter().zip(&inputs).zip(&mut outputs);
    let mut filled = lanes(0xff, items, |((key, input), output)| RsaLane { key, input, output });
    all_well(0xff, &unit.rsa_private(&mut filled));
    for ((numbers, input), output) in all.iter().zip(&inputs).zip(&outputs) {
        assert_eq!(*output, numbers.private(input), "e = {:x?}", numbers.e);
    }
}

/// Each component wrong by itself, with the usual exponent and with 3.
#[test]
fn a_wrong_component_is_found_and_spoils_no_other_lane() {
    let Some(mut unit) = unit() else { return };
    for e in [65537, 3] {
        let good = made(2048, e, 0);
        let other = made(2048, 65537, 1);
        let flip = |bytes: &[u8]| {
            let mut wrong = bytes.to_vec();
            wrong[5] ^= 0x10;
            wrong
        };
        let (dp, dq, qinv) = (flip(&good.dp), flip(&good.dq), flip(&good.qinv));
        let parts = good.parts();
        let wrong = [
            RsaParts { dp: &dp, ..parts },
            RsaParts { dq: &dq, ..parts },
            RsaParts { qinv: &qinv, ..parts },
            RsaParts { p: &other.p, qinv: &[1], dp: &[1], ..parts },
            RsaParts { n: &other.n, ..parts },
            RsaParts { e: &[17], ..parts },
        ];
        let mut keys: Vec<RsaKey> = wrong.iter().map(|parts| RsaKey::new(parts).unwrap()).collect();
        keys.insert(2, good.key());
        keys.push(good.key());
        let mut input = good.block(&random::<256>());
        input[0] = 0;
        let mut outputs = vec![vec![0xee; 256]; LANES];
        let items = keys.iter().zip(&mut outputs);
        let mut filled = lanes(0xff, items, |(key, output)| RsaLane { key, input: &input, output });
        let outcomes = unit.rsa_private(&mut filled);
        for (lane, outcome) in outcomes.into_iter().enumerate() {
            let (expected, output) = match lane {
                2 | 7 => (Ok(()), good.private(&input)),
                _ => (Err(Fault::Key), vec![0; 256]),
            };
            assert_eq!((outcome, &outputs[lane]), (Some(expected), &output), "e {e}, lane {lane}");
            assert_eq!(keys[lane].is_fit(), expected.is_ok(), "e {e}, lane {lane}");
        }
    }
}

/// With a wrong inverse, 1 comes out right. (A processor that miscalculates cannot be had.)
#[test]
fn a_key_that_was_right_once_is_not_blamed() {
    let Some(mut unit) = unit() else { return };
    let good = made(2048, 65537, 0);
    let key = RsaKey::new(&RsaParts { qinv: &[2], ..good.parts() }).unwrap();
    let mut outcome = |last: u8| {
        let (mut input, mut output) = (vec![0; 256], vec![0xee; 256]);
        input[255] = last;
        let mut filled = empty();
        filled[4] = Some(RsaLane { key: &key, input: &input, output: &mut output });
        unit.rsa_private(&mut filled)[4]
    };
    let outcomes = [outcome(1), outcome(2), outcome(1)];
    assert_eq!(outcomes, [Some(Ok(())), Some(Err(Fault::Check)), Some(Ok(()))]);
    assert!(key.is_fit());
}

#[test]
fn lanes_of_another_size_are_left_out() {
    let Some(mut unit) = unit() else { return };
    let (small, large) = (made(2048, 65537, 0), made(3072, 65537, 0));
    let (small_key, large_key) = (small.key(), large.key());
    let (mut first, mut second) = (vec![0xee; 256], vec![0xee; 384]);
    let (block, longer) = (small.block(&[1; 256]), large.block(&[1; 256]));
    let mut lanes = empty();
    lanes[1] = Some(RsaLane { key: &small_key, input: &block, output: &mut first });
    lanes[4] = Some(RsaLane { key: &large_key, input: &longer, output: &mut second });
    let outcomes = unit.rsa_private(&mut lanes);
    assert_eq!((outcomes[1], outcomes[4]), (Some(Ok(())), Some(Err(Fault::OtherKind))));
    assert_eq!((first, second), (small.private(&block), vec![0; 384]));
}

#[test]
fn what_is_no_key_of_a_size_that_is_there_is_refused() {
    let numbers = made(2048, 65537, 0);
    let parts = numbers.parts();
    let (short, even) = (&numbers.p[..127], [&numbers.p[..127], &[2]].concat());
    let (even_n, small_n) =
        ([&numbers.n[..255], &[2]].concat(), [&[0x7f], &numbers.n[1..]].concat());
    let (zeros, long) = ([&[0; 9], &numbers.dp[..]].concat(), [&[1], &numbers.dp[..]].concat());
    let cases = [
        (parts, None),
        (RsaParts { dp: &zeros, ..parts }, None),
        (RsaParts { dp: &long, ..parts }, Some(Fault::Length)),
        (RsaParts { dp: &numbers.p, ..parts }, Some(Fault::Range)),
        (RsaParts { p: short, ..parts }, Some(Fault::Length)),
        (RsaParts { p: &even, qinv: &[1], dp: &[1], ..parts }, Some(Fault::Range)),
        (RsaParts { n: &even_n, ..parts }, Some(Fault::Range)),
        (RsaParts { n: &small_n, ..parts }, Some(Fault::Length)),
        (RsaParts { n: &numbers.p, ..parts }, Some(Fault::Length)),
        (RsaParts { n: &[], ..parts }, Some(Fault::Length)),
        (RsaParts { e: &[], ..parts }, Some(Fault::Range)),
        (RsaParts { e: &[1], ..parts }, Some(Fault::Range)),
        (RsaParts { e: &[1, 0, 0], ..parts }, Some(Fault::Range)),
        (RsaParts { e: &[0xff; 256], ..parts }, Some(Fault::Range)),
    ];
    for (index, (parts, fault)) in cases.iter().enumerate() {
        assert_eq!(RsaKey::new(parts).err(), *fault, "case {index}");
    }
}
