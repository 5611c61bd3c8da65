//! Eight operations of public-key cryptography in one pass of the vector unit.
//!
//! A safe face for Intel's `libcrypto_mb`, which computes up to eight RSA, elliptic-curve or
//! Edwards-curve operations side by side, an operation a *lane* of the AVX-512 registers. A pass
//! takes about as long with one lane filled as with eight.
//!
//! ```text
//! Unit::open ──> Missing              not built in, or not this processor
//!     │
//!   Unit ── rsa_private · ecdsa_sign · ecdh_derive · ec_keygen · x25519_derive · x25519_keygen
//!     │     ed25519_sign
//!     └──── Lanes<..Lane> in, Outcomes out: None where a lane is empty, else Ok or its own Fault
//! ```
//!
//! Invariants:
//! - Lanes are independent: whatever is in one changes neither the result nor the outcome of
//!   another.
//! - A lane's outputs are written where its outcome is `Ok`, and are zeros where it is a [`Fault`].
//! - No RSA result leaves before it was raised to the public exponent and compared with the input.
//! - Nothing here branches on a secret or uses one as an index. Keys, scratch memory and the stack
//!   that
//!   the library used are wiped.
//! - A pass allocates nothing, takes no lock and makes no system call.
//!
//! Must not: know OpenSSL, jobs or coroutines; decide when a batch is worth it.

mod availability;
mod batch;
mod curve;
mod ec_key;
mod ecdh;
mod ecdsa;
mod ed25519;
mod fault;
mod ffi;
mod lanes;
mod limbs;
mod rsa;
mod status;
mod unit;
mod wipe;
mod x25519;

pub use availability::{Missing, availability};
pub use curve::Curve;
pub use ec_key::EcKey;
pub use ecdh::{EcKeygenLane, EcdhLane};
pub use ecdsa::EcdsaLane;
pub use ed25519::{Ed25519Key, Ed25519Lane};
pub use fault::Fault;
pub use lanes::{LANES, Lanes, Outcomes, Random, empty};
pub use rsa::{RsaKey, RsaLane, RsaParts};
pub use unit::{STACK_NEEDED, Unit};
pub use wipe::{Secret, wipe_bytes};
pub use x25519::{X25519KeygenLane, X25519Lane};
