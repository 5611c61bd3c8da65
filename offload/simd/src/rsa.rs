//! RSA's private operation, `x^d mod n` on a padded block, and the check of its result.
//!
//! A wrong result of the Chinese remainder theorem gives the key away (Boneh, DeMillo, Lipton 1997;
//! Lenstra): `gcd(result^e - input, n)` is a prime. So none leaves unchecked. Nothing is blinded:
//! the library's time and memory accesses do not depend on input or key.

mod check;
mod key;

pub use key::{RsaKey, RsaParts};

use crate::batch::{Batch, Lane};
use crate::lanes::{no_inputs, no_outputs};
use crate::wipe::{wipe, wipe_stack};
use crate::{Fault, Lanes, Outcomes, Unit, ffi, limbs};

/// One private operation.
pub struct RsaLane<'a> {
    /// The key. All lanes of a pass have keys of as many bits as the first.
    pub key: &'a RsaKey,
    /// The padded block, big-endian, as long as the modulus and below it.
    pub input: &'a [u8],
    /// Where the result goes, big-endian, as long as the modulus.
    pub output: &'a mut [u8],
}

impl Lane for RsaLane<'_> {
    fn erase(&mut self) {
        wipe(self.output);
    }
}

impl Unit {
    /// Raises blocks to private exponents.
    pub fn rsa_private(&mut self, lanes: &mut Lanes<RsaLane<'_>>) -> Outcomes {
        let mut size = None;
        let mut batch = Batch::new(lanes);
        batch.judge(|_, lane| accept(lane, &mut size));
        if let Some(bits) = size {
            self.compute(bits, &mut batch);
            self.check(bits, &mut batch);
            // The right ones first: another lane may have the same key.
            batch.judge(|_, lane| {
                lane.key.was_right();
                Ok(())
            });
            batch.revise(Fault::Check, |lane| lane.key.was_wrong());
        }
        batch.finish()
    }

    fn compute(&mut self, bits: usize, batch: &mut Batch<'_, RsaLane<'_>>) {
        let (mut from, mut to) = (no_inputs(), no_outputs());
        let (mut p, mut q, mut dp, mut dq, mut q_inverse) =
            (no_inputs(), no_inputs(), no_inputs(), no_inputs(), no_inputs());
        batch.judge(|index, lane| {
            from[index] = lane.input.as_ptr();
            to[index] = lane.output.as_mut_ptr();
            p[index] = lane.key.p().as_ptr();
            q[index] = lane.key.q().as_ptr();
            dp[index] = lane.key.dp().as_ptr();
            dq[index] = lane.key.dq().as_ptr();
            q_inverse[index] = lane.key.q_inverse().as_ptr();
            Ok(())
        });
        let (method, bytes) = ffi::rsa_private(bits);
        let mut scratch = self.scratch(bytes);
        // SAFETY: pointers are null or to as many bytes as the modulus has (`accept`), and to limbs
        // of half its length (`RsaKey`), borrowed for as long as the lanes; the outputs are
        // borrowed mutably and overlap nothing; the scratch memory has the size that the method
        // asks for.
        let status = unsafe {
            ffi::mbx_rsa_private_crt_mb8(
                &from,
                &to,
                &p,
                &q,
                &dp,
                &dq,
                &q_inverse,
                ffi::length(bits),
                method,
                scratch.pointer(),
            )
        };
        wipe_stack();
        batch.judge(|index, _| status.of(index));
    }
}

/// Is the lane as it should be? The first that is decides the size of all.
fn accept(lane: &RsaLane<'_>, size: &mut Option<usize>) -> Result<(), Fault> {
    let bits = lane.key.bits();
    if lane.input.len() * 8 != bits || lane.output.len() * 8 != bits {
        return Err(Fault::Length);
    }
    if !limbs::is_below_bytes(lane.input, lane.key.modulus()) {
        return Err(Fault::Range);
    }
    if *size.get_or_insert(bits) != bits {
        return Err(Fault::OtherKind);
    }
    Ok(())
}
