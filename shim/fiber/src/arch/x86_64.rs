//! x86-64.
//!
//! Stacks are copied with `rep movsq`: the processors that this targets move 32 bytes a cycle with
//! it and need about 30 cycles to begin, and to the compiler (and to a sanitizer) it is opaque,
//! which is what a copy of somebody else's live stack has to be.
//!
//! ```text
//! FloatWords   mxcsr   SSE control and status: rounding, masks, sticky exception flags
//!              fcw     x87 control word: precision, rounding, masks
//! ```

use std::arch::asm;

/// The floating-point control state that a coroutine may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FloatWords {
    mxcsr: u32,
    fcw: u16,
}

/// Copies `words` 8-byte words from `from` to `to`.
///
/// # Safety
/// Both ranges are readable, or writable, for `8 * words` bytes, do not overlap, and nothing that
/// the compiler believes to own lies in `to`.
#[inline]
pub(crate) unsafe fn copy_words(from: *const u64, to: *mut u64, words: usize) {
    // SAFETY: the caller's contract; the direction flag is clear by the ABI.
    unsafe {
        asm!(
            "rep movsq",
            inout("rcx") words => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Reads the control words.
#[inline]
pub(crate) fn save_float_words() -> FloatWords {
    let mut words = FloatWords { mxcsr: 0, fcw: 0 };
    // SAFETY: both instructions store to the given address only, which is ours.
    unsafe {
        asm!(
            "stmxcsr [{mxcsr}]",
            "fnstcw [{fcw}]",
            mxcsr = in(reg) &raw mut words.mxcsr,
            fcw = in(reg) &raw mut words.fcw,
            options(nostack, preserves_flags),
        );
    }
    words
}

/// Sets the control words.
#[inline]
pub(crate) fn load_float_words(words: FloatWords) {
    // SAFETY: the words were read by `save_float_words`, so no reserved bit is set; both
    // instructions read the given address only.
    unsafe {
        asm!(
            "ldmxcsr [{mxcsr}]",
            "fldcw [{fcw}]",
            mxcsr = in(reg) &raw const words.mxcsr,
            fcw = in(reg) &raw const words.fcw,
            options(nostack, preserves_flags, readonly),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_whole_words() {
        let from: Vec<u64> = (0..100).collect();
        let mut to = vec![0u64; 101];
        // SAFETY: both vectors hold at least 100 words and are distinct.
        unsafe { copy_words(from.as_ptr(), to.as_mut_ptr(), 100) };
        assert_eq!(to[..100], from[..]);
        assert_eq!(to[100], 0);
    }

    #[test]
    fn float_words_are_read_back_as_set() {
        let before = save_float_words();
        let upward = FloatWords { mxcsr: before.mxcsr | 0x4000, fcw: before.fcw | 0x0800 };
        load_float_words(upward);
        let seen = save_float_words();
        load_float_words(before);
        assert_eq!(seen, upward);
    }
}
