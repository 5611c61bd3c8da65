//! A signature is checked with the public key before it leaves, and what is wrong is signed again.
//!
//! Followed: `EVP_DigestVerify(3)`, `EVP_PKEY_CTX_ctrl(3)`. A context that has signed is not as it was
//! before (`EVP_DigestSignUpdate` adds to its data), so whoever is to sign again needs a copy from
//! before. It is made where the job runs, on the helper's time.
//!
//! Must not: change the server's context, or leave errors in its queue. What cannot be copied or
//! verified here (Ed25519 has no copies in OpenSSL 3.0) passes unchecked.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

use interlude_settings::Check;

use crate::errors::Errors;
use crate::original::Original;

type New = unsafe extern "C" fn() -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Copy = unsafe extern "C" fn(*mut c_void, *const c_void) -> c_int;
type Get = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type IsA = unsafe extern "C" fn(*const c_void, *const c_char) -> c_int;
type GetPointer = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;
type GetNumber = unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int;
type SetPointer = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
type SetNumber = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type Init = unsafe extern "C" fn(
    *mut c_void,
    *mut *mut c_void,
    *mut c_void,
    *mut c_void,
    *mut c_void,
) -> c_int;
type Verify =
    unsafe extern "C" fn(*mut c_void, *const c_uchar, usize, *const c_uchar, usize) -> c_int;

macro_rules! libcrypto {
    ($($name:ident: $type:ty = $symbol:literal;)*) => {$(
        // SAFETY: libcrypto's function of that name has this type.
        static $name: Original<$type> = unsafe { Original::new($symbol) };
    )*};
}

libcrypto! {
    NEW: New = c"EVP_MD_CTX_new";
    FREE: Free = c"EVP_MD_CTX_free";
    COPY: Copy = c"EVP_MD_CTX_copy_ex";
    KEY_CONTEXT: Get = c"EVP_MD_CTX_get_pkey_ctx";
    KEY: Get = c"EVP_PKEY_CTX_get0_pkey";
    IS_A: IsA = c"EVP_PKEY_is_a";
    GET_DIGEST: GetPointer = c"EVP_PKEY_CTX_get_signature_md";
    GET_PADDING: GetNumber = c"EVP_PKEY_CTX_get_rsa_padding";
    SET_PADDING: SetNumber = c"EVP_PKEY_CTX_set_rsa_padding";
    GET_MASK_DIGEST: GetPointer = c"EVP_PKEY_CTX_get_rsa_mgf1_md";
    SET_MASK_DIGEST: SetPointer = c"EVP_PKEY_CTX_set_rsa_mgf1_md";
    SET_SALT: SetNumber = c"EVP_PKEY_CTX_set_rsa_pss_saltlen";
    INIT: Init = c"EVP_DigestVerifyInit";
    VERIFY: Verify = c"EVP_DigestVerify";
}

/// `RSA_PKCS1_PSS_PADDING`.
const PSS: c_int = 6;
/// `RSA_PSS_SALTLEN_AUTO`: as long as the signature says.
const SALT_AUTO: c_int = -2;

/// A digest context of our own (`EVP_MD_CTX`).
struct Digest(*mut c_void);

impl Digest {
    fn new() -> Option<Self> {
        // SAFETY: no preconditions.
        let ctx = unsafe { NEW.function()?() };
        (!ctx.is_null()).then_some(Self(ctx))
    }
}

impl Drop for Digest {
    fn drop(&mut self) {
        if let Some(free) = FREE.function() {
            // SAFETY: made by `new`, and nobody else has it.
            unsafe { free(self.0) };
        }
    }
}

/// A context that is about to sign, copied.
pub(crate) struct Signer(Digest);

// SAFETY: a copy of our own; what it shares with the original (the key) counts its users and is
// locked by libcrypto.
unsafe impl Send for Signer {}

impl Signer {
    /// A copy of a context, if what it signs is to be checked and can be.
    ///
    /// # Safety
    /// If anything is to be checked, the context is an `EVP_MD_CTX` that nobody else uses meanwhile.
    pub(crate) unsafe fn copy(ctx: *mut c_void, check: Check) -> Option<Self> {
        if check == Check::None {
            return None;
        }
        let (copy, _) = Errors::of(|| {
            let key = key(key_context(ctx)?)?;
            if check == Check::Rsa && !is_rsa(key) {
                return None;
            }
            let copy = Digest::new()?;
            // SAFETY: two contexts: one of our own, one of the caller's (its contract).
            (unsafe { COPY.function()?(copy.0, ctx) } == 1).then_some(Self(copy))
        });
        copy
    }

    /// Where to sign again.
    pub(crate) fn ctx(&self) -> *mut c_void {
        self.0.0
    }

    /// Is this its signature over `data`? Also true where that cannot be told.
    pub(crate) fn verifies(&self, signature: &[u8], data: &[u8]) -> bool {
        let (result, _) = Errors::of(|| self.verify(signature, data));
        result.is_none_or(|result| result == 1)
    }

    /// As `EVP_DigestVerify`; `None` if that cannot be set up as the signature was.
    fn verify(&self, signature: &[u8], data: &[u8]) -> Option<c_int> {
        let signing = key_context(self.0.0)?;
        let key = key(signing)?;
        let digest = pointer(&GET_DIGEST, signing)?;
        let verifier = Digest::new()?;
        let mut verifying = std::ptr::null_mut();
        let (ctx, place) = (verifier.0, &raw mut verifying);
        let none = std::ptr::null_mut();
        // SAFETY: a context of our own, a place for another that it owns, and a digest and a key
        // that the signing context holds.
        if unsafe { INIT.function()?(ctx, place, digest, none, key) } != 1 {
            return None;
        }
        if is_rsa(key) {
            pad_alike(signing, verifying)?;
        }
        let (start, len) = (signature.as_ptr(), signature.len());
        // SAFETY: a context that is ready, and two pieces of memory with their lengths.
        Some(unsafe { VERIFY.function()?(ctx, start, len, data.as_ptr(), data.len()) })
    }
}

/// Gives the verifying context the padding of the signing one.
fn pad_alike(signing: *mut c_void, verifying: *mut c_void) -> Option<()> {
    let mut padding = 0;
    // SAFETY: a context, and a place for a number.
    if unsafe { GET_PADDING.function()?(signing, &raw mut padding) } <= 0 {
        return None;
    }
    set(&SET_PADDING, verifying, padding)?;
    if padding == PSS {
        set(&SET_SALT, verifying, SALT_AUTO)?;
        let digest = pointer(&GET_MASK_DIGEST, signing)?;
        // SAFETY: a context, and a digest that the signing one holds.
        return (unsafe { SET_MASK_DIGEST.function()?(verifying, digest) } > 0).then_some(());
    }
    Some(())
}

fn set(function: &Original<SetNumber>, ctx: *mut c_void, number: c_int) -> Option<()> {
    // SAFETY: a context of ours, and a number.
    (unsafe { function.function()?(ctx, number) } > 0).then_some(())
}

fn pointer(function: &Original<GetPointer>, ctx: *mut c_void) -> Option<*mut c_void> {
    let mut found = std::ptr::null_mut();
    // SAFETY: a context, and a place for a pointer.
    let result = unsafe { function.function()?(ctx, &raw mut found) };
    (result > 0 && !found.is_null()).then_some(found)
}

/// The key that a digest's context (`EVP_MD_CTX`, not null) is to sign with.
pub(crate) fn key_of(ctx: *mut c_void) -> Option<*mut c_void> {
    key(key_context(ctx)?)
}

fn key_context(ctx: *mut c_void) -> Option<*mut c_void> {
    // SAFETY: a digest context, the caller's or a copy of it.
    let found = unsafe { KEY_CONTEXT.function()?(ctx) };
    (!found.is_null()).then_some(found)
}

fn key(key_context: *mut c_void) -> Option<*mut c_void> {
    // SAFETY: a context that a digest context holds.
    let found = unsafe { KEY.function()?(key_context) };
    (!found.is_null()).then_some(found)
}

fn is_rsa(key: *mut c_void) -> bool {
    let is_a = |name: &CStr| {
        // SAFETY: a key, and a terminated name.
        IS_A.function().is_some_and(|is_a| unsafe { is_a(key, name.as_ptr()) } == 1)
    };
    is_a(c"RSA") || is_a(c"RSA-PSS")
}
