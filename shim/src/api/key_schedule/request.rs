//! What libssl asks of `TLS13-KDF`, read from the parameters that it passes.
//!
//! All that enters a result has to be among them. libssl passes that with a new context every time, so
//! what is absent is absent there, too. Whether it is libssl that asks is told by the address of the
//! prefix: a constant of libssl's own file, which none of its functions gives away.

use std::ffi::{CStr, c_int, c_void};

use interlude_key_schedule::{Label, expand_label, next_secret};

use super::sha2::Sha2;
use crate::api::origin::Known;
use crate::api::parameter::{INTEGER, OCTET_STRING, Parameter, TEXT};
use crate::table::originals;

/// `EVP_KDF_HKDF_MODE_EXTRACT_ONLY`.
const EXTRACT: c_int = 1;
/// `EVP_KDF_HKDF_MODE_EXPAND_ONLY`.
const EXPAND: c_int = 2;
/// libssl passes six at most.
const MOST: usize = 8;

/// A derivation.
pub(super) struct Request<'a> {
    hash: Sha2,
    step: Step<'a>,
}

enum Step<'a> {
    Expand { secret: &'a [u8], label: Label<'a> },
    Next { before: Option<&'a [u8]>, input: Option<&'a [u8]>, label: Label<'a> },
}

/// What was found among the parameters.
#[derive(Default)]
struct Found<'a> {
    mode: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    salt: Option<&'a [u8]>,
    prefix: Option<&'a [u8]>,
    label: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// `None`: it is not libssl's, or not as libssl makes them.
    ///
    /// # Safety
    /// Null, or parameters with an end, valid for `'a`.
    pub(super) unsafe fn read(parameters: *const Parameter) -> Option<Self> {
        // SAFETY: the caller's contract.
        let found = unsafe { Found::among(parameters) }?;
        let prefix = found.prefix.filter(|prefix| *prefix == b"tls13 " && is_libssls(prefix))?;
        let hash = Sha2::of_name(found.digest?)?;
        let label = Label { prefix, name: found.label?, context: found.data.unwrap_or(&[]) };
        let step = match (c_int::from_ne_bytes(found.mode?.try_into().ok()?), found.salt) {
            (EXPAND, None) => Step::Expand { secret: found.key?, label },
            (EXTRACT, before) if found.data.is_none() => {
                Step::Next { before, input: found.key, label }
            }
            _ => return None,
        };
        Some(Self { hash, step })
    }

    /// Over which hash function.
    pub(super) fn hash(&self) -> Sha2 {
        self.hash
    }

    /// Puts the result into `out`. False: it has not been touched.
    pub(super) fn derive(&self, out: &mut [u8]) -> bool {
        let Some(hash) = self.hash.functions() else { return false };
        let done = match self.step {
            Step::Expand { secret, label } => expand_label(&hash, secret, label, out),
            Step::Next { before, input, label } => next_secret(&hash, before, input, label, out),
        };
        done.is_ok()
    }
}

impl<'a> Found<'a> {
    /// # Safety
    /// That of [`Request::read`].
    unsafe fn among(parameters: *const Parameter) -> Option<Self> {
        let mut found = Self::default();
        if parameters.is_null() {
            return None;
        }
        for index in 0..MOST {
            // SAFETY: the end has not been met.
            let parameter = unsafe { parameters.add(index) };
            // SAFETY: as above.
            let parameter = unsafe { &*parameter };
            if parameter.key.is_null() {
                return Some(found);
            }
            // SAFETY: a parameter's key is terminated.
            let name = unsafe { CStr::from_ptr(parameter.key) };
            let (place, kind) = match name.to_bytes() {
                b"mode" => (&mut found.mode, INTEGER),
                b"digest" => (&mut found.digest, TEXT),
                b"key" => (&mut found.key, OCTET_STRING),
                b"salt" => (&mut found.salt, OCTET_STRING),
                b"prefix" => (&mut found.prefix, OCTET_STRING),
                b"label" => (&mut found.label, OCTET_STRING),
                b"data" => (&mut found.data, OCTET_STRING),
                _ => return None,
            };
            // Of two the original takes the first; of empty ones it takes some for absent.
            let may_be_empty = name.to_bytes() == b"data";
            let is_usual = place.is_none()
                && parameter.kind == kind
                && !parameter.data.is_null()
                && (parameter.size > 0 || may_be_empty);
            if !is_usual {
                return None;
            }
            let start = parameter.data.cast::<u8>().cast_const();
            // SAFETY: a parameter has so many bytes.
            *place = Some(unsafe { std::slice::from_raw_parts(start, parameter.size) });
        }
        None
    }
}

/// Does it lie in libssl's file?
fn is_libssls(constant: &[u8]) -> bool {
    static LIBSSLS: Known<1> = Known::new();
    let handshake = originals::SSL_do_handshake::ORIGINAL.function();
    LIBSSLS.has(constant.as_ptr().cast(), handshake.map(|function| function as *const c_void))
}
