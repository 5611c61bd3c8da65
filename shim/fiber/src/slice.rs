//! A slice: the bytes of a suspended coroutine's stack, and the stack pointer to go on from.

use crate::arch::{self, Line};

/// The saved part of a stack, from its stack pointer to the base. Its buffer is kept when it is
/// used again.
#[derive(Debug, Default)]
pub struct Slice {
    lines: Vec<Line>,
    len: usize,
    sp: usize,
}

impl Slice {
    /// An empty slice; no memory is taken before it is first filled.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), len: 0, sp: 0 }
    }

    /// Bytes saved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len * size_of::<Line>()
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

    /// Saves the bytes from `sp` up to `base`, in whole lines: some bytes below `sp`, which nobody
    /// uses, come along.
    ///
    /// # Safety
    /// They are a suspended stack's: readable, and nobody runs on them; `base` is aligned to a line.
    pub(crate) unsafe fn save(&mut self, sp: usize, base: usize) {
        let first = line_of(sp);
        let len = base.saturating_sub(first) / size_of::<Line>();
        if self.lines.len() < len {
            self.lines.resize(len, Line::ZERO);
        }
        let from = std::ptr::with_exposed_provenance::<Line>(first);
        // SAFETY: the buffer holds `len` lines; the caller vouches for the source.
        unsafe { arch::copy_lines(from, self.lines.as_mut_ptr(), len) };
        self.len = len;
        self.sp = sp;
    }

    /// Lays the bytes back where they came from.
    ///
    /// # Safety
    /// The stack that they came from still exists and nobody runs on it.
    pub(crate) unsafe fn lay_back(&self) {
        let to = std::ptr::with_exposed_provenance_mut::<Line>(line_of(self.sp));
        // SAFETY: the buffer holds `len` lines; the caller vouches for the target.
        unsafe { arch::copy_lines(self.lines.as_ptr(), to, self.len) };
    }
}

/// The line that an address lies in.
fn line_of(address: usize) -> usize {
    address & !(size_of::<Line>() - 1)
}
