//! What the library says about each lane: four bits a lane.

use crate::Fault;

/// Outcome of one call, as the library returns it (its `status.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Status(u32);

const LOW_ORDER: u32 = 4;
const SIGNATURE: u32 = 8;

impl Status {
    /// Every lane refused: what a build without the library answers.
    #[cfg_attr(crypto_mb, allow(dead_code))]
    pub(crate) const REFUSED: Self = Self(u32::MAX);

    /// That lane's outcome. Bits of several reasons may be set at a time.
    pub(crate) fn of(self, lane: usize) -> Result<(), Fault> {
        match self.0 >> (lane * 4) & 0xf {
            0 => Ok(()),
            LOW_ORDER => Err(Fault::LowOrder),
            SIGNATURE => Err(Fault::Again),
            _ => Err(Fault::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_four_bits() {
        let status = Status(0x8000_0140);
        let expected = [Ok(()), Err(Fault::LowOrder), Err(Fault::Refused), Ok(())];
        assert_eq!([0, 1, 2, 3].map(|lane| status.of(lane)), expected);
        assert_eq!(status.of(7), Err(Fault::Again));
        assert_eq!(Status::REFUSED.of(7), Err(Fault::Refused));
    }
}
