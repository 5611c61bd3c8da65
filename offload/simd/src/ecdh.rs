//! Key agreement and key pairs on the NIST curves (SP 800-56A, sections 5.7.1.2 and 5.6.1.2.2).

use crate::batch::{Batch, Lane};
use crate::curve::Number;
use crate::lanes::{LANES, no_inputs, no_outputs};
use crate::wipe::{wipe, wipe_stack};
use crate::{Curve, EcKey, Fault, Lanes, Outcomes, Random, Unit, ffi, limbs};

/// One key agreement.
pub struct EcdhLane<'a> {
    /// Our private key, on the pass' curve.
    pub key: &'a EcKey,
    /// The peer's public key, not compressed: 4, x, y.
    pub peer: &'a [u8],
    /// Where the shared secret goes: the x coordinate, big-endian.
    pub shared: &'a mut [u8],
}

/// One new key pair.
pub struct EcKeygenLane<'a> {
    /// Where the private scalar goes, big-endian.
    pub private: &'a mut [u8],
    /// Where the public key goes, not compressed: 4, x, y.
    pub public: &'a mut [u8],
}

impl Lane for EcdhLane<'_> {
    fn erase(&mut self) {
        wipe(self.shared);
    }
}

impl Lane for EcKeygenLane<'_> {
    fn erase(&mut self) {
        wipe(self.private);
        wipe(self.public);
    }
}

impl Unit {
    /// Agrees on shared secrets, on one curve. A peer's key that is not a point on it is a fault; a secret
    /// of zero is [`Fault::Refused`].
    pub fn ecdh_derive(&mut self, curve: Curve, lanes: &mut Lanes<EcdhLane<'_>>) -> Outcomes {
        let (mut shared, mut private) = (no_outputs(), no_inputs());
        let (mut x, mut y) = (no_inputs(), no_inputs());
        let mut points = [const { (Number::zeros(), Number::zeros()) }; LANES];
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            if lane.key.curve() != curve {
                return Err(Fault::OtherKind);
            }
            if lane.shared.len() != curve.bytes() {
                return Err(Fault::Length);
            }
            let point = &mut points[index];
            curve.read_point(lane.peer, &mut point.0, &mut point.1)?;
            shared[index] = lane.shared.as_mut_ptr();
            private[index] = lane.key.scalar().as_ptr();
            x[index] = point.0.as_ptr();
            y[index] = point.1.as_ptr();
            Ok(())
        });
        if batch.is_sound() {
            let derive = match curve {
                Curve::P256 => ffi::mbx_nistp256_ecdh_mb8,
                Curve::P384 => ffi::mbx_nistp384_ecdh_mb8,
            };
            // SAFETY: pointers are null or to as many bytes and limbs as numbers of the curve have:
            // of the lanes, of keys that outlive the call, and of arrays here; what is written is
            // borrowed mutably and overlaps nothing. Z coordinates and scratch memory may be null.
            let status = unsafe { derive(&shared, &private, &x, &y, None, std::ptr::null_mut()) };
            wipe_stack();
            // All that the library can still have against a lane is the point: scalars and
            // coordinates are in range.
            batch.judge(|index, lane| {
                status.of(index).map_err(|_| Fault::Peer)?;
                // For a scalar two below the order, its last addition is of a point to itself, which
                // it sometimes does not see: then infinity comes out, as zero.
                let is_zero = lane.shared.iter().fold(0, |all, byte| all | byte) == 0;
                if is_zero { Err(Fault::Refused) } else { Ok(()) }
            });
        }
        batch.finish()
    }

    /// Makes key pairs, on one curve, of `random`'s bytes.
    pub fn ec_keygen(
        &mut self,
        curve: Curve,
        lanes: &mut Lanes<EcKeygenLane<'_>>,
        random: &mut Random<'_>,
    ) -> Outcomes {
        let (mut x, mut y, mut private) = (no_outputs(), no_outputs(), no_inputs());
        let mut scalars = [const { Number::zeros() }; LANES];
        let mut points = [const { (Number::zeros(), Number::zeros()) }; LANES];
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            if lane.private.len() != curve.bytes() || lane.public.len() != curve.point_bytes() {
                return Err(Fault::Length);
            }
            curve.draw_scalar(random, &mut scalars[index])?;
            private[index] = scalars[index].as_ptr();
            x[index] = points[index].0.as_mut_ptr();
            y[index] = points[index].1.as_mut_ptr();
            Ok(())
        });
        if batch.is_sound() {
            let generate = match curve {
                Curve::P256 => ffi::mbx_nistp256_ecpublic_key_mb8,
                Curve::P384 => ffi::mbx_nistp384_ecpublic_key_mb8,
            };
            // SAFETY: as in `ecdh_derive`. Without Z coordinates the point comes affine.
            let status = unsafe { generate(&x, &y, None, &private, std::ptr::null_mut()) };
            wipe_stack();
            batch.judge(|index, lane| {
                status.of(index)?;
                limbs::to_bytes(curve.used(&mut scalars[index]), lane.private);
                let point = &mut points[index];
                curve.write_point(&mut point.0, &mut point.1, lane.public);
                Ok(())
            });
        }
        batch.finish()
    }
}
