//! Ed25519 signatures (RFC 8032, section 5.1.6).

use crate::batch::{Batch, Lane};
use crate::lanes::{no_inputs, no_outputs};
use crate::wipe::{Wiped, wipe, wipe_stack};
use crate::{Fault, Lanes, Outcomes, Unit, ffi};

/// A private key with the public one that belongs to it. Wiped when dropped.
///
/// Who signs twice with one private key and two public ones gives the private key away; so the
/// public one is computed here, and a caller cannot give it.
pub struct Ed25519Key {
    /// On the heap, so that a key that is moved leaves no copy behind.
    seed: Box<Wiped<u8, 32>>,
    public: [u8; 32],
}

impl Ed25519Key {
    /// Takes over a private key, the 32 bytes of which everything is made (RFC 8032, section
    /// 5.1.5).
    ///
    /// # Errors
    /// [`Fault::Refused`], if the library does not compute the public key.
    pub fn new(_unit: &mut Unit, seed: &[u8; 32]) -> Result<Self, Fault> {
        let mut key = Self { seed: Box::new(Wiped::zeros()), public: [0; 32] };
        key.seed.copy_from_slice(seed);
        let (mut private, mut public) = (no_inputs(), no_outputs());
        private[0] = key.seed.as_ptr();
        public[0] = key.public.as_mut_ptr();
        // SAFETY: pointers are null or to 32 bytes that live here.
        let status = unsafe { ffi::mbx_ed25519_public_key_mb8(&public, &private) };
        wipe_stack();
        status.of(0)?;
        Ok(key)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// One signature.
pub struct Ed25519Lane<'a> {
    /// The key.
    pub key: &'a Ed25519Key,
    /// The message itself, of less than 4 GiB.
    pub message: &'a [u8],
    /// Where the signature goes.
    pub signature: &'a mut [u8; 64],
}

impl Lane for Ed25519Lane<'_> {
    fn erase(&mut self) {
        wipe(self.signature);
    }
}

impl Unit {
    /// Signs.
    pub fn ed25519_sign(&mut self, lanes: &mut Lanes<Ed25519Lane<'_>>) -> Outcomes {
        let (mut r, mut s, mut message) = (no_outputs(), no_outputs(), no_inputs());
        let (mut seed, mut public, mut lengths) = (no_inputs(), no_inputs(), [0; 8]);
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            lengths[index] = u32::try_from(lane.message.len()).map_err(|_| Fault::Length)?;
            let (first, second) = lane.signature.split_at_mut(32);
            r[index] = first.as_mut_ptr();
            s[index] = second.as_mut_ptr();
            message[index] = lane.message.as_ptr();
            seed[index] = lane.key.seed.as_ptr();
            public[index] = lane.key.public.as_ptr();
            Ok(())
        });
        if batch.is_sound() {
            // SAFETY: pointers are null or to 32 bytes each, and to messages of those lengths,
            // borrowed for as long as the lanes; what is written is borrowed mutably and overlaps
            // nothing.
            let status =
                unsafe { ffi::mbx_ed25519_sign_mb8(&r, &s, &message, &lengths, &seed, &public) };
            wipe_stack();
            batch.judge(|index, _| status.of(index));
        }
        batch.finish()
    }
}
