//! An Ed25519 signature, at the door of `EVP_DigestSign`: there is nothing of libcrypto's below it that
//! could be hooked, and no digest under way in its context.
//!
//! Followed: `EVP_DigestSign(3)`, `EVP_SIGNATURE-ED25519(7)`, `EVP_PKEY_get_raw_private_key(3)`.
//!
//! **A key is read once,** and what was read hangs on it (`attached`). Should it be given other numbers,
//! its public half tells. It is used only where that half is the one that belongs to the private one: who
//! signs with two has given the key away.

use std::ffi::c_void;
use std::sync::Arc;

use interlude_offload::{Ed25519Key, JobKind, Operation, Secret, Unit};

use crate::api::agreement::{self, RAW_PRIVATE, RAW_PUBLIC};
use crate::api::attached::{self, Attached};
use crate::api::{lanes, signature};

/// Bytes of a signature.
pub(crate) const LENGTH: usize = 64;

/// What was read of a key; nothing where it is not one for a lane.
struct Read(Option<Arc<Ed25519Key>>);

/// The key of a digest's context, if it is one of these and lies with libcrypto's own provider.
pub(crate) fn key(ctx: *mut c_void) -> Option<*mut c_void> {
    let key = signature::key_of(ctx)?;
    (lanes::is_key_a(key, c"ED25519") && lanes::is_own(key)).then_some(key)
}

/// The signature of that message by such a key. `None`: the original is to be called.
pub(crate) fn sign(key: *mut c_void, message: Vec<u8>) -> Option<Box<[u8; LENGTH]>> {
    let operation = || {
        let key = read(key)?;
        let signature = Box::new([0; LENGTH]);
        Some(Operation::Ed25519 { key, message, signature })
    };
    match lanes::computed(JobKind::Sign, 32, operation)? {
        Operation::Ed25519 { signature, .. } => Some(signature),
        _ => None,
    }
}

fn read(key: *mut c_void) -> Option<Arc<Ed25519Key>> {
    static READ: Attached<Read> = Attached::new(attached::KEY);
    let mut public = [0; 32];
    if !agreement::raw(&RAW_PUBLIC, key, &mut public) {
        return None;
    }
    let make = || {
        let mut seed = Box::new(Secret::<32>::zeros());
        let is_whole = agreement::raw(&RAW_PRIVATE, key, &mut seed[..]);
        let unit = is_whole.then(|| Unit::open().ok()).flatten();
        let key = unit.and_then(|mut unit| Ed25519Key::new(&mut unit, &seed).ok());
        Read(key.map(Arc::new))
    };
    let look = |read: &Read| read.0.clone().filter(|read| *read.public() == public);
    READ.with(key, make, look).flatten()
}
