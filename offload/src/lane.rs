//! An operation that shares a pass of the vector unit with others of its kind.
//!
//! Everything that it reads and writes is its own: keys, inputs, places for results. What is secret is
//! wiped when it is dropped.

use std::sync::Arc;

use interlude_simd::{Curve, EcKey, Ed25519Key, Fault, RsaKey, Secret};

use crate::Call;

/// What one lane computes.
pub enum Operation {
    /// RSA's private operation on a padded block, both as long as the modulus.
    Rsa {
        /// The key.
        key: Arc<RsaKey>,
        /// The block.
        input: Vec<u8>,
        /// The result.
        output: Vec<u8>,
    },
    /// A signature over a digest.
    Ecdsa {
        /// The key.
        key: EcKey,
        /// The digest.
        digest: Vec<u8>,
        /// The signature: r and s, each as long as the order.
        signature: (Vec<u8>, Vec<u8>),
    },
    /// A key agreement, with a private key that is used once.
    X25519 {
        /// Our private key.
        private: Box<Secret<32>>,
        /// The peer's public key.
        peer: [u8; 32],
        /// The shared secret.
        shared: Box<Secret<32>>,
    },
    /// A new key pair.
    X25519Keygen {
        /// The private key.
        private: Box<Secret<32>>,
        /// The public key.
        public: [u8; 32],
    },
    /// A key agreement.
    Ecdh {
        /// Our private key.
        key: EcKey,
        /// The peer's public key, not compressed.
        peer: Vec<u8>,
        /// The shared secret, in as many bytes as the curve's numbers have.
        shared: Box<Secret<48>>,
    },
    /// A new key pair on a curve.
    EcKeygen {
        /// The curve.
        curve: Curve,
        /// The private key, in as many bytes as the curve's numbers have.
        private: Box<Secret<48>>,
        /// The public key, not compressed.
        public: Vec<u8>,
    },
    /// A signature over a message.
    Ed25519 {
        /// The key.
        key: Arc<Ed25519Key>,
        /// The message.
        message: Vec<u8>,
        /// The signature.
        signature: Box<[u8; 64]>,
    },
}

/// Operations that can share a pass, in the order in which they are given one: the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// X25519 key pairs.
    X25519Keygen,
    /// X25519 agreements.
    X25519,
    /// Ed25519 signatures. They would be the cheapest, but are what a handshake makes keys for.
    Ed25519,
    /// Signatures on P-256.
    EcdsaP256,
    /// Agreements on P-256.
    EcdhP256,
    /// Key pairs on P-384.
    KeygenP384,
    /// Signatures on P-384.
    EcdsaP384,
    /// Agreements on P-384.
    EcdhP384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl LaneKind {
    /// Every kind, in the order of [`LaneKind::index`].
    pub const ALL: [Self; 11] = [
        Self::X25519Keygen,
        Self::X25519,
        Self::Ed25519,
        Self::EcdsaP256,
        Self::EcdhP256,
        Self::KeygenP384,
        Self::EcdsaP384,
        Self::EcdhP384,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// Its place in [`LaneKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519Keygen => "x25519_keygen",
            Self::X25519 => "x25519",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa_p256",
            Self::EcdhP256 => "ecdh_p256",
            Self::KeygenP384 => "keygen_p384",
            Self::EcdsaP384 => "ecdsa_p384",
            Self::EcdhP384 => "ecdh_p384",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// From so many lanes on, a pass takes less time than the library's own function does for each, by
    /// `interlude bench crypto`. (A new key has to be given to libcrypto, too.)
    #[must_use]
    pub const fn break_even(self) -> usize {
        match self {
            Self::KeygenP384 | Self::EcdsaP384 | Self::EcdhP384 | Self::Ed25519 => 1,
            Self::X25519Keygen | Self::X25519 | Self::EcdhP256 => 2,
            Self::EcdsaP256 | Self::Rsa2048 | Self::Rsa4096 => 3,
            Self::Rsa3072 => 5,
        }
    }
}

impl Operation {
    /// With which others it can share a pass; `None` for one that there is no code for, or where lanes do
    /// not pay (key pairs on P-256).
    #[must_use]
    pub fn kind(&self) -> Option<LaneKind> {
        Some(match self {
            Self::Rsa { key, .. } => match key.bits() {
                2048 => LaneKind::Rsa2048,
                3072 => LaneKind::Rsa3072,
                4096 => LaneKind::Rsa4096,
                _ => return None,
            },
            Self::Ecdsa { key, .. } => match key.curve() {
                Curve::P256 => LaneKind::EcdsaP256,
                Curve::P384 => LaneKind::EcdsaP384,
            },
            Self::X25519 { .. } => LaneKind::X25519,
            Self::X25519Keygen { .. } => LaneKind::X25519Keygen,
            Self::Ecdh { key, .. } => match key.curve() {
                Curve::P256 => LaneKind::EcdhP256,
                Curve::P384 => LaneKind::EcdhP384,
            },
            Self::EcKeygen { curve: Curve::P384, .. } => LaneKind::KeygenP384,
            Self::EcKeygen { curve: Curve::P256, .. } => return None,
            Self::Ed25519 { .. } => LaneKind::Ed25519,
        })
    }
}

/// A call whose results only a lane can give: run as such, it stays without.
pub struct Lane {
    /// What is computed.
    pub operation: Operation,
    /// What became of it; `None`: it was in no pass.
    pub outcome: Option<Result<(), Fault>>,
}

impl Lane {
    /// One to be computed.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self { operation, outcome: None }
    }
}

impl Call for Lane {
    fn run(&mut self) {}

    fn spoil(&mut self, random: u64) {
        let Operation::Rsa { output, .. } = &mut self.operation else { return };
        let Some(bit) = random.checked_rem(output.len() as u64 * 8) else { return };
        if let Some(byte) = output.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

/// Why a pass was made, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// All lanes were filled.
    Full,
    /// There was nothing else to do.
    Idle,
    /// Too few lanes were filled: each operation was left to the library.
    TooFew,
}

/// One pass, made or declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// What was computed.
    pub kind: LaneKind,
    /// Lanes that were filled.
    pub lanes: usize,
    /// Why.
    pub reason: Reason,
}
