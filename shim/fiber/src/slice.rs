//! A slice: the bytes of a suspended coroutine's stack, and the stack pointer to go on from.

use crate::arch;

/// The saved part of a stack, from its stack pointer to the base. Its buffer is kept when it is
/// used again.
#[derive(Debug, Default)]
pub struct Slice {
    words: Vec<u64>,
    len: usize,
    sp: usize,
}

impl Slice {
    /// An empty slice; no memory is taken before it is first filled.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: Vec::new(), len: 0, sp: 0 }
    }

    /// Bytes saved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len * 8
    }

    /// Has nothing been saved?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The stack pointer that the slice was taken at.
    #[must_use]
    pub fn sp(&self) -> usize {
        self.sp
    }

    /// Saves the bytes from `sp` up to `base`.
    ///
    /// # Safety
    /// They are a suspended stack's: readable, and nobody runs on them.
    pub(crate) unsafe fn save(&mut self, sp: usize, base: usize) {
        let len = base.saturating_sub(sp) / 8;
        if self.words.len() < len {
            self.words.resize(len, 0);
        }
        let from = std::ptr::with_exposed_provenance::<u64>(sp);
        // SAFETY: the buffer holds `len` words; the caller vouches for the source.
        unsafe { arch::copy_words(from, self.words.as_mut_ptr(), len) };
        self.len = len;
        self.sp = sp;
    }

    /// Lays the bytes back where they came from.
    ///
    /// # Safety
    /// The stack that they came from still exists and nobody runs on it.
    pub(crate) unsafe fn lay_back(&self) {
        let to = std::ptr::with_exposed_provenance_mut::<u64>(self.sp);
        // SAFETY: the buffer holds `len` words; the caller vouches for the target.
        unsafe { arch::copy_words(self.words.as_ptr(), to, self.len) };
    }
}
