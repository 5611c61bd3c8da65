//! The functions of `libcrypto_mb` that are used, as its headers declare them (version 2.3,
//! interface 13.3), with contracts that were tried (`tests/`) where the headers say nothing.
//!
//! For all of them:
//! - An array has a pointer for each lane. A lane with a null pointer is not touched, and its bits
//!   of
//!   the status are to be ignored. No other lane suffers.
//! - Bytes are big-endian for RSA and the NIST curves, little-endian for the two 25519 ones; limbs
//!   are
//!   64-bit, the lowest first.
//! - An input array may be read to the full length that the size or the curve implies, and no
//!   further.
//! - Any number of threads may call at a time: the only state is which code to use, found at the
//!   first
//!   call and always the same.

use std::ffi::c_int;

use crate::lanes::{Inputs, LANES, Outputs};
use crate::status::Status;

/// Opaque: how RSA is computed for one size.
#[repr(C)]
pub(crate) struct RsaMethod {
    _private: [u8; 0],
}

/// Declares functions of the library; without the library, functions that refuse.
macro_rules! library {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $result:ty = $absent:expr;)*) => {
        #[cfg(crypto_mb)]
        unsafe extern "C" {
            $($(#[$doc])* pub(crate) fn $name($($arg: $type),*) -> $result;)*
        }
        $(
            #[cfg(not(crypto_mb))]
            $(#[$doc])*
            #[allow(non_snake_case, clippy::too_many_arguments)]
            pub(crate) unsafe fn $name($(_: $type),*) -> $result {
                $absent
            }
        )*
    };
}

/// Is the library linked?
pub(crate) const LINKED: bool = cfg!(crypto_mb);

library! {
    /// What the processor has, in the library's own bits.
    fn mbx_get_cpu_features() -> u64 = 0;
    /// Is that enough for any of its code?
    fn mbx_is_crypto_mb_applicable(features: u64) -> c_int = 0;

    /// Private operation by the Chinese remainder theorem; null for a size that is not supported.
    fn mbx_RSA_private_crt_Method(bits: c_int) -> *const RsaMethod = std::ptr::null();
    /// Public operation with 65537.
    fn mbx_RSA_pub65537_Method(bits: c_int) -> *const RsaMethod = std::ptr::null();
    /// Bytes of scratch memory that a method wants.
    fn mbx_RSA_Method_BufSize(method: *const RsaMethod) -> c_int = 0;
    /// Bytes of scratch memory that `mbx_exp_mb8` wants.
    fn mbx_exp_BufferSize(bits: c_int) -> c_int = 0;

    /// `to = from^d mod pq`. Bytes of the modulus' length; the others half as many bits, in limbs.
    /// Asks nothing of `from`, and checks nothing.
    fn mbx_rsa_private_crt_mb8(
        from: &Inputs<u8>, to: &Outputs<u8>,
        p: &Inputs<u64>, q: &Inputs<u64>,
        dp: &Inputs<u64>, dq: &Inputs<u64>, q_inverse: &Inputs<u64>,
        bits: c_int, method: *const RsaMethod, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// `to = from^65537 mod n`.
    fn mbx_rsa_public_mb8(
        from: &Inputs<u8>, to: &Outputs<u8>, n: &Inputs<u64>,
        bits: c_int, method: *const RsaMethod, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// `out = base^exponent mod modulus`, of odd moduli with exactly `bits` bits; the lowest
    /// `exponent_bits` of each exponent count.
    fn mbx_exp_mb8(
        out: &Outputs<u64>, base: &Inputs<u64>, exponent: &Inputs<u64>, exponent_bits: c_int,
        modulus: &Inputs<u64>, bits: c_int, scratch: *mut u8, scratch_bytes: c_int,
    ) -> Status = Status::REFUSED;

    /// X25519 of a private key and a peer's public one, 32 bytes each. Zeros and "low order" where
    /// the result is zero. Clamps the private key, ignores the peer's highest bit.
    fn mbx_x25519_mb8(
        shared: &Outputs<u8>, private: &Inputs<u8>, peer: &Inputs<u8>,
    ) -> Status = Status::REFUSED;
    /// X25519 of a private key and the base point.
    fn mbx_x25519_public_key_mb8(public: &Outputs<u8>, private: &Inputs<u8>)
        -> Status = Status::REFUSED;

    /// The public key of a seed.
    fn mbx_ed25519_public_key_mb8(public: &Outputs<u8>, seed: &Inputs<u8>)
        -> Status = Status::REFUSED;
    /// R and S, of 32 bytes. Does not ask whether the public key belongs to the seed.
    fn mbx_ed25519_sign_mb8(
        r: &Outputs<u8>, s: &Outputs<u8>, message: &Inputs<u8>, lengths: &[u32; LANES],
        seed: &Inputs<u8>, public: &Inputs<u8>,
    ) -> Status = Status::REFUSED;

    /// Signs a digest of exactly 32 bytes. Nonce, key and digest must be in [1, order), and are
    /// looked at. The scratch memory is not used.
    fn mbx_nistp256_ecdsa_sign_mb8(
        r: &Outputs<u8>, s: &Outputs<u8>, digest: &Inputs<u8>,
        nonce: &Inputs<u64>, private: &Inputs<u64>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// The same for 48 bytes.
    fn mbx_nistp384_ecdsa_sign_mb8(
        r: &Outputs<u8>, s: &Outputs<u8>, digest: &Inputs<u8>,
        nonce: &Inputs<u64>, private: &Inputs<u64>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// The x coordinate of the product, or zeros and a status if the point is not on the curve.
    /// Coordinates are taken modulo the prime, and are affine where no z is given.
    fn mbx_nistp256_ecdh_mb8(
        shared: &Outputs<u8>, private: &Inputs<u64>, x: &Inputs<u64>, y: &Inputs<u64>,
        z: Option<&Inputs<u64>>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// The same for P-384.
    fn mbx_nistp384_ecdh_mb8(
        shared: &Outputs<u8>, private: &Inputs<u64>, x: &Inputs<u64>, y: &Inputs<u64>,
        z: Option<&Inputs<u64>>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// The product with the base point, affine where no z is asked for. Takes scalars that are not
    /// below the order.
    fn mbx_nistp256_ecpublic_key_mb8(
        x: &Outputs<u64>, y: &Outputs<u64>, z: Option<&Outputs<u64>>,
        private: &Inputs<u64>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
    /// The same for P-384.
    fn mbx_nistp384_ecpublic_key_mb8(
        x: &Outputs<u64>, y: &Outputs<u64>, z: Option<&Outputs<u64>>,
        private: &Inputs<u64>, scratch: *mut u8,
    ) -> Status = Status::REFUSED;
}

/// Does the library itself think that it can work here?
pub(crate) fn is_applicable() -> bool {
    // SAFETY: has no conditions.
    let features = unsafe { mbx_get_cpu_features() };
    // SAFETY: has no conditions.
    let applicable = unsafe { mbx_is_crypto_mb_applicable(features) };
    applicable != 0
}

/// How to compute with a private key of that many bits, and the scratch memory it takes.
pub(crate) fn rsa_private(bits: usize) -> (*const RsaMethod, usize) {
    // SAFETY: has no conditions.
    with_scratch(unsafe { mbx_RSA_private_crt_Method(length(bits)) })
}

/// How to compute with the usual public exponent, and the scratch memory it takes.
pub(crate) fn rsa_public(bits: usize) -> (*const RsaMethod, usize) {
    // SAFETY: has no conditions.
    with_scratch(unsafe { mbx_RSA_pub65537_Method(length(bits)) })
}

/// The scratch memory that `mbx_exp_mb8` takes.
pub(crate) fn power_scratch(bits: usize) -> usize {
    // SAFETY: has no conditions.
    let bytes = unsafe { mbx_exp_BufferSize(length(bits)) };
    usize::try_from(bytes).unwrap_or_default()
}

/// Bits and bytes as C has them.
pub(crate) fn length(length: usize) -> c_int {
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

fn with_scratch(method: *const RsaMethod) -> (*const RsaMethod, usize) {
    if method.is_null() {
        return (method, 0);
    }
    // SAFETY: a method that the library gave.
    let bytes = unsafe { mbx_RSA_Method_BufSize(method) };
    (method, usize::try_from(bytes).unwrap_or_default())
}
