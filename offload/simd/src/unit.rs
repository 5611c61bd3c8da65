//! The vector unit, as one thread uses it: proof that it is there, and scratch memory.

use crate::ffi;
use crate::wipe::{WipedBox, wipe};
use crate::{Missing, availability};

/// Bytes of stack that any call of this crate takes at most, with what it calls. Callers that run on
/// small stacks of their own must see to it that this much is left.
///
/// What `libcrypto_mb` keeps on the stack while it computes is not wiped: frames of up to this depth
/// below the caller may hold parts of keys until something else overwrites them.
pub const STACK_NEEDED: usize = 160 << 10;

/// Largest modulus, in bits.
const LARGEST: i32 = 4096;

/// The vector unit. It can be sent to another thread, but used by one at a time.
pub struct Unit {
    scratch: WipedBox,
}

impl Unit {
    /// Makes sure that it is there, and sets scratch memory aside: 190 KB, the only allocation.
    ///
    /// # Errors
    /// Why it is not.
    pub fn open() -> Result<Self, Missing> {
        availability()?;
        Ok(Self { scratch: WipedBox::zeros(ffi::rsa_scratch(LARGEST).div_ceil(8)) })
    }

    /// Scratch memory for one size of RSA; wiped when given back.
    pub(crate) fn scratch(&mut self, bytes: usize) -> Scratch<'_> {
        let limbs = bytes.div_ceil(8).min(self.scratch.len());
        Scratch(self.scratch.get_mut(..limbs).unwrap_or_default())
    }
}

/// Scratch memory in use.
pub(crate) struct Scratch<'a>(&'a mut [u64]);

impl Scratch<'_> {
    /// Where it begins.
    pub(crate) fn pointer(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    /// How much there is, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() * 8
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        wipe(self.0);
    }
}
