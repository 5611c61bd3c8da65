//! Curve25519: key agreement, key pairs, signatures.

use super::operation::{Operation, Problem, all_well, fill, secrets};
use interlude_simd::{Ed25519Key, Ed25519Lane, LANES, Unit, X25519KeygenLane, X25519Lane};
use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sign::Signer;

/// X25519 with a peer's key.
pub(super) struct X25519 {
    openssl: PKey<Private>,
    openssl_peer: PKey<Public>,
    private: [u8; 32],
    peer: [u8; 32],
    results: [[u8; 32]; LANES],
}

impl X25519 {
    pub(super) fn new() -> Result<Self, Problem> {
        let private = PKey::generate_x25519()?.raw_private_key()?;
        let private: [u8; 32] = private.as_slice().try_into()?;
        let peer = PKey::generate_x25519()?.raw_public_key()?;
        Ok(Self {
            openssl: PKey::private_key_from_raw_bytes(&private, Id::X25519)?,
            openssl_peer: PKey::public_key_from_raw_bytes(&peer, Id::X25519)?,
            private,
            peer: peer.as_slice().try_into()?,
            results: [[0; 32]; LANES],
        })
    }
}

impl Operation for X25519 {
    fn name(&self) -> &'static str {
        "x25519"
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        let [result, ..] = &mut self.results;
        let mut deriver = Deriver::new(&self.openssl)?;
        deriver.set_peer(&self.openssl_peer)?;
        deriver.derive(result)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let (private, peer) = (&self.private, &self.peer);
        let mut lanes =
            fill(lanes, &mut self.results, |shared| X25519Lane { private, peer, shared });
        all_well(&unit.x25519_derive(&mut lanes))
    }
}

/// A new key pair.
pub(super) struct X25519Keygen {
    results: [([u8; 32], [u8; 32]); LANES],
}

impl X25519Keygen {
    pub(super) fn new() -> Self {
        Self { results: [([0; 32], [0; 32]); LANES] }
    }
}

impl Operation for X25519Keygen {
    fn name(&self) -> &'static str {
        "keygen-x25519"
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        PKey::generate_x25519()?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let mut lanes = fill(lanes, &mut self.results, |(private, public)| X25519KeygenLane {
            private,
            public,
        });
        all_well(&unit.x25519_keygen(&mut lanes, &mut secrets))
    }
}

/// A signature of what TLS 1.3 signs: 64 blanks, a line, a hash.
pub(super) struct Ed25519 {
    openssl: PKey<Private>,
    key: Ed25519Key,
    message: [u8; 130],
    results: [[u8; 64]; LANES],
}

impl Ed25519 {
    pub(super) fn new(unit: &mut Unit) -> Result<Self, Problem> {
        let openssl = PKey::generate_ed25519()?;
        let seed: [u8; 32] = openssl.raw_private_key()?.as_slice().try_into()?;
        let key = Ed25519Key::new(unit, &seed)?;
        Ok(Self { openssl, key, message: [0x20; 130], results: [[0; 64]; LANES] })
    }
}

impl Operation for Ed25519 {
    fn name(&self) -> &'static str {
        "ed25519"
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        let [result, ..] = &mut self.results;
        Signer::new_without_digest(&self.openssl)?.sign_oneshot(result, &self.message)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let (key, message) = (&self.key, &self.message);
        let mut lanes =
            fill(lanes, &mut self.results, |signature| Ed25519Lane { key, message, signature });
        all_well(&unit.ed25519_sign(&mut lanes))
    }
}
