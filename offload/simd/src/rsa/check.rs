//! Results of the private operation, raised to the public exponent.

use super::RsaLane;
use crate::batch::Batch;
use crate::lanes::{LANES, no_inputs, no_outputs};
use crate::wipe::{Wiped, wipe_stack};
use crate::{Fault, Unit, ffi, limbs};

/// What nearly every key has, and the library has quick code for.
const USUAL: [u64; 1] = [65537];
const USUAL_BITS: usize = 17;

/// The longest modulus.
const MOST_BYTES: usize = 512;
const MOST_LIMBS: usize = MOST_BYTES / 8;

/// A number a lane, on the stack.
type Numbers = [Wiped<u64, MOST_LIMBS>; LANES];

const fn zeros() -> Numbers {
    [const { Wiped::zeros() }; LANES]
}

impl Unit {
    /// Takes lanes out whose result is not the one number below the modulus that the public
    /// exponent takes back to the input.
    pub(super) fn check(&mut self, bits: usize, batch: &mut Batch<'_, RsaLane<'_>>) {
        batch.judge(|_, lane| match limbs::is_below_bytes(lane.output, lane.key.modulus()) {
            true => Ok(()),
            false => Err(Fault::Check),
        });
        self.check_usual(bits, batch);
        self.check_others(bits, batch);
    }

    fn check_usual(&mut self, bits: usize, batch: &mut Batch<'_, RsaLane<'_>>) {
        let (mut from, mut to, mut n) = (no_inputs(), no_outputs(), no_inputs());
        let mut back = [const { Wiped::<u8, MOST_BYTES>::zeros() }; LANES];
        let mut any = false;
        batch.judge(|index, lane| {
            if is_usual(lane) {
                from[index] = lane.output.as_ptr();
                to[index] = back[index].as_mut_ptr();
                n[index] = lane.key.n().as_ptr();
                any = true;
            }
            Ok(())
        });
        if !any {
            return;
        }
        let (method, bytes) = ffi::rsa_public(bits);
        let mut scratch = self.scratch(bytes);
        // SAFETY: pointers are null or to as many bytes and limbs as the modulus has, borrowed from
        // the lanes, or to a place in `back`; the scratch memory has the size that is asked for.
        let status = unsafe {
            ffi::mbx_rsa_public_mb8(&from, &to, &n, ffi::length(bits), method, scratch.pointer())
        };
        wipe_stack();
        batch.judge(|index, lane| {
            if !is_usual(lane) {
                return Ok(());
            }
            status.of(index)?;
            is_input(lane, &back[index][..bits / 8])
        });
    }

    /// With any exponent, in a time that grows with the longest of them.
    fn check_others(&mut self, bits: usize, batch: &mut Batch<'_, RsaLane<'_>>) {
        let (mut base, mut out) = (no_inputs(), no_outputs());
        let (mut exponent, mut n) = (no_inputs(), no_inputs());
        let (mut results, mut back) = (zeros(), zeros());
        let mut exponent_bits = 0;
        batch.judge(|index, lane| {
            if !is_usual(lane) {
                limbs::from_bytes(lane.output, &mut *results[index]);
                base[index] = results[index].as_ptr();
                out[index] = back[index].as_mut_ptr();
                exponent[index] = lane.key.e().as_ptr();
                n[index] = lane.key.n().as_ptr();
                exponent_bits = exponent_bits.max(lane.key.e_bits());
            }
            Ok(())
        });
        if exponent_bits == 0 {
            return;
        }
        let mut scratch = self.scratch(ffi::power_scratch(bits));
        // SAFETY: pointers are null or to as many limbs as the modulus has: of the key, which has
        // an exponent of that length and an odd modulus of exactly `bits` bits, or to places in
        // `results` and `back`; the scratch memory is as long as is said, and as is asked for.
        let status = unsafe {
            ffi::mbx_exp_mb8(
                &out,
                &base,
                &exponent,
                ffi::length(exponent_bits),
                &n,
                ffi::length(bits),
                scratch.pointer(),
                ffi::length(scratch.bytes()),
            )
        };
        wipe_stack();
        batch.judge(|index, lane| {
            if is_usual(lane) {
                return Ok(());
            }
            status.of(index)?;
            let mut bytes = Wiped::<u8, MOST_BYTES>::zeros();
            let bytes = &mut bytes[..bits / 8];
            limbs::to_bytes(&*back[index], bytes);
            is_input(lane, bytes)
        });
    }
}

fn is_usual(lane: &RsaLane<'_>) -> bool {
    lane.key.e_bits() == USUAL_BITS && lane.key.e().starts_with(&USUAL)
}

fn is_input(lane: &RsaLane<'_>, back: &[u8]) -> Result<(), Fault> {
    if limbs::equal(lane.input, back) { Ok(()) } else { Err(Fault::Check) }
}
