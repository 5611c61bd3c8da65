//! Which level libdeflate's compressors have: nothing in `libdeflate.h` says so once they are made.
//!
//! A fixed table of (address, level), without locks. A compressor is noted when it is made and struck out when
//! it is freed, in between nobody writes its entry; so an entry's level is right for as long as the compressor may be used.
//! One that finds no place, or was made by another call than `libdeflate_alloc_compressor`, has no level here.
//!
//! Must not: allocate; know a level that it was not told.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

/// Compressors that are known at a time, at most.
const PLACES: usize = 4096;
/// Places where one may be.
const WINDOW: usize = 16;

pub(crate) struct Levels([AtomicU64; PLACES]);

/// Those of this process.
pub(crate) static LEVELS: Levels = Levels::new();

impl Levels {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; PLACES])
    }

    /// A compressor was made.
    pub(crate) fn made(&self, compressor: usize, level: c_int) {
        // What was freed without our knowledge may have had the address.
        self.freed(compressor);
        let Ok(level) = u8::try_from(level) else { return };
        let entry = address(compressor) | u64::from(level);
        for place in self.places(compressor) {
            if place.compare_exchange(0, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// It is about to be freed.
    pub(crate) fn freed(&self, compressor: usize) {
        for place in self.places(compressor) {
            if place.load(Ordering::Acquire) & !0xff == address(compressor) {
                place.store(0, Ordering::Release);
            }
        }
    }

    /// Its level, if that is known.
    pub(crate) fn of(&self, compressor: usize) -> Option<u8> {
        let mut entries = self.places(compressor).map(|place| place.load(Ordering::Acquire));
        let entry = entries.find(|entry| entry & !0xff == address(compressor))?;
        Some(entry.to_le_bytes()[0])
    }

    fn places(&self, compressor: usize) -> impl Iterator<Item = &AtomicU64> {
        let hash = (compressor as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let begin = (hash >> 48) as usize % PLACES;
        self.0.iter().cycle().skip(begin).take(WINDOW)
    }
}

/// User space has 47 bits: the lowest byte is the level's.
fn address(compressor: usize) -> u64 {
    (compressor as u64) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_known_from_making_to_freeing() {
        let levels = Levels::new();
        assert_eq!(levels.of(0x1000), None);
        levels.made(0x1000, 6);
        levels.made(0x2000, 1);
        assert_eq!((levels.of(0x1000), levels.of(0x2000)), (Some(6), Some(1)));
        levels.freed(0x1000);
        assert_eq!((levels.of(0x1000), levels.of(0x2000)), (None, Some(1)));
    }

    #[test]
    fn an_address_has_the_level_of_the_latest_there() {
        let levels = Levels::new();
        levels.made(0x1000, 6);
        levels.made(0x1000, 12);
        assert_eq!(levels.of(0x1000), Some(12));
        levels.made(0x1000, -1);
        assert_eq!(levels.of(0x1000), None);
    }

    #[test]
    fn where_there_is_no_place_there_is_no_level_and_none_is_wrong() {
        let levels = Levels::new();
        let all = || (1..=2 * PLACES).map(|number| (number * 0x560, (number % 13) as c_int));
        all().for_each(|(compressor, level)| levels.made(compressor, level));
        let known = all().filter_map(|(compressor, level)| {
            let found = levels.of(compressor)?;
            assert_eq!(c_int::from(found), level);
            Some(found)
        });
        assert!((PLACES / 2..=PLACES).contains(&known.count()));
        all().for_each(|(compressor, _)| levels.freed(compressor));
        assert!(all().all(|(compressor, _)| levels.of(compressor).is_none()));
    }
}
