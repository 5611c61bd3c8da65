//! A new key pair on P-384, below its `EVP_PKEY`: `EC_KEY_generate_key`. (One on P-256 takes libcrypto
//! 12.5 us; a lane of a full pass takes 5.8, handing the pair over 2.6, and then there is the park.)
//!
//! Followed: `EC_KEY_generate_key(3)`, `EC_POINT_oct2point(3)`.

use std::ffi::{c_int, c_uchar, c_void};

use interlude_offload::{Curve, JobKind, Operation, Secret};

use crate::api::ecdsa::{self, FROM_BYTES};
use crate::api::lanes::{self, libcrypto};
use crate::bypass::Bypass;
use crate::errors::Errors;
use crate::hook::{Call, Outcome};
use crate::original::Original;

/// `EC_KEY_generate_key`: `(key)`.
type Generate = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;

type Get = unsafe extern "C" fn(*const c_void) -> *const c_void;
type Set = unsafe extern "C" fn(*mut c_void, *const c_void) -> c_int;
type New = unsafe extern "C" fn(*const c_void) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type FromOctets =
    unsafe extern "C" fn(*const c_void, *mut c_void, *const c_uchar, usize, *mut c_void) -> c_int;

libcrypto! {
    GROUP: Get = c"EC_KEY_get0_group";
    PRIVATE: Get = c"EC_KEY_get0_private_key";
    PUBLIC: Get = c"EC_KEY_get0_public_key";
    SET_PRIVATE: Set = c"EC_KEY_set_private_key";
    SET_PUBLIC: Set = c"EC_KEY_set_public_key";
    NEW_POINT: New = c"EC_POINT_new";
    FREE_POINT: Free = c"EC_POINT_free";
    FROM_OCTETS: FromOctets = c"EC_POINT_oct2point";
    CLEAR_NUMBER: Free = c"BN_clear_free";
}

/// `EC_KEY_generate_key`.
pub(crate) fn generate(call: &Call<Generate>, key: *mut c_void) -> Outcome<c_int> {
    if !lanes::are_open() || key.is_null() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let curve = match ecdsa::curve(key) {
        Some(Curve::P384) if is_empty(key) => Curve::P384,
        Some(Curve::P256) => return Outcome::PassThrough(Bypass::Small),
        _ => return Outcome::PassThrough(Bypass::Foreign),
    };
    let operation = || {
        let (private, public) = (Box::new(Secret::zeros()), vec![0; curve.point_bytes()]);
        Some(Operation::EcKeygen { curve, private, public })
    };
    let done = lanes::computed(JobKind::Keygen, curve.bytes(), operation);
    if let Some(Operation::EcKeygen { private, public, .. }) = done
        && let Some(private) = private.get(..curve.bytes())
        && Errors::of(|| fill(key, private, &public)).0.is_some()
    {
        return Outcome::Handled(call.made(1));
    }
    // SAFETY: the caller's own arguments.
    let result = unsafe { (call.original)(key) };
    Outcome::Handled(call.made(result))
}

/// Has it neither half of a pair yet?
fn is_empty(key: *mut c_void) -> bool {
    [&PRIVATE, &PUBLIC].into_iter().all(|half| {
        // SAFETY: the caller's key.
        half.function().is_some_and(|half| unsafe { half(key) }.is_null())
    })
}

/// Gives a key both halves. libcrypto makes sure that the point is one of the curve. `None`: it is to
/// generate them itself, over whatever it has been given.
fn fill(key: *mut c_void, private: &[u8], public: &[u8]) -> Option<()> {
    let (clear, free) = (CLEAR_NUMBER.function()?, FREE_POINT.function()?);
    // SAFETY: the caller's key.
    let group = unsafe { GROUP.function()?(key) };
    let (from, len) = (FROM_BYTES.function()?, c_int::try_from(private.len()).ok()?);
    // SAFETY: the key's group, which is there (`ecdsa::curve`).
    let point = unsafe { NEW_POINT.function()?(group) };
    // SAFETY: that many bytes; null makes a new number.
    let number = unsafe { from(private.as_ptr(), len, std::ptr::null_mut()) };
    let is_set = || {
        let (octets, none) = (FROM_OCTETS.function()?, std::ptr::null_mut());
        // SAFETY: a group, a point of it, and that many bytes; no context is needed.
        let is_point = unsafe { octets(group, point, public.as_ptr(), public.len(), none) } == 1;
        // SAFETY: the caller's key, and a number, which is copied.
        let has_private = is_point && unsafe { SET_PRIVATE.function()?(key, number) } == 1;
        // SAFETY: the caller's key, and a point of its group, which is copied.
        (has_private && unsafe { SET_PUBLIC.function()?(key, point) } == 1).then_some(())
    };
    let set = (!point.is_null() && !number.is_null()).then(is_set).flatten();
    // SAFETY: made above, or null, and nobody else has it.
    unsafe { clear(number) };
    // SAFETY: as above.
    unsafe { free(point) };
    set
}
