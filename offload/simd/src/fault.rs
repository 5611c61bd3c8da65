//! What can be wrong with one lane.

use std::fmt;

/// Why a lane has no result. The call it was made from is then to be made by other means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A buffer does not have the length that the operation and the key ask for.
    Length,
    /// The key is of another size or curve than those of the lanes before it.
    OtherKind,
    /// An RSA input that is not below the modulus; a private scalar outside of [1, order).
    Range,
    /// The peer's public key is none: not on the curve, infinity, a coordinate not below the
    /// field's prime, or an encoding other than the uncompressed one.
    Peer,
    /// The shared secret of X25519 is all zeros (RFC 7748, section 6.1): the peer's point has low
    /// order. OpenSSL refuses it too.
    LowOrder,
    /// The caller's source of random numbers failed.
    Random,
    /// An RSA result that the public exponent does not take back to the input, where the key had right
    /// ones before: the processor has miscalculated.
    Check,
    /// The same where the key never had a right one: its numbers do not belong together. It is to be
    /// used by other means.
    Key,
    /// A signature component came out as zero: sign again, with another nonce.
    Again,
    /// The library refused the lane without a reason that is known here, or it was not given the
    /// lane because it would compute it wrongly. It may have a result by other means.
    Refused,
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Length => "a buffer of a wrong length",
            Self::OtherKind => "a key of another size or curve than the other lanes'",
            Self::Range => "a number out of range",
            Self::Peer => "the peer's public key is not valid",
            Self::LowOrder => "the shared secret is all zeros",
            Self::Random => "no random numbers",
            Self::Check => "the result does not verify",
            Self::Key => "the key's numbers do not belong together",
            Self::Again => "a signature component of zero",
            Self::Refused => "nothing for libcrypto_mb",
        })
    }
}

impl std::error::Error for Fault {}
