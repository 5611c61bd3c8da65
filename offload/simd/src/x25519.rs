//! X25519 (RFC 7748): key agreement and key pairs.
//!
//! **The library's field arithmetic is wrong near the top of the field.** Where a public key, or a
//! value on the way, lies within about 2^11 below 2^255, a carry is lost and the shared secret is
//! wrong (`tests/simd/x25519.rs` shows it). By chance that happens once in 2^240. But a peer can
//! choose its key so that it happens *depending on bits of our private key*, and see whether it
//! did: so [`Unit::x25519_derive`] is for private keys that are used once, as TLS 1.3 does, where a
//! peer learns nothing that it could use. Public keys that lie there themselves, and those of low
//! order, are not given to the library.

use crate::batch::{Batch, Lane};
use crate::lanes::{no_inputs, no_outputs};
use crate::wipe::{wipe, wipe_stack};
use crate::{Fault, Lanes, Outcomes, Random, Unit, ffi};

/// One key agreement.
#[derive(Debug)]
pub struct X25519Lane<'a> {
    /// Our private key, clamped or not. It must be *ephemeral*, used for this agreement and no
    /// other (see the head of `x25519.rs`).
    pub private: &'a [u8; 32],
    /// The peer's public key. Its highest bit is ignored, and it need not be below the prime.
    pub peer: &'a [u8; 32],
    /// Where the shared secret goes.
    pub shared: &'a mut [u8; 32],
}

/// One new key pair.
#[derive(Debug)]
pub struct X25519KeygenLane<'a> {
    /// Where the private key goes, clamped as OpenSSL keeps it.
    pub private: &'a mut [u8; 32],
    /// Where the public key goes.
    pub public: &'a mut [u8; 32],
}

impl Lane for X25519Lane<'_> {
    fn erase(&mut self) {
        wipe(self.shared);
    }
}

impl Lane for X25519KeygenLane<'_> {
    fn erase(&mut self) {
        wipe(self.private);
        wipe(self.public);
    }
}

impl Unit {
    /// Agrees on shared secrets. One of zeros is a fault, as it is for OpenSSL.
    pub fn x25519_derive(&mut self, lanes: &mut Lanes<X25519Lane<'_>>) -> Outcomes {
        let (mut private, mut peer, mut shared) = (no_inputs(), no_inputs(), no_outputs());
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            accept(lane.peer)?;
            private[index] = lane.private.as_ptr();
            peer[index] = lane.peer.as_ptr();
            shared[index] = lane.shared.as_mut_ptr();
            Ok(())
        });
        if batch.is_sound() {
            // SAFETY: pointers are null or to 32 bytes each, borrowed for as long as the lanes; the
            // outputs are borrowed mutably, so they overlap nothing. A unit is open only where the
            // processor has what the library needs.
            let status = unsafe { ffi::mbx_x25519_mb8(&shared, &private, &peer) };
            wipe_stack();
            batch.judge(|index, _| status.of(index));
        }
        batch.finish()
    }

    /// Makes key pairs of `random`'s bytes.
    pub fn x25519_keygen(
        &mut self,
        lanes: &mut Lanes<X25519KeygenLane<'_>>,
        random: &mut Random<'_>,
    ) -> Outcomes {
        let (mut private, mut public) = (no_inputs(), no_outputs());
        let mut batch = Batch::new(lanes);
        batch.judge(|index, lane| {
            if !random(lane.private) {
                return Err(Fault::Random);
            }
            clamp(lane.private);
            private[index] = lane.private.as_ptr();
            public[index] = lane.public.as_mut_ptr();
            Ok(())
        });
        if batch.is_sound() {
            // SAFETY: as in `x25519_derive`.
            let status = unsafe { ffi::mbx_x25519_public_key_mb8(&public, &private) };
            wipe_stack();
            batch.judge(|index, _| status.of(index));
        }
        batch.finish()
    }
}

/// The points of low order that are below 2^255 - 2^64 (Curve25519's and its twist's): 0, 1, and
/// two of order 8.
const LOW_ORDER: [[u8; 32]; 4] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// Can the library be trusted with this public key? Its highest bit does not count.
fn accept(peer: &[u8; 32]) -> Result<(), Fault> {
    let mut peer = *peer;
    peer[31] &= 0x7f;
    if LOW_ORDER.contains(&peer) {
        return Err(Fault::LowOrder);
    }
    let is_near_the_top = peer[31] == 0x7f && peer[8..31].iter().all(|byte| *byte == 0xff);
    if is_near_the_top { Err(Fault::Refused) } else { Ok(()) }
}

/// RFC 7748, section 5.
fn clamp(private: &mut [u8; 32]) {
    private[0] &= 0xf8;
    private[31] = private[31] & 0x7f | 0x40;
}
