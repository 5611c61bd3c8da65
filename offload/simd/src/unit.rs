//! The vector unit, as one thread uses it: proof that it is there, and scratch memory.

use crate::ffi;
use crate::wipe::{REACH, WipedBox, wipe};
use crate::{Missing, availability};

/// Bytes of stack that any call of this crate takes at most, with what it calls; but not what the
/// caller's source of random numbers takes. 42 KiB were seen (RSA), 59 in a build that is not
/// optimized: 32 of them are below all frames, and only wiped.
///
/// What the library leaves on the stack is wiped after each pass, as deep as it was seen to go.
pub const STACK_NEEDED: usize = 3 * REACH;

/// Largest modulus, in bits.
const LARGEST: usize = 4096;

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
        let methods = [ffi::rsa_private(LARGEST).1, ffi::rsa_public(LARGEST).1];
        let bytes = methods.into_iter().fold(ffi::power_scratch(LARGEST), usize::max);
        Ok(Self { scratch: WipedBox::zeros(bytes.div_ceil(8)) })
    }

    /// So much scratch memory, wiped when given back. There is as much as any call asks for.
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
