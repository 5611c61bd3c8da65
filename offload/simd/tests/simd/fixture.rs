//! The unit under test, random bytes, and lanes.

use interlude_simd::{LANES, Lanes, Outcomes, Unit};
use openssl::rand::rand_bytes;

/// The unit; where there is none, the reason is printed and the test is over.
pub(crate) fn unit() -> Option<Unit> {
    Unit::open().map_err(|missing| println!("skipped: {missing}")).ok()
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_bytes(&mut bytes).unwrap();
    bytes
}

/// OpenSSL's generator, as a source of randomness.
pub(crate) fn source(into: &mut [u8]) -> bool {
    rand_bytes(into).is_ok()
}

/// Bytes of hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Is a lane used, by the bits of a pattern?
pub(crate) fn is_used(pattern: u8, lane: usize) -> bool {
    pattern >> lane & 1 == 1
}

/// The used lanes of a pattern, from an item each; the rest is empty.
pub(crate) fn lanes<I, T>(
    pattern: u8,
    items: impl IntoIterator<Item = I>,
    mut lane: impl FnMut(I) -> T,
) -> Lanes<T> {
    let mut lanes = interlude_simd::empty();
    for (index, item) in items.into_iter().take(LANES).enumerate() {
        if is_used(pattern, index) {
            lanes[index] = Some(lane(item));
        }
    }
    lanes
}

/// Every used lane of the pattern went well, and no other was touched.
pub(crate) fn all_well(pattern: u8, outcomes: &Outcomes) {
    for (lane, outcome) in outcomes.iter().enumerate() {
        assert_eq!(*outcome, is_used(pattern, lane).then_some(Ok(())), "lane {lane}");
    }
}
