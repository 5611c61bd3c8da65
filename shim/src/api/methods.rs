//! Calls that may change which methods libcrypto has or gives: providers, default properties, a
//! configuration, a thread's library context. Servers make them before they serve anybody. What was learnt
//! of libcrypto before one of them is not relied on after it.
//!
//! Not seen: a configuration that libcrypto loads by itself (`OPENSSL_init_crypto`), which happens before
//! anything else does.
//!
//! Followed: `provider(7)`, `OSSL_LIB_CTX(3)`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::api::lanes::libcrypto;
use crate::bypass::Bypass;
use crate::hook::{Call, Outcome};
use crate::original::Original;

type Default = unsafe extern "C" fn() -> *mut c_void;
libcrypto! {
    GLOBAL_DEFAULT: Default = c"OSSL_LIB_CTX_get0_global_default";
}

static CHANGES: AtomicU32 = AtomicU32::new(0);

/// A number that is another after each change.
pub(crate) fn changes() -> u32 {
    CHANGES.load(Ordering::Acquire)
}

/// Is it the library context that all threads have which were given none? Null stands for it, or for
/// whatever the thread has.
pub(crate) fn is_global_default(library: *mut c_void) -> bool {
    // SAFETY: no preconditions.
    library.is_null() || GLOBAL_DEFAULT.function().is_some_and(|get| unsafe { get() } == library)
}

fn change<T>() -> Outcome<T> {
    CHANGES.fetch_add(1, Ordering::AcqRel);
    Outcome::PassThrough(Bypass::Observed)
}

/// `OSSL_LIB_CTX_set0_default`. Where a thread is given a library context of its own, there are several
/// defaults from now on. (libssl itself sets the one that there is.)
pub(crate) fn set_default<F, T>(_: &Call<F>, library: *mut c_void) -> Outcome<T> {
    if is_global_default(library) { Outcome::PassThrough(Bypass::Observed) } else { change() }
}

pub(crate) fn change1<F, A, T>(_: &Call<F>, _: A) -> Outcome<T> {
    change()
}

pub(crate) fn change2<F, A, B, T>(_: &Call<F>, _: A, _: B) -> Outcome<T> {
    change()
}

pub(crate) fn change3<F, A, B, C, T>(_: &Call<F>, _: A, _: B, _: C) -> Outcome<T> {
    change()
}

pub(crate) fn change4<F, A, B, C, D, T>(_: &Call<F>, _: A, _: B, _: C, _: D) -> Outcome<T> {
    change()
}
