//! Which of zlib's levels are done by what.
//!
//! First choices, from single pages of HTML, not yet from a calibration over a corpus. With
//! [`Policy::NeverBigger`] zlib keeps its levels 4 to 9: ISA-L has nothing as small.

use std::ffi::c_int;

/// What the output may cost in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Meant to be no larger than zlib's at the same level, but for 1 %.
    #[default]
    NeverBigger,
    /// Meant to be at most 15 % larger.
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
