//! Calls that become lanes of a pass (engine `simd`): what they compute is taken over whole, on copies
//! of their keys and inputs; libcrypto does the rest, padding and encoding among it.
//!
//! Each is hooked where nothing of the library's own is under way: `EVP_PKEY_derive` and `EVP_PKEY_keygen`
//! at their doors, RSA and ECDSA further down, before blinding and nonces. `EVP_DigestSign` is let
//! through for that.
//!
//! Must not: take a key that lies elsewhere (hardware, another provider), or one that was given a method
//! of its own.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

use interlude_offload::{Fault, JobKind, Lane, LaneKind, Operation};
use interlude_settings::{EngineName, Mode};

use crate::api::objects;
use crate::bypass::Bypass;
use crate::context;
use crate::counters::{JobEvent, count, count_job};
use crate::errors::{self, Errors};
use crate::offload::{self, Load, Plan};
use crate::original::Original;
use crate::start;
use crate::thread::Thread;

/// Declares functions of libcrypto by their types.
macro_rules! libcrypto {
    ($($name:ident: $type:ty = $symbol:literal;)*) => {$(
        // SAFETY: libcrypto's function of that name has this type.
        static $name: Original<$type> = unsafe { Original::new($symbol) };
    )*};
}
pub(crate) use libcrypto;

/// May a call be taken over that is made in the midst of others of the library's? In an event, only
/// within a call of libssl's, which owns what those work on: a context of the server's own could be used
/// by another coroutine meanwhile, and is not known here (C4). Outside of an event it is not (nothing parks
/// there), but a thread learns by such a call that its loop is to be one in which calls park.
pub(crate) fn are_open() -> bool {
    are_there() && (!context::local().in_event() || objects::is_inside())
}

/// Does the engine of this process have lanes?
pub(crate) fn are_there() -> bool {
    start::settings().is_some_and(|settings| {
        settings.engine == EngineName::Simd && !matches!(settings.mode, Mode::Off | Mode::Inline)
    })
}

/// Has `operation` computed, if it can be taken over. `None`: the original is to be called.
pub(crate) fn computed(
    kind: JobKind,
    bytes: usize,
    operation: impl FnOnce() -> Option<Operation>,
) -> Option<Operation> {
    errors::in_use();
    let load = Load::of_key(kind, bytes, bytes);
    let Plan::Job(thread, load) = offload::plan(load) else { return None };
    let Some(operation) = Errors::of(operation).0 else {
        count(Bypass::Foreign.counter());
        return None;
    };
    if !has_company(thread, &operation) {
        count(Bypass::Apart.counter());
        count_job(kind, JobEvent::InPlace, 1);
        count_job(kind, JobEvent::Bytes, bytes);
        return None;
    }
    let Lane { operation, outcome } = offload::carry_out(thread, load, Lane::new(operation))?;
    if outcome == Some(Err(Fault::Check)) {
        offload::was_wrong(thread, kind);
        offload::redone();
        return None;
    }
    offload::was_right(thread, kind);
    if outcome != Some(Ok(())) {
        // The peer's key is wrong, or the like: the original knows what to say of it.
        count_job(kind, JobEvent::InPlace, 1);
        return None;
    }
    Some(operation)
}

/// Is it to wait for others of its kind? Not where none came lately, and nothing is there of which one may
/// come.
fn has_company(thread: &Thread, operation: &Operation) -> bool {
    let beside = thread.parked.get() > 0 || thread.backlog.get();
    let kind = operation.kind().map(LaneKind::index);
    kind.is_none_or(|kind| thread.company.borrow_mut().is_expected(kind, beside))
}

type Fill = unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int;
libcrypto! {
    RANDOM: Fill = c"RAND_priv_bytes";
}

/// Random numbers for secrets, from libcrypto's generator for them.
pub(crate) fn random(into: &mut [u8]) -> bool {
    let (Some(fill), Ok(len)) = (RANDOM.function(), c_int::try_from(into.len())) else {
        return false;
    };
    // SAFETY: a buffer of that length.
    Errors::of(|| unsafe { fill(into.as_mut_ptr(), len) == 1 }).0
}

type Length = unsafe extern "C" fn(*const c_void) -> c_int;
type ToBytes = unsafe extern "C" fn(*const c_void, *mut c_uchar, c_int) -> c_int;
libcrypto! {
    BITS: Length = c"BN_num_bits";
    TO_BYTES: ToBytes = c"BN_bn2binpad";
}

/// Writes a number (`BIGNUM`) big-endian, with leading zeros. False if there is none or it is too long.
pub(crate) fn write_number(number: *const c_void, into: &mut [u8]) -> bool {
    let (Some(write), Ok(len)) = (TO_BYTES.function(), c_int::try_from(into.len())) else {
        return false;
    };
    // SAFETY: a number of libcrypto's, and a buffer of that length.
    !number.is_null() && unsafe { write(number, into.as_mut_ptr(), len) } == len
}

/// How many bytes a number has; 0 where there is none.
pub(crate) fn number_len(number: *const c_void) -> usize {
    let Some(bits) = BITS.function().filter(|_| !number.is_null()) else { return 0 };
    // SAFETY: a number of libcrypto's.
    usize::try_from(unsafe { bits(number) }).unwrap_or(0).div_ceil(8)
}

type Provider = unsafe extern "C" fn(*const c_void) -> *const c_void;
type ProviderName = unsafe extern "C" fn(*const c_void) -> *const c_char;
libcrypto! {
    PROVIDER: Provider = c"EVP_PKEY_get0_provider";
    CONTEXT_PROVIDER: Provider = c"EVP_PKEY_CTX_get0_provider";
    PROVIDER_NAME: ProviderName = c"OSSL_PROVIDER_get0_name";
}

/// Does an `EVP_PKEY` lie with libcrypto's own provider?
pub(crate) fn is_own(key: *const c_void) -> bool {
    is_with_own(&PROVIDER, key)
}

/// Does an `EVP_PKEY_CTX` work with libcrypto's own provider? Not before it was told for what.
pub(crate) fn is_own_context(context: *const c_void) -> bool {
    is_with_own(&CONTEXT_PROVIDER, context)
}

/// Does an object lie with libcrypto's own provider, as `of` tells?
pub(crate) fn is_with_own(of: &Original<Provider>, object: *const c_void) -> bool {
    let (Some(provider), Some(name)) = (of.function(), PROVIDER_NAME.function()) else {
        return false;
    };
    if object.is_null() {
        return false;
    }
    // SAFETY: a key or a context, as `of` takes, and not null.
    let provider = unsafe { provider(object) };
    if provider.is_null() {
        return false;
    }
    // SAFETY: a provider that is not null.
    let name = unsafe { name(provider) };
    // SAFETY: a terminated name of the provider's.
    !name.is_null() && unsafe { CStr::from_ptr(name) } == c"default"
}

type IsA = unsafe extern "C" fn(*const c_void, *const c_char) -> c_int;
libcrypto! {
    KEY_IS_A: IsA = c"EVP_PKEY_is_a";
    CONTEXT_IS_A: IsA = c"EVP_PKEY_CTX_is_a";
}

fn is(of: &Original<IsA>, object: *const c_void, name: &CStr) -> bool {
    // SAFETY: a key or a context, as `of` takes, and a terminated name.
    of.function().is_some_and(|is_a| unsafe { is_a(object, name.as_ptr()) } == 1)
}

/// Is an `EVP_PKEY` one of that algorithm?
pub(crate) fn is_key_a(key: *const c_void, name: &CStr) -> bool {
    !key.is_null() && is(&KEY_IS_A, key, name)
}

/// Is an `EVP_PKEY_CTX` one for that algorithm?
pub(crate) fn is_context_a(context: *const c_void, name: &CStr) -> bool {
    !context.is_null() && is(&CONTEXT_IS_A, context, name)
}
