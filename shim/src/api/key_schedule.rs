//! `EVP_KDF_derive`, for the derivations of TLS 1.3's key schedule: computed here, in place, where they
//! are libssl's own and libcrypto's default provider would do them. And `EVP_KDF_fetch` for the method,
//! which libssl asks for anew each time: it is given the one that is known.
//!
//! libssl makes 21 of them in a handshake. With its fetch, each takes 22,600 instructions less here: they
//! went into finding functions, copying parameters and taking locks (ARCHITECTURE.md, "The rest of a
//! handshake").
//!
//! Nothing but the result is left of such a call: no state in the context, which libssl frees next
//! (`tls13_hkdf_expand`, `tls13_generate_secret` in ssl/tls13_enc.c). Therefore callers other than libssl
//! are let through, and told by an address that only libssl has ([`request`]).
//!
//! The first derivation over each hash function, and every 256th, is computed by both, and looked at
//! together with who the methods belong to ([`method`]). One difference, or a call that may change what
//! libcrypto's methods are, and libcrypto does it all.
//!
//! Must not: park, raise errors, or answer what it does not know in full. Whatever is unusual is the
//! original's, whose errors are then the caller's.
//!
//! Followed: `EVP_KDF-TLS13_KDF(7)`, RFC 8446 section 7.1.

mod finished;
mod method;
mod request;
mod sha2;

pub(crate) use self::finished::mac;

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

use self::method::Standing;
use self::request::Request;
use crate::api::parameter::Parameter;
use crate::bypass::Bypass;
use crate::counters::{Counter, count};
use crate::errors;
use crate::hook::{Call, Outcome};
use crate::table::originals::EVP_KDF_derive::Function as Derive;
use crate::table::originals::EVP_KDF_fetch::Function as Fetch;
use crate::{context, fail, log, start};

/// Bytes of the longest result: an initial vector, a key or a secret. More is asked for by exporters only.
const MOST: usize = 64;

/// A result on the stack, wiped when it goes.
struct Derived([u8; MOST]);

impl Drop for Derived {
    fn drop(&mut self) {
        interlude_offload::wipe_bytes(&mut self.0);
    }
}

/// `EVP_KDF_fetch`.
pub(crate) fn fetch(
    call: &Call<Fetch>,
    library: *mut c_void,
    name: *const c_char,
    properties: *const c_char,
) -> Outcome<*mut c_void> {
    if !library.is_null() || !properties.is_null() || name.is_null() || !is_on() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    // SAFETY: the API's contract: a terminated name.
    let name = unsafe { CStr::from_ptr(name) };
    match (name == method::NAME).then(method::share).flatten() {
        Some(known) => Outcome::Handled(call.made(known)),
        None => Outcome::PassThrough(Bypass::Observed),
    }
}

/// `EVP_KDF_derive`.
pub(crate) fn derive(
    call: &Call<Derive>,
    ctx: *mut c_void,
    out: *mut c_uchar,
    len: usize,
    parameters: *const Parameter,
) -> Outcome<c_int> {
    let is_known = !ctx.is_null() && !out.is_null() && len <= MOST && is_on();
    // SAFETY: the API's contract: null, or parameters with an end.
    let Some(request) = is_known.then(|| unsafe { Request::read(parameters) }).flatten() else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    errors::in_use();
    let standing = method::standing(ctx, request.hash());
    if standing == Standing::Foreign {
        return Outcome::PassThrough(Bypass::Foreign);
    }
    let mut derived = Derived([0; MOST]);
    let result = derived.0.get_mut(..len).unwrap_or(&mut []);
    if !request.derive(result) {
        return Outcome::PassThrough(Bypass::Observed);
    }
    if fail::spoils("key_schedule.derived")
        && let Some(first) = result.first_mut()
    {
        *first = !*first;
    }
    if standing == Standing::InDoubt {
        return compare(call, ctx, out, result, parameters);
    }
    // SAFETY: the API's contract: room for `len` bytes.
    unsafe { std::ptr::copy_nonoverlapping(result.as_ptr(), out, len) };
    Outcome::Handled(call.made(1))
}

fn is_on() -> bool {
    !context::is_stopped()
        && start::settings().is_some_and(|settings| settings.openssl.key_schedule)
}

/// Lets libcrypto do it, and looks at what it makes of it.
#[cold]
fn compare(
    call: &Call<Derive>,
    ctx: *mut c_void,
    out: *mut c_uchar,
    ours: &[u8],
    parameters: *const Parameter,
) -> Outcome<c_int> {
    // SAFETY: the caller's own arguments.
    let made = call.made(unsafe { (call.original)(ctx, out, ours.len(), parameters) });
    // SAFETY: the API's contract: so many bytes, which have just been written.
    let theirs = (made == 1).then(|| unsafe { std::slice::from_raw_parts(out, ours.len()) });
    judge(theirs == Some(ours));
    Outcome::Handled(made)
}

/// A result was compared with libcrypto's. If it is another, that is the end of it.
#[cold]
fn judge(is_same: bool) {
    count(Counter::KeyScheduleCompared);
    if is_same {
        return;
    }
    count(Counter::KeyScheduleWrong);
    if method::distrust() {
        log::line(format_args!(
            "a secret of TLS 1.3 is not what libcrypto makes of it: libcrypto does them all from now on"
        ));
    }
}
