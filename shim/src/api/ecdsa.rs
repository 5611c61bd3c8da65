//! A signature on a curve, below its encoding: `ECDSA_do_sign_ex`.
//!
//! Followed: `ECDSA_do_sign_ex(3)`, `EC_KEY_get0_private_key(3)`.

use std::ffi::{c_int, c_uchar, c_void};

use interlude_offload::{Curve, EcKey, JobKind, Operation};

use crate::api::lanes::{self, libcrypto};
use crate::bypass::Bypass;
use crate::hook::{Call, Outcome};
use crate::original::Original;

/// `ECDSA_do_sign_ex`: `(digest, len, inverse of a nonce, its r, key)`.
type Sign = unsafe extern "C-unwind" fn(
    *const c_uchar,
    c_int,
    *const c_void,
    *const c_void,
    *mut c_void,
) -> *mut c_void;

type Get = unsafe extern "C" fn(*const c_void) -> *const c_void;
type OwnMethod = unsafe extern "C" fn() -> *const c_void;
type Number = unsafe extern "C" fn(*const c_void) -> c_int;
type New = unsafe extern "C" fn() -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
pub(crate) type FromBytes = unsafe extern "C" fn(*const c_uchar, c_int, *mut c_void) -> *mut c_void;
type Set = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> c_int;

libcrypto! {
    METHOD: Get = c"EC_KEY_get_method";
    OWN_METHOD: OwnMethod = c"EC_KEY_OpenSSL";
    GROUP: Get = c"EC_KEY_get0_group";
    CURVE: Number = c"EC_GROUP_get_curve_name";
    PRIVATE: Get = c"EC_KEY_get0_private_key";
    NEW: New = c"ECDSA_SIG_new";
    FREE: Free = c"ECDSA_SIG_free";
    SET: Set = c"ECDSA_SIG_set0";
    FREE_NUMBER: Free = c"BN_free";
}

// SAFETY: libcrypto's function of that name has this type.
pub(crate) static FROM_BYTES: Original<FromBytes> = unsafe { Original::new(c"BN_bin2bn") };

/// `NID_X9_62_prime256v1`.
const P256: c_int = 415;
/// `NID_secp384r1`.
const P384: c_int = 715;
/// The longest digest that is in use, in bytes.
const LONGEST: c_int = 64;

/// `ECDSA_do_sign_ex`.
pub(crate) fn do_sign_ex(
    call: &Call<Sign>,
    digest: *const c_uchar,
    len: c_int,
    inverse: *const c_void,
    r: *const c_void,
    key: *mut c_void,
) -> Outcome<*mut c_void> {
    let has_nonce = !inverse.is_null() || !r.is_null();
    let has_digest = !digest.is_null() && (1..=LONGEST).contains(&len);
    if !lanes::are_open() || has_nonce || !has_digest || key.is_null() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let operation = || {
        let key = self::key(key)?;
        let len = usize::try_from(len).ok()?;
        // SAFETY: the API's contract: `len` bytes at `digest`.
        let digest = unsafe { std::slice::from_raw_parts(digest, len) }.to_vec();
        let half = || vec![0; key.curve().bytes()];
        let signature = (half(), half());
        Some(Operation::Ecdsa { key, digest, signature })
    };
    let done = lanes::computed(JobKind::Sign, 32, operation);
    if let Some(Operation::Ecdsa { signature: (r, s), .. }) = done
        && let Some(signature) = encode(&r, &s)
    {
        return Outcome::Handled(call.made(signature));
    }
    // SAFETY: the caller's own arguments.
    let signature = unsafe { (call.original)(digest, len, inverse, r, key) };
    Outcome::Handled(call.made(signature))
}

/// The curve of a key of libcrypto's own, if there is code for it.
pub(crate) fn curve(key: *const c_void) -> Option<Curve> {
    // SAFETY: the caller's key.
    let method = unsafe { METHOD.function()?(key) };
    // SAFETY: no preconditions.
    if method != unsafe { OWN_METHOD.function()?() } {
        return None;
    }
    // SAFETY: the caller's key.
    let group = unsafe { GROUP.function()?(key) };
    if group.is_null() {
        return None;
    }
    // SAFETY: the key's group.
    match unsafe { CURVE.function()?(group) } {
        P256 => Some(Curve::P256),
        P384 => Some(Curve::P384),
        _ => None,
    }
}

fn key(key: *mut c_void) -> Option<EcKey> {
    let curve = curve(key)?;
    // SAFETY: the caller's key.
    let private = unsafe { PRIVATE.function()?(key) };
    let mut scalar = [0; 48];
    let bytes = scalar.get_mut(..curve.bytes())?;
    let key = lanes::write_number(private, bytes).then(|| EcKey::new(curve, bytes).ok());
    interlude_offload::wipe_bytes(&mut scalar);
    key.flatten()
}

/// An `ECDSA_SIG`, the caller's.
fn encode(r: &[u8], s: &[u8]) -> Option<*mut c_void> {
    let (free, free_number, set) = (FREE.function()?, FREE_NUMBER.function()?, SET.function()?);
    let number = |bytes: &[u8]| {
        let (from, len) = (FROM_BYTES.function()?, c_int::try_from(bytes.len()).ok()?);
        // SAFETY: that many bytes; null makes a new number.
        Some(unsafe { from(bytes.as_ptr(), len, std::ptr::null_mut()) })
    };
    let (r, s) = (number(r)?, number(s)?);
    // SAFETY: no preconditions.
    let signature = unsafe { NEW.function()?() };
    // SAFETY: a signature and two numbers, which it takes over; it refuses nulls.
    if !signature.is_null() && unsafe { set(signature, r, s) } == 1 {
        return Some(signature);
    }
    for number in [r, s] {
        // SAFETY: made above, or null, and nobody else has it.
        unsafe { free_number(number) };
    }
    // SAFETY: as above.
    unsafe { free(signature) };
    None
}
