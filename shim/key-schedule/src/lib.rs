//! The derivations of TLS 1.3's key schedule (RFC 8446, 7.1), over a hash function of the caller's.
//!
//! A handshake makes 21, and to libcrypto each is a fetched method, a fetched hash function, a context and
//! five buffers on the heap. Here they are what they come to: HMAC (RFC 2104), HKDF (RFC 5869) and a label.
//!
//! ```text
//!  next_secret:   HKDF-Extract( Expand-Label(before, "derived", Hash("")), input )
//!  expand_label:  HKDF-Expand ( secret, length ‖ "tls13 " label ‖ context )
//!  finished:      HMAC( key, Hash(transcript) )
//!                        └── HMAC( key, … ) = H( key ⊕ opad ‖ H( key ⊕ ipad ‖ … ) )
//! ```
//!
//! Must not: allocate, know OpenSSL, or have a hash function of its own. What RFC 8446 has no room for
//! (longer labels, other lengths) is [`Unfit`], and nothing has been written then.
//!
//! Secrets on the stack are wiped; those in a hash function's state are that one's to wipe when it is
//! dropped.

#![forbid(unsafe_code)]

mod hash;
mod hkdf;
mod hmac;
mod schedule;
mod wipe;

pub use hash::{Block, Hash};
pub use schedule::{Label, expand_label, finished, next_secret};

/// Nothing that RFC 8446 or RFC 5869 has a form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;
