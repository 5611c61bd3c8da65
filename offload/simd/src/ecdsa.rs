//! ECDSA signatures (FIPS 186-5, section 6.4).

use crate::batch::{Batch, Lane};
use crate::curve::{MOST_BYTES, Number};
use crate::lanes::{LANES, no_inputs, no_outputs};
use crate::wipe::{wipe, wipe_stack};
use crate::{Curve, EcKey, Fault, Lanes, Outcomes, Random, Unit, ffi};

/// One signature.
pub struct EcdsaLane<'a> {
    /// The key, on the pass' curve.
    pub key: &'a EcKey,
    /// The digest of the message, of any length: of a longer one the leftmost bits count. One that
    /// is zero modulo the order is [`Fault::Refused`], though it could be signed.
    pub digest: &'a [u8],
    /// Where r goes, big-endian, as long as the curve's order.
    pub r: &'a mut [u8],
    /// Where s goes.
    pub s: &'a mut [u8],
}

impl Lane for EcdsaLane<'_> {
    fn erase(&mut self) {
        wipe(self.r);
        wipe(self.s);
    }
}

impl Unit {
    /// Signs, on one curve, each with a nonce of its own, uniform in [1, order), made of `random`'s
    /// bytes. Who can guess a nonce has the key: it must be a generator for secrets.
    pub fn ecdsa_sign(
        &mut self,
        curve: Curve,
        lanes: &mut Lanes<EcdsaLane<'_>>,
        random: &mut Random<'_>,
    ) -> Outcomes {
        let (mut r, mut s, mut digest) = (no_outputs(), no_outputs(), no_inputs());
        let (mut nonce, mut private) = (no_inputs(), no_inputs());
        let mut nonces = [const { Number::zeros() }; LANES];
        let mut digests = [[0; MOST_BYTES]; LANES];
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            accept(curve, lane)?;
            curve.draw_scalar(random, &mut nonces[index])?;
            curve.reduce_digest(lane.digest, &mut digests[index]);
            r[index] = lane.r.as_mut_ptr();
            s[index] = lane.s.as_mut_ptr();
            digest[index] = digests[index].as_ptr();
            nonce[index] = nonces[index].as_ptr();
            private[index] = lane.key.scalar().as_ptr();
            Ok(())
        });
        if batch.is_sound() {
            let sign = match curve {
                Curve::P256 => ffi::mbx_nistp256_ecdsa_sign_mb8,
                Curve::P384 => ffi::mbx_nistp384_ecdsa_sign_mb8,
            };
            // SAFETY: pointers are null or to as many bytes and limbs as numbers of the curve have:
            // of the lanes, of keys that outlive the call, and of arrays here; what is written is
            // borrowed mutably and overlaps nothing. The scratch memory may be null.
            let status = unsafe { sign(&r, &s, &digest, &nonce, &private, std::ptr::null_mut()) };
            wipe_stack();
            batch.judge(|index, _| status.of(index));
        }
        batch.finish()
    }
}

fn accept(curve: Curve, lane: &EcdsaLane<'_>) -> Result<(), Fault> {
    if lane.key.curve() != curve {
        return Err(Fault::OtherKind);
    }
    if lane.r.len() != curve.bytes() || lane.s.len() != curve.bytes() {
        return Err(Fault::Length);
    }
    Ok(())
}
