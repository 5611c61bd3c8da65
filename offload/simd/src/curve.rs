//! The NIST curves that there is code for (SP 800-186, section 3.2.1), and numbers below their
//! orders.

use crate::wipe::Wiped;
use crate::{Fault, Random, limbs};

/// Limbs of the longest numbers.
pub(crate) const MOST_LIMBS: usize = 6;
/// Bytes of the longest numbers.
pub(crate) const MOST_BYTES: usize = 48;

/// A number below the prime or the order of any curve.
pub(crate) type Number = Wiped<u64, MOST_LIMBS>;

/// Candidates for a number that may be thrown away: one in 2^32 is where all is well.
const PATIENCE: usize = 16;

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
}

const P256_ORDER: [u64; 4] =
    [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];
const P256_PRIME: [u64; 4] =
    [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0x0000_0000_0000_0000, 0xffff_ffff_0000_0001];
const P384_ORDER: [u64; 6] = [
    0xecec_196a_ccc5_2973,
    0x581a_0db2_48b0_a77a,
    0xc763_4d81_f437_2ddf,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];
const P384_PRIME: [u64; 6] = [
    0x0000_0000_ffff_ffff,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

impl Curve {
    /// Bytes of a coordinate, a scalar, and either half of a signature.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Bytes of a point, not compressed (SEC 1, section 2.3.3): 4, x, y.
    #[must_use]
    pub const fn point_bytes(self) -> usize {
        1 + 2 * self.bytes()
    }

    const fn order(self) -> &'static [u64] {
        match self {
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
        }
    }

    const fn prime(self) -> &'static [u64] {
        match self {
            Self::P256 => &P256_PRIME,
            Self::P384 => &P384_PRIME,
        }
    }

    /// Reads a scalar, which must be in [1, order).
    pub(crate) fn read_scalar(self, bytes: &[u8], into: &mut Number) -> Result<(), Fault> {
        let used = self.used(into);
        let fits = limbs::from_bytes(bytes, used);
        if fits && !limbs::is_zero(used) && limbs::is_below(used, self.order()) {
            Ok(())
        } else {
            Err(Fault::Range)
        }
    }

    /// Reads a digest's leftmost bits, modulo the order, and writes them again (FIPS 186-5, section
    /// 6.4.1): an order's length in bits is that of whole bytes on both curves, and its highest bit
    /// is set.
    pub(crate) fn reduce_digest(self, digest: &[u8], into: &mut [u8; MOST_BYTES]) {
        let mut number = Number::zeros();
        let used = self.used(&mut number);
        limbs::from_bytes(digest.get(..self.bytes()).unwrap_or(digest), used);
        limbs::reduce(used, self.order());
        limbs::to_bytes(used, &mut into[..self.bytes()]);
    }

    /// Draws a scalar, uniform in [1, order): candidates that are not in it are thrown away.
    pub(crate) fn draw_scalar(
        self,
        random: &mut Random<'_>,
        into: &mut Number,
    ) -> Result<(), Fault> {
        let mut bytes = Wiped::<u8, MOST_BYTES>::zeros();
        let bytes = &mut bytes[..self.bytes()];
        for _ in 0..PATIENCE {
            if !random(bytes) {
                return Err(Fault::Random);
            }
            if self.read_scalar(bytes, into).is_ok() {
                return Ok(());
            }
        }
        Err(Fault::Random)
    }

    /// Reads a point that is not compressed. Its coordinates are below the prime; whether it is on
    /// the curve is not looked at.
    pub(crate) fn read_point(
        self,
        bytes: &[u8],
        x: &mut Number,
        y: &mut Number,
    ) -> Result<(), Fault> {
        let Some((4, coordinates)) = bytes.split_first() else { return Err(Fault::Peer) };
        if bytes.len() != self.point_bytes() {
            return Err(Fault::Peer);
        }
        let (x_bytes, y_bytes) = coordinates.split_at(self.bytes());
        for (bytes, number) in [(x_bytes, x), (y_bytes, y)] {
            let used = self.used(number);
            if !limbs::from_bytes(bytes, used) || !limbs::is_below(used, self.prime()) {
                return Err(Fault::Peer);
            }
        }
        Ok(())
    }

    /// Writes a point that is not compressed.
    pub(crate) fn write_point(self, x: &mut Number, y: &mut Number, into: &mut [u8]) {
        if let Some((form, coordinates)) = into.split_first_mut() {
            *form = 4;
            for (bytes, number) in coordinates.chunks_exact_mut(self.bytes()).zip([x, y]) {
                limbs::to_bytes(self.used(number), bytes);
            }
        }
    }

    /// The limbs of a number that this curve uses.
    pub(crate) fn used(self, number: &mut Number) -> &mut [u64] {
        &mut number[..self.bytes() / 8]
    }
}
