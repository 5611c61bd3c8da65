//! Which of zlib's levels are done by what: the outcome of `interlude calibrate compress` (docs/compression.md),
//! by which each choice is the fastest that its policy allows. A test of the command's fails where one puts
//! out more than that.

use std::ffi::c_int;

/// What compresses, at a level of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressor {
    /// zlib, at the level that the application has asked for.
    Zlib,
    /// ISA-L, level 0 to 3.
    Isal(u8),
    /// libdeflate, level 1 to 12: whole buffers only.
    Libdeflate(u8),
}

impl Compressor {
    const ZLIB: u8 = 0xff;
    const LIBDEFLATE: u8 = 0x10;

    /// As a number, for the shadow.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Zlib => Self::ZLIB,
            Self::Isal(level) => level,
            Self::Libdeflate(level) => Self::LIBDEFLATE + level,
        }
    }

    /// What [`Self::code`] has made a number of.
    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            Self::ZLIB => Self::Zlib,
            Self::LIBDEFLATE.. => Self::Libdeflate(code - Self::LIBDEFLATE),
            level => Self::Isal(level),
        }
    }
}

/// What compresses at one of zlib's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Streams that come in pieces; never libdeflate.
    pub pieces: Compressor,
    /// Those of which the first call brings everything.
    pub whole: Compressor,
}

/// What the output may cost in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// No larger than zlib's at the same level, but for 1 % in the mean of what the calibration compresses,
    /// and 2 % on each kind.
    #[default]
    NeverBigger,
    /// At most 15 % larger, in the mean of the kinds that compress.
    Balanced,
    /// Whatever is fastest.
    Fastest,
}

impl Policy {
    /// What does one of zlib's levels.
    #[must_use]
    pub fn choose(self, level: c_int) -> Choice {
        use Compressor::{Isal, Libdeflate, Zlib};
        let (pieces, whole) = match (self, level) {
            (_, ..=0) => (Zlib, Zlib),
            (Self::NeverBigger, 1) => (Isal(1), Isal(1)),
            (Self::NeverBigger, 2) => (Isal(3), Isal(3)),
            (Self::NeverBigger, 3) => (Zlib, Libdeflate(2)),
            (Self::NeverBigger, 4) => (Zlib, Libdeflate(3)),
            (Self::NeverBigger, 5) => (Zlib, Libdeflate(5)),
            (Self::NeverBigger, 6) => (Zlib, Libdeflate(6)),
            (Self::NeverBigger, _) => (Zlib, Libdeflate(7)),
            (Self::Balanced, 1..=6) => (Isal(1), Isal(1)),
            (Self::Balanced, 7) => (Isal(2), Isal(1)),
            (Self::Balanced, _) => (Isal(3), Isal(1)),
            (Self::Fastest, _) => (Isal(0), Isal(0)),
        };
        Choice { pieces, whole }
    }

    /// What does a call of libdeflate's at one of its levels; `None`: the real library. Its levels 10 to 12 look for
    /// the smallest output there is, and take what time they need.
    #[must_use]
    pub fn choose_for_buffer(self, level: u8) -> Option<Compressor> {
        use Compressor::{Isal, Libdeflate};
        Some(match (self, level) {
            (_, 0 | 10..) => return None,
            (Self::NeverBigger, level) => Libdeflate(level),
            (Self::Balanced, 1..=6) => Isal(1),
            (Self::Balanced, 7) => Isal(3),
            (Self::Balanced, level) => Libdeflate(level),
            (Self::Fastest, _) => Isal(0),
        })
    }
}
