//! Whether the vector unit can be used: here, in this build.

use std::fmt;
use std::sync::OnceLock;

use crate::ffi;

/// Why it cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `libcrypto_mb.a` was not there when this was built.
    NotBuilt,
    /// The processor, or the system on it, lacks this set of instructions.
    Processor(&'static str),
}

impl fmt::Display for Missing {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => {
                let reason = option_env!("INTERLUDE_NO_CRYPTO_MB").unwrap_or("no reason known");
                write!(to, "the engine simd was not built in: {reason}")
            }
            Self::Processor(lacks) => {
                write!(to, "the engine simd needs AVX-512 IFMA: this processor has no {lacks}")
            }
        }
    }
}

impl std::error::Error for Missing {}

/// Says whether it can be used; asks the processor once.
///
/// # Errors
/// Why it cannot.
pub fn availability() -> Result<(), Missing> {
    static KNOWN: OnceLock<Result<(), Missing>> = OnceLock::new();
    if !ffi::LINKED {
        return Err(Missing::NotBuilt);
    }
    *KNOWN.get_or_init(processor)
}

/// What the code for eight lanes uses. The library has code for four lanes of AVX-IFMA, too, for
/// processors without AVX-512; nothing here was tried with that.
#[cfg(target_arch = "x86_64")]
fn processor() -> Result<(), Missing> {
    let sets = [
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
        ("avx512vbmi2", is_x86_feature_detected!("avx512vbmi2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
    ];
    match sets.into_iter().find(|(_, there)| !there) {
        Some((name, _)) => Err(Missing::Processor(name)),
        None if !ffi::is_applicable() => Err(Missing::Processor("what libcrypto_mb asks for")),
        None => Ok(()),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> Result<(), Missing> {
    Err(Missing::Processor("AVX-512"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_one_line() {
        for missing in [Missing::NotBuilt, Missing::Processor("avx512ifma")] {
            let line = missing.to_string();
            assert!(!line.contains('\n') && line.contains("simd"), "{line}");
        }
    }
}
