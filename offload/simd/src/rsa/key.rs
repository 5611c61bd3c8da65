//! An RSA key, as the library takes it.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::wipe::WipedBox;
use crate::{Fault, limbs};

/// Sizes of modulus that there is code for.
const SIZES: [usize; 3] = [2048, 3072, 4096];

/// The numbers of a private key with two primes (RFC 8017, section 3.2), big-endian, leading zeros
/// allowed.
#[derive(Clone, Copy)]
pub struct RsaParts<'a> {
    /// Modulus.
    pub n: &'a [u8],
    /// Public exponent.
    pub e: &'a [u8],
    /// First prime.
    pub p: &'a [u8],
    /// Second prime.
    pub q: &'a [u8],
    /// Private exponent modulo p - 1.
    pub dp: &'a [u8],
    /// Private exponent modulo q - 1.
    pub dq: &'a [u8],
    /// Inverse of q modulo p.
    pub qinv: &'a [u8],
}

/// A private key of 2048, 3072 or 4096 bits with two primes of half as many. Wiped when dropped.
///
/// ```text
/// limbs:  n  e  p q dp dq qinv       n, e: bits / 64 limbs; the others: half as many
/// ```
pub struct RsaKey {
    bits: usize,
    e_bits: usize,
    modulus: Box<[u8]>,
    limbs: WipedBox,
    /// [`NEW`], [`PROVEN`] or [`WRONG`].
    standing: AtomicU8,
}

/// Nothing was computed with it yet.
const NEW: u8 = 0;
/// It has had a right result.
const PROVEN: u8 = 1;
/// Its first result was wrong.
const WRONG: u8 = 2;

impl RsaKey {
    /// Takes over a key.
    ///
    /// Whether its numbers belong together is not looked at: where they do not, its first result fails
    /// its check, and it is not [fit](Self::is_fit) from then on.
    ///
    /// # Errors
    /// [`Fault::Length`] for a size that there is no code for (keys of more than two primes have
    /// primes that are too short); [`Fault::Range`] for numbers that cannot be those of a key.
    pub fn new(parts: &RsaParts<'_>) -> Result<Self, Fault> {
        let modulus = without_leading_zeros(parts.n);
        let bits = modulus.len() * 8;
        if !SIZES.contains(&bits) || modulus[0] < 0x80 {
            return Err(Fault::Length);
        }
        let mut key = Self {
            bits,
            e_bits: 0,
            modulus: modulus.into(),
            limbs: WipedBox::zeros(bits / 64 * 2 + bits / 128 * 5),
            standing: AtomicU8::new(NEW),
        };
        let numbers = [parts.n, parts.e, parts.p, parts.q, parts.dp, parts.dq, parts.qinv];
        let (whole, half) = (bits / 64, bits / 128);
        let mut left = &mut *key.limbs;
        for (index, number) in numbers.into_iter().enumerate() {
            let (place, rest) = left.split_at_mut(if index < 2 { whole } else { half });
            if !limbs::from_bytes(number, place) {
                return Err(Fault::Length);
            }
            left = rest;
        }
        key.e_bits = limbs::bits(key.e());
        key.is_plausible()?;
        Ok(key)
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Do its numbers belong together, as far as is known?
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.standing.load(Ordering::Relaxed) != WRONG
    }

    /// It has had a right result.
    pub(super) fn was_right(&self) {
        self.standing.store(PROVEN, Ordering::Relaxed);
    }

    /// It has had a wrong result. Whose fault is that? A key with a wrong component hardly ever has a
    /// right one.
    pub(super) fn was_wrong(&self) -> Fault {
        let order = Ordering::Relaxed;
        match self.standing.compare_exchange(NEW, WRONG, order, order) {
            Err(PROVEN) => Fault::Check,
            _ => Fault::Key,
        }
    }

    /// Odd moduli are what Montgomery multiplication needs. The primes have full length: two
    /// numbers with fewer bits between them have no product as long as the modulus.
    fn is_plausible(&self) -> Result<(), Fault> {
        let is_odd = |number: &[u64]| number.first().is_some_and(|limb| limb & 1 == 1);
        let is_full = |prime: &[u64]| prime.last().is_some_and(|limb| limb >> 63 == 1);
        if !is_full(self.p()) || !is_full(self.q()) {
            return Err(Fault::Length);
        }
        let all_odd = [self.n(), self.e(), self.p(), self.q()].into_iter().all(is_odd);
        let fits = self.e_bits > 1
            && limbs::is_below(self.e(), self.n())
            && limbs::is_below(self.dp(), self.p())
            && limbs::is_below(self.dq(), self.q())
            && limbs::is_below(self.q_inverse(), self.p());
        if all_odd && fits { Ok(()) } else { Err(Fault::Range) }
    }

    /// The modulus in bytes.
    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn n(&self) -> &[u64] {
        self.part(0, 2)
    }

    pub(super) fn e(&self) -> &[u64] {
        self.part(2, 2)
    }

    /// How many bits the public exponent has.
    pub(super) fn e_bits(&self) -> usize {
        self.e_bits
    }

    pub(super) fn p(&self) -> &[u64] {
        self.part(4, 1)
    }

    pub(super) fn q(&self) -> &[u64] {
        self.part(5, 1)
    }

    pub(super) fn dp(&self) -> &[u64] {
        self.part(6, 1)
    }

    pub(super) fn dq(&self) -> &[u64] {
        self.part(7, 1)
    }

    pub(super) fn q_inverse(&self) -> &[u64] {
        self.part(8, 1)
    }

    /// In units of half the modulus' length.
    fn part(&self, begin: usize, length: usize) -> &[u64] {
        let half = self.bits / 128;
        self.limbs.get(begin * half..(begin + length) * half).unwrap_or_default()
    }
}

/// Of a public number.
fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
