//! Whose `TLS13-KDF` it is that a context works with, and whose `HMAC` a fetch gives.
//!
//! Known is one method: that of the default provider in the default library context. A share is held in
//! it for the life of the process, so its address is never another's. It is looked at again, and the hash
//! function with it, every [`LOOK`] derivations.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use super::sha2::Sha2;
use crate::api::lanes::{self, libcrypto};
use crate::api::methods;
use crate::errors::Errors;
use crate::original::Original;

type Fetch = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
type Share = unsafe extern "C" fn(*mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);
type OfContext = unsafe extern "C" fn(*mut c_void) -> *const c_void;
type Provider = unsafe extern "C" fn(*const c_void) -> *const c_void;
libcrypto! {
    METHOD: OfContext = c"EVP_KDF_CTX_kdf";
    FETCH: Fetch = c"EVP_KDF_fetch";
    SHARE: Share = c"EVP_KDF_up_ref";
    FREE: Free = c"EVP_KDF_free";
    PROVIDER: Provider = c"EVP_KDF_get0_provider";
    FETCH_HASH: Fetch = c"EVP_MD_fetch";
    FREE_HASH: Free = c"EVP_MD_free";
    HASH_PROVIDER: Provider = c"EVP_MD_get0_provider";
    FETCH_MAC: Fetch = c"EVP_MAC_fetch";
    FREE_MAC: Free = c"EVP_MAC_free";
    MAC_PROVIDER: Provider = c"EVP_MAC_get0_provider";
}

/// `OSSL_KDF_NAME_TLS1_3_KDF`.
pub(super) const NAME: &CStr = c"TLS13-KDF";

/// `OSSL_MAC_NAME_HMAC`.
pub(super) const HMAC: &CStr = c"HMAC";

/// One derivation, or MAC, of so many is looked at.
const LOOK: u32 = 256;

/// May a derivation be computed here?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// libcrypto's own provider would do it.
    Own,
    /// As far as is known so, but it is time to look.
    InDoubt,
    /// No.
    Foreign,
}

static OWN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// [`methods::changes`], when it was found.
static SINCE: AtomicU32 = AtomicU32::new(0);
static DISTRUSTED: AtomicBool = AtomicBool::new(false);

/// Of a derivation by `ctx` over a hash function.
pub(super) fn standing(ctx: *mut c_void, hash: Sha2) -> Standing {
    static DERIVATIONS: Calls = Calls::new();
    let standing = DERIVATIONS.next(hash);
    let Some(method) = METHOD.function().filter(|_| standing != Standing::Foreign) else {
        return Standing::Foreign;
    };
    // SAFETY: the caller's context.
    let method = unsafe { method(ctx) };
    let is_own = std::ptr::eq(method, OWN.load(Ordering::Acquire));
    if is_own { standing } else { Standing::Foreign }
}

/// Of a MAC over a hash function, by the method that a fetch gives.
pub(super) fn standing_of_mac(hash: Sha2) -> Standing {
    static MACS: Calls = Calls::new();
    MACS.next(hash)
}

/// How often something was done, over each hash function.
struct Calls([(AtomicU32, AtomicBool); 2]);

impl Calls {
    const fn new() -> Self {
        Self([const { (AtomicU32::new(0), AtomicBool::new(false)) }; 2])
    }

    /// It is to be done once more.
    fn next(&self, hash: Sha2) -> Standing {
        if !is_trusted() {
            return Standing::Foreign;
        }
        let [sha256, sha384] = &self.0;
        let (calls, is_seen) = if hash == Sha2::Sha256 { sha256 } else { sha384 };
        if !calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK) {
            // Another thread may be at its first look.
            let is_seen = is_seen.load(Ordering::Acquire);
            return if is_seen { Standing::Own } else { Standing::Foreign };
        }
        if Errors::of(|| look(hash)).0 {
            is_seen.store(true, Ordering::Release);
            return Standing::InDoubt;
        }
        distrust();
        Standing::Foreign
    }
}

/// A share in the method that is known, as a fetch would give it.
pub(super) fn share() -> Option<*mut c_void> {
    let own = OWN.load(Ordering::Acquire);
    if own.is_null() || !is_trusted() {
        return None;
    }
    // SAFETY: a method in which we have a share for ever.
    (unsafe { SHARE.function()?(own) } == 1).then_some(own)
}

/// Is what was learnt of libcrypto's methods still so, as far as is known?
fn is_trusted() -> bool {
    let is_found = !OWN.load(Ordering::Acquire).is_null();
    let has_changed = is_found && SINCE.load(Ordering::Relaxed) != methods::changes();
    !has_changed && !DISTRUSTED.load(Ordering::Relaxed)
}

/// From now on libcrypto does it all. True the first time.
pub(super) fn distrust() -> bool {
    !DISTRUSTED.swap(true, Ordering::Relaxed)
}

/// Are the methods that libcrypto gives now its default provider's, and the same as before?
#[cold]
fn look(hash: Sha2) -> bool {
    let since = methods::changes();
    let Some(digest) = fetched(&FETCH_HASH, &HASH_PROVIDER, hash.name()) else { return false };
    release(&FREE_HASH, digest);
    let Some(mac) = fetched(&FETCH_MAC, &MAC_PROVIDER, HMAC) else { return false };
    release(&FREE_MAC, mac);
    let Some(method) = fetched(&FETCH, &PROVIDER, NAME) else { return false };
    let none = std::ptr::null_mut();
    if OWN.load(Ordering::Acquire).is_null() {
        SINCE.store(since, Ordering::Relaxed);
    }
    match OWN.compare_exchange(none, method, Ordering::AcqRel, Ordering::Acquire) {
        // The share is kept.
        Ok(_) => true,
        Err(known) => {
            release(&FREE, method);
            known == method
        }
    }
}

/// A method as the default library context gives it, if it is the default provider's.
fn fetched(
    fetch: &Original<Fetch>,
    provider: &Original<Provider>,
    name: &CStr,
) -> Option<*mut c_void> {
    let none = std::ptr::null_mut();
    // SAFETY: the default library context, a terminated name, and no properties.
    let method = unsafe { fetch.function()?(none, name.as_ptr(), std::ptr::null()) };
    (!method.is_null() && lanes::is_with_own(provider, method)).then_some(method)
}

fn release(free: &Original<Free>, method: *mut c_void) {
    if let Some(free) = free.function() {
        // SAFETY: a share of our own in a method.
        unsafe { free(method) };
    }
}
