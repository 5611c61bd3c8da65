//! A generator of numbers that are the same in every run, for content and for load patterns.

/// SplitMix64 (Steele, Lea, Flood, 2014): one word of state, good enough spread, no dependency on
/// the version of a crate, so that the site's bytes never change.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// A generator; the same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "endless: an Option would only be in the way")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // The remainder is below `limit`, so it fits.
        (self.next() % limit as u64) as usize
    }
}
