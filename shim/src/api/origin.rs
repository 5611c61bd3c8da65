//! Whose code or constant it is: in which file an address lies.
//!
//! Followed: `dladdr(3)`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Addresses that are known to lie in one file, which is told by a function of it.
pub(crate) struct Known<const N: usize>([AtomicUsize; N]);

impl<const N: usize> Known<N> {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicUsize::new(0) }; N])
    }

    /// Does `address` lie in the file in which `function` lies? Where it does, that is remembered, for `N`
    /// addresses; for more it is looked up each time.
    pub(crate) fn has(&self, address: *const c_void, function: Option<*const c_void>) -> bool {
        let address_of = |slot: &AtomicUsize| slot.load(Ordering::Relaxed);
        if self.0.iter().any(|slot| address_of(slot) == address.addr()) {
            return !address.is_null();
        }
        let home = function.and_then(file);
        let is = home.is_some() && file(address) == home;
        if is && let Some(slot) = self.0.iter().find(|slot| address_of(slot) == 0) {
            slot.store(address.addr(), Ordering::Relaxed);
        }
        is
    }
}

/// Where the file begins in memory that an address belongs to.
fn file(address: *const c_void) -> Option<usize> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; the place is valid.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: zeroed is a valid value, and `dladdr` may have filled it.
    let info = unsafe { info.assume_init() };
    found.then(|| info.dli_fbase.addr())
}
