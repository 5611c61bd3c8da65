//! Memory that held secrets is overwritten before it is given back.

use std::ops::{Deref, DerefMut};

/// Numbers without padding, of which all bits zero is a value.
pub(crate) trait Plain: Copy {
    const ZERO: Self;
}

impl Plain for u8 {
    const ZERO: Self = 0;
}

impl Plain for u64 {
    const ZERO: Self = 0;
}

/// Overwrites with zeros, and the compiler cannot leave it out.
pub fn wipe_bytes(memory: &mut [u8]) {
    wipe(memory);
}

/// As [`wipe_bytes`].
pub(crate) fn wipe<T: Plain>(memory: &mut [T]) {
    memory.fill(T::ZERO);
    keep(memory);
}

/// As deep into the stack as the library goes, by what was measured (`tests/simd/memory.rs`), with
/// some to spare.
pub(crate) const REACH: usize = 32 << 10;

/// Overwrites the stack below the caller's frame, where the library's frames were.
#[inline(never)]
pub(crate) fn wipe_stack() {
    let mut below = [0u8; REACH];
    keep(&mut below);
}

/// Makes sure that memory has been written at this point.
fn keep<T>(memory: &mut [T]) {
    // SAFETY: no instruction. As far as the compiler knows it reads all memory that the pointer
    // leads to.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) memory.as_mut_ptr(), options(nostack, preserves_flags));
    }
}

/// An array that is wiped when it goes. It is not to be moved once it holds a secret: a move
/// copies.
pub(crate) struct Wiped<T: Plain, const N: usize>([T; N]);

impl<T: Plain, const N: usize> Wiped<T, N> {
    pub(crate) const fn zeros() -> Self {
        Self([T::ZERO; N])
    }
}

impl<T: Plain, const N: usize> Deref for Wiped<T, N> {
    type Target = [T; N];

    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

impl<T: Plain, const N: usize> DerefMut for Wiped<T, N> {
    fn deref_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

impl<T: Plain, const N: usize> Drop for Wiped<T, N> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Secret bytes of a caller's, wiped when they go. Moved, they leave a copy behind: keep them in a box.
pub struct Secret<const N: usize>(Wiped<u8, N>);

impl<const N: usize> Secret<N> {
    /// None yet.
    #[must_use]
    pub const fn zeros() -> Self {
        Self(Wiped::zeros())
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Secret<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

/// Numbers on the heap, wiped when they go: those of a key.
pub(crate) struct WipedBox(Box<[u64]>);

impl WipedBox {
    pub(crate) fn zeros(length: usize) -> Self {
        Self(vec![0; length].into_boxed_slice())
    }
}

impl Deref for WipedBox {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.0
    }
}

impl DerefMut for WipedBox {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.0
    }
}

impl Drop for WipedBox {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::ManuallyDrop;

    #[test]
    fn nothing_is_left_of_what_was_dropped() {
        let mut secret = ManuallyDrop::new(Wiped::<u64, 4>::zeros());
        secret.fill(7);
        // SAFETY: dropped once; what is looked at afterwards has no destructor of its own.
        unsafe { ManuallyDrop::drop(&mut secret) };
        assert_eq!(secret.0, [0; 4]);
    }
}
