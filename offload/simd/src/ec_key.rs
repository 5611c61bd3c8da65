//! A private key on a NIST curve.

use crate::curve::Number;
use crate::{Curve, Fault};

/// A private key, wiped when dropped.
pub struct EcKey {
    curve: Curve,
    /// On the heap, so that a key that is moved leaves no copy behind.
    scalar: Box<Number>,
}

impl EcKey {
    /// Takes over a private scalar: big-endian, leading zeros allowed.
    ///
    /// # Errors
    /// [`Fault::Range`] if it is not in [1, order).
    pub fn new(curve: Curve, scalar: &[u8]) -> Result<Self, Fault> {
        let mut key = Self { curve, scalar: Box::new(Number::zeros()) };
        curve.read_scalar(scalar, &mut key.scalar)?;
        Ok(key)
    }

    /// Its curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// Its limbs, those above the curve's zero.
    pub(crate) fn scalar(&self) -> &Number {
        &self.scalar
    }
}
