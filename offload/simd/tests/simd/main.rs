//! Every operation beside OpenSSL's. On a machine without AVX-512 IFMA, or in a build without
//! `libcrypto_mb`, the tests say so and pass.

mod curve;
mod ecdh;
mod ecdsa;
mod ed25519;
mod fixture;
mod memory;
mod rsa;
mod rsa_key;
mod x25519;
