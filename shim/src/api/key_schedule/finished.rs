//! `EVP_Q_mac`, for the MACs of TLS 1.3's `Finished` messages: two in a handshake. To libcrypto each is a
//! fetched method, a fetched hash function, two contexts and a list of parameters. Computed here as the
//! derivations are, by the same terms.
//!
//! Followed: `EVP_Q_mac(3)`, RFC 8446 section 4.4.4, `tls13_final_finish_mac` in ssl/tls13_enc.c.

use std::ffi::{CStr, c_char, c_uchar, c_void};

use super::method::{self, Standing};
use super::sha2::Sha2;
use super::{Derived, MOST, is_on};
use crate::api::origin::Known;
use crate::api::parameter::Parameter;
use crate::bypass::Bypass;
use crate::errors;
use crate::fail;
use crate::hook::{Call, Outcome};
use crate::table::originals;
use crate::table::originals::EVP_Q_mac::Function as Mac;

/// A call of libssl's, as far as it enters the result.
struct Request<'a> {
    hash: Sha2,
    key: &'a [u8],
    transcript: &'a [u8],
}

/// `EVP_Q_mac`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn mac(
    call: &Call<Mac>,
    library: *mut c_void,
    name: *const c_char,
    properties: *const c_char,
    digest: *const c_char,
    parameters: *const Parameter,
    key: *const c_void,
    key_len: usize,
    data: *const c_uchar,
    data_len: usize,
    out: *mut c_uchar,
    room: usize,
    len: *mut usize,
) -> Outcome<*mut c_void> {
    let is_usual = library.is_null() && properties.is_null() && !out.is_null() && !len.is_null();
    let has_both = !key.is_null() && !data.is_null() && !digest.is_null();
    if !is_usual || !has_both || !is_on() || !is_libssls(name) || !is_empty(parameters) {
        return Outcome::PassThrough(Bypass::Observed);
    }
    // SAFETY: the API's contract: a terminated name.
    let Some(hash) = Sha2::of_name(unsafe { CStr::from_ptr(digest) }.to_bytes()) else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    // SAFETY: the API's contract: `key_len` bytes.
    let secret = unsafe { std::slice::from_raw_parts(key.cast(), key_len) };
    // SAFETY: the API's contract: `data_len` bytes.
    let transcript = unsafe { std::slice::from_raw_parts(data, data_len) };
    if hash.result_bytes() > room {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let standing = method::standing_of_mac(hash);
    if standing == Standing::Foreign {
        return Outcome::PassThrough(Bypass::Foreign);
    }
    let mut derived = Derived([0; MOST]);
    let Some(result) = (Request { hash, key: secret, transcript }).compute(&mut derived, room)
    else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    errors::in_use();
    match standing {
        Standing::Foreign => Outcome::PassThrough(Bypass::Foreign),
        Standing::InDoubt => {
            // SAFETY: the caller's own arguments.
            let made = call.made(unsafe {
                (call.original)(
                    library, name, properties, digest, parameters, key, key_len, data, data_len,
                    out, room, len,
                )
            });
            // SAFETY: the caller's place for a length, not null.
            let written = unsafe { *len };
            let is_made = !made.is_null();
            // SAFETY: so many bytes have just been written there.
            let theirs = is_made.then(|| unsafe { std::slice::from_raw_parts(out, written) });
            super::judge(theirs == Some(result));
            Outcome::Handled(made)
        }
        Standing::Own => {
            // SAFETY: the API's contract: `room` bytes, which are no fewer.
            unsafe { std::ptr::copy_nonoverlapping(result.as_ptr(), out, result.len()) };
            // SAFETY: the caller's place for a length, not null.
            unsafe { *len = result.len() };
            Outcome::Handled(call.made(out.cast()))
        }
    }
}

impl Request<'_> {
    /// The MAC, if there is room for it.
    fn compute<'d>(&self, into: &'d mut Derived, room: usize) -> Option<&'d [u8]> {
        let result = into.0.get_mut(..self.hash.result_bytes()).filter(|mac| mac.len() <= room)?;
        let functions = self.hash.functions()?;
        interlude_key_schedule::finished(&functions, self.key, self.transcript, result).ok()?;
        if fail::spoils("key_schedule.finished")
            && let Some(first) = result.first_mut()
        {
            *first = !*first;
        }
        Some(result)
    }
}

/// Does the caller ask for nothing special?
fn is_empty(parameters: *const Parameter) -> bool {
    // SAFETY: the API's contract: null, or parameters with an end.
    parameters.is_null() || unsafe { (*parameters).key.is_null() }
}

/// Is it a constant of libssl's, that says HMAC?
fn is_libssls(name: *const c_char) -> bool {
    static LIBSSLS: Known<2> = Known::new();
    let handshake = originals::SSL_do_handshake::ORIGINAL.function();
    let handshake = handshake.map(|function| function as *const c_void);
    // SAFETY: the API's contract: a terminated name.
    LIBSSLS.has(name.cast(), handshake) && unsafe { CStr::from_ptr(name) } == method::HMAC
}
