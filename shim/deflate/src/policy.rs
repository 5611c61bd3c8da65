//! Which of zlib's levels are done by what.
//!
//! The choices stand in docs/compression.md with the measurements that they come from; a test keeps
//! them true (`tests/sizes.rs`).

use std::ffi::c_int;

/// What the output may cost in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// No larger than zlib's at the same level, but for 1 % on single kinds of data.
    #[default]
    NeverBigger,
    /// At most 15 % larger.
    Balanced,
    /// Whatever is fastest.
    Fastest,
}

impl Policy {
    /// ISA-L's level for one of zlib's; `None`: zlib itself.
    #[must_use]
    pub fn choose(self, level: c_int) -> Option<u8> {
        match (self, level) {
            (_, ..=0) => None,
            (Self::NeverBigger, 1) => Some(1),
            (Self::NeverBigger, 2) => Some(2),
            (Self::NeverBigger, 3) => Some(3),
            (Self::NeverBigger, _) => None,
            (Self::Balanced, 1) => Some(1),
            (Self::Balanced, 2) => Some(2),
            (Self::Balanced, _) => Some(3),
            (Self::Fastest, _) => Some(1),
        }
    }
}
