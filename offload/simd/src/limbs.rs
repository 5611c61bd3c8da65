//! Big numbers as the library takes them: 64-bit limbs, the lowest first.
//!
//! Everything here takes the same time and touches the same memory whatever the numbers are; their
//! lengths are public.

/// Reads big-endian bytes; limbs above them become zero. False, and nothing is written, where the
/// number has non-zero bytes that do not fit.
pub(crate) fn from_bytes(bytes: &[u8], limbs: &mut [u64]) -> bool {
    let room = limbs.len() * 8;
    let (above, bytes) = bytes.split_at(bytes.len().saturating_sub(room));
    if above.iter().fold(0, |all, byte| all | byte) != 0 {
        return false;
    }
    limbs.fill(0);
    for (place, byte) in bytes.iter().rev().enumerate() {
        if let Some(limb) = limbs.get_mut(place / 8) {
            *limb |= u64::from(*byte) << (place % 8 * 8);
        }
    }
    true
}

/// Writes big-endian bytes, as many as there are.
pub(crate) fn to_bytes(limbs: &[u64], bytes: &mut [u8]) {
    for (place, byte) in bytes.iter_mut().rev().enumerate() {
        *byte = limbs.get(place / 8).map_or(0, |limb| (limb >> (place % 8 * 8)) as u8);
    }
}

/// `a < b`, of numbers of the same length.
pub(crate) fn is_below(a: &[u64], b: &[u64]) -> bool {
    let borrow = a.iter().zip(b).fold(0u64, |borrow, (a, b)| {
        let (difference, first) = a.overflowing_sub(*b);
        let (_, second) = difference.overflowing_sub(borrow);
        u64::from(first) | u64::from(second)
    });
    borrow == 1
}

/// `a < b`, of big-endian numbers of the same length.
pub(crate) fn is_below_bytes(a: &[u8], b: &[u8]) -> bool {
    let borrow = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .fold(0i16, |borrow, (a, b)| i16::from(i16::from(*a) - i16::from(*b) - borrow < 0));
    borrow == 1
}

/// `a mod b` of an `a` below twice `b`, of the same length.
pub(crate) fn reduce(a: &mut [u64], b: &[u64]) {
    let keep = u64::from(is_below(a, b)).wrapping_sub(1);
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (difference, first) = a.overflowing_sub(b & keep);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        *a = difference;
        borrow = first | second;
    }
}

/// Is it zero?
pub(crate) fn is_zero(limbs: &[u64]) -> bool {
    limbs.iter().fold(0, |all, limb| all | limb) == 0
}

/// Are they equal? Of the same length.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// How many bits a *public* number has.
pub(crate) fn bits(limbs: &[u64]) -> usize {
    let top = limbs.iter().enumerate().rev().find(|(_, limb)| **limb != 0);
    top.map_or(0, |(place, limb)| place * 64 + (64 - limb.leading_zeros() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_limbs_are_the_same_number() {
        let bytes = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        let mut limbs = [u64::MAX; 3];
        assert!(from_bytes(&bytes, &mut limbs));
        assert_eq!(limbs, [0x0304_0506_0708_090a, 0x0102, 0]);
        let mut back = [0xff; 12];
        to_bytes(&limbs, &mut back);
        assert_eq!(back, bytes);
        assert_eq!(bits(&limbs), 73);
    }

    #[test]
    fn leading_zeros_fit_anywhere_and_more_does_not() {
        let mut limbs = [5];
        assert!(!from_bytes(&[1, 0, 0, 0, 0, 0, 0, 0, 0], &mut limbs));
        assert_eq!(limbs, [5]);
        assert!(from_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 9], &mut limbs));
        assert_eq!(limbs, [9]);
        assert!(from_bytes(&[], &mut limbs));
        assert_eq!((limbs, bits(&limbs)), ([0], 0));
    }

    #[test]
    fn what_is_not_below_is_reduced_once() {
        let b = [5, 1];
        let cases =
            [([4, 1], [4, 1]), ([5, 1], [0, 0]), ([3, 2], [u64::MAX - 1, 0]), ([9, 2], [4, 1])];
        for (mut a, expected) in cases {
            reduce(&mut a, &b);
            assert_eq!(a, expected);
        }
    }

    #[test]
    fn order_is_that_of_numbers() {
        let numbers: [[u64; 2]; 5] = [[0, 0], [1, 0], [u64::MAX, 0], [0, 1], [u64::MAX, u64::MAX]];
        for (i, a) in numbers.iter().enumerate() {
            for (j, b) in numbers.iter().enumerate() {
                assert_eq!(is_below(a, b), i < j);
                let (mut a_bytes, mut b_bytes) = ([0; 16], [0; 16]);
                to_bytes(a, &mut a_bytes);
                to_bytes(b, &mut b_bytes);
                assert_eq!(is_below_bytes(&a_bytes, &b_bytes), i < j);
                assert_eq!(equal(&a_bytes, &b_bytes), i == j);
            }
        }
    }
}
