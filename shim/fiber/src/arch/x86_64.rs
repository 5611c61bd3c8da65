//! x86-64.
//!
//! Stacks are copied by instructions of our own, opaque to the compiler and to a sanitizer, which
//! is what a copy of somebody else's live stack has to be, in whole cache lines, aligned on both
//! sides. AVX moves a slice of 3 KiB in two thirds of the time of `rep movsq`, which takes long to
//! begin (`interlude bench switch`, Zen 4).
//!
//! ```text
//! FloatWords   mxcsr   SSE control and status: rounding, masks, sticky exception flags
//!              fcw     x87 control word: precision, rounding, masks
//! ```

use std::arch::{asm, global_asm};

/// The floating-point control state that a coroutine may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FloatWords {
    mxcsr: u32,
    fcw: u16,
}

/// What is copied at once: a cache line, aligned as one.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u64; 8]);

impl Line {
    /// A line of zeros.
    pub(crate) const ZERO: Self = Self([0; 8]);
}

// Thread-local, and of the initial-exec model: it lies at a fixed distance from the thread pointer,
// known when the library is loaded. `thread_local!` in a library asks `__tls_get_addr` each time,
// which takes longer than all the rest of a hook that only observes; the compiler's switch for it
// (`-Z tls-model`) is unstable. A library that is preloaded has room there always; one that is
// opened later gets what glibc keeps in reserve (1664 bytes).
global_asm!(
    ".pushsection .tbss.interlude_block_of_thread,\"awT\",@nobits",
    ".balign 64",
    ".hidden interlude_block_of_thread",
    ".globl interlude_block_of_thread",
    ".type interlude_block_of_thread, @tls_object",
    ".size interlude_block_of_thread, {size}",
    "interlude_block_of_thread:",
    ".zero {size}",
    ".popsection",
    size = const crate::block::SIZE,
);

/// The first byte of this thread's block.
#[inline(always)]
pub(crate) fn block_of_thread() -> *mut u8 {
    let block: *mut u8;
    // SAFETY: reads two words that do not change as long as the thread lives: its pointer to
    // itself, and the distance that the dynamic linker wrote.
    unsafe {
        asm!(
            "mov {block}, qword ptr fs:[0]",
            "add {block}, qword ptr [rip + interlude_block_of_thread@GOTTPOFF]",
            block = out(reg) block,
            options(pure, nomem, nostack),
        );
    }
    block
}

/// Where the calling frame's part of the stack ends.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe {
        asm!(
            "mov {pointer}, rsp",
            pointer = out(reg) pointer,
            options(nomem, nostack, preserves_flags),
        );
    }
    pointer
}

/// Slices up to this many lines (32 KiB) are copied with AVX; beyond it `rep movsq` is as good.
const AVX_LINES: usize = 512;

/// Copies `lines` lines from `from` to `to`, both aligned to a line.
///
/// # Safety
/// Both ranges are readable, or writable, for that many lines, do not overlap, and nothing that
/// the compiler believes to own lies in `to`.
#[inline]
pub(crate) unsafe fn copy_lines(from: *const Line, to: *mut Line, lines: usize) {
    if lines < AVX_LINES && std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the caller's contract, and the processor has AVX.
        unsafe { copy_avx(from, to, lines) };
    } else {
        // SAFETY: the caller's contract.
        unsafe { copy_string(from, to, lines) };
    }
}

/// # Safety
/// As [`copy_lines`].
#[inline]
unsafe fn copy_string(from: *const Line, to: *mut Line, lines: usize) {
    // SAFETY: the caller's contract; the direction flag is clear by the ABI.
    unsafe {
        asm!(
            "rep movsq",
            inout("rcx") lines * 8 => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// As [`copy_lines`], on a processor with AVX.
#[inline]
unsafe fn copy_avx(from: *const Line, to: *mut Line, lines: usize) {
    // Counted up from minus the total, so that one register is index and condition.
    // SAFETY: the caller's contract. The upper halves of the registers are nobody's at a call.
    unsafe {
        asm!(
            "shl {n}, 6",
            "jz 3f",
            "add {from}, {n}",
            "add {to}, {n}",
            "neg {n}",
            "2:",
            "vmovdqa ymm0, [{from} + {n}]",
            "vmovdqa ymm1, [{from} + {n} + 32]",
            "vmovdqa [{to} + {n}], ymm0",
            "vmovdqa [{to} + {n} + 32], ymm1",
            "add {n}, 64",
            "jnz 2b",
            "vzeroupper",
            "3:",
            n = inout(reg) lines => _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            // `vzeroupper` clears the upper halves of all of them.
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nostack),
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
    fn copies_whole_lines_and_nothing_else() {
        for lines in [0, 1, 2, 7, 100, AVX_LINES - 1, AVX_LINES, AVX_LINES + 3] {
            let from: Vec<Line> = (1..=lines as u64).map(|i| Line([i; 8])).collect();
            for copy in [copy_lines, copy_string] {
                let mut to = vec![Line::ZERO; lines + 1];
                // SAFETY: both vectors hold at least `lines` lines and are distinct.
                unsafe { copy(from.as_ptr(), to.as_mut_ptr(), lines) };
                assert!(to.iter().zip(&from).all(|(a, b)| a.0 == b.0));
                assert_eq!(to[lines].0, [0; 8]);
            }
        }
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
