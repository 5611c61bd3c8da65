//! Whatever depends on the architecture: copying stacks, floating-point control words.
//!
//! A port adds a file with the same four items and one line here. corosensei has its own.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{FloatWords, copy_words, load_float_words, save_float_words};

#[cfg(not(target_arch = "x86_64"))]
compile_error!("this architecture is not supported: see shim/fiber/src/arch/mod.rs");
