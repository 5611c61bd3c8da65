//! Whatever depends on the architecture: copying stacks, floating-point control words, finding a
//! thread's own block.
//!
//! A port adds a file with the same items and one line here. corosensei has its own.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{
    FloatWords, Line, block_of_thread, copy_lines, load_float_words, save_float_words,
    stack_pointer,
};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("this architecture is not supported: see shim/fiber/src/arch/mod.rs");
