//! How long a kind of call takes, from what it took before: in place, whether a job of it is worth a
//! park, two switches and another thread's wake-up; or an engine ([`crate::policy`]).
//!
//! A call is told apart from others of its kind by its size. The estimate falls fast and rises
//! slowly, because what disturbs a measurement (an interrupt, a busy core) only ever adds to it; the first ones, which
//! find everything cold and start what has yet to be started, count only as far as the least of them.
//!
//! Must not: read a clock.

use std::time::Duration;

/// Sizes that are told apart, of each kind.
pub(crate) const CLASSES: usize = 256;

/// So many are the first ones.
pub(crate) const FIRST: u8 = 16;

/// What calls of a kind and class took.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// In nanoseconds; 0 where nothing is known.
    time: u32,
    /// How many have told it, of the first ones.
    seen: u8,
}

const NOTHING: Known = Known { time: 0, seen: 0 };

/// What calls of each kind took.
#[derive(Debug)]
pub struct Costs {
    known: Vec<[Known; CLASSES]>,
}

impl Costs {
    /// Nothing known of so many kinds.
    #[must_use]
    pub fn new(kinds: usize) -> Self {
        Self { known: vec![[NOTHING; CLASSES]; kinds] }
    }

    /// A call took so long.
    pub fn took(&mut self, kind: usize, size: Size, time: Duration) {
        self.learn(kind, size, time, |before, time| match time < before {
            true => before - (before - time).div_ceil(2),
            false => before + (time - before).div_ceil(16),
        });
    }

    /// A call took so long, of which not the least but the mean is asked for.
    pub(crate) fn took_on_average(&mut self, kind: usize, size: Size, time: Duration) {
        self.learn(kind, size, time, |before, time| match time < before {
            true => before - (before - time).div_ceil(8),
            false => before + (time - before).div_ceil(8),
        });
    }

    fn learn(&mut self, kind: usize, size: Size, time: Duration, then: fn(u32, u32) -> u32) {
        let Some(known) = self.known.get_mut(kind).and_then(|of| of.get_mut(size.0)) else {
            return;
        };
        let time = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX).max(1);
        known.time = match known.seen {
            0 => time,
            1..FIRST => known.time.min(time),
            _ => then(known.time, time),
        };
        known.seen = (known.seen + 1).min(FIRST);
    }

    /// How long the next one will take; `None` if there was none of that size.
    #[must_use]
    pub fn estimate(&self, kind: usize, size: Size) -> Option<Duration> {
        let known = self.of(kind, size)?;
        (known.seen > 0).then(|| Duration::from_nanos(known.time.into()))
    }

    /// Were there others than the first ones?
    pub(crate) fn is_sure(&self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|known| known.seen == FIRST)
    }

    fn of(&self, kind: usize, size: Size) -> Option<&Known> {
        self.known.get(kind)?.get(size.0)
    }
}

/// How large a call is, among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(usize);

impl Size {
    /// As an index below [`CLASSES`].
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// By the length of a key, a signature or a secret, in bytes.
    #[must_use]
    pub fn of_key(bytes: usize) -> Self {
        Self((bytes / 16).min(CLASSES - 1))
    }

    /// Of a model at this address, with so many bytes of input: others seldom share a class with it.
    #[must_use]
    pub fn of_model(address: usize, bytes: usize) -> Self {
        // Allocators give addresses that are multiples of 16, and mostly of more.
        let mixed = (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        Self((mixed + Self::of_input(bytes).0) % CLASSES)
    }

    /// By the length of the input, in bytes: half as much again counts as another size.
    #[must_use]
    pub fn of_input(bytes: usize) -> Self {
        let log = bytes.max(1).ilog2() as usize;
        let half = usize::from(bytes & ((1 << log) >> 1) != 0);
        Self(log * 2 + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_falls_fast_and_rises_slowly() {
        let (mut costs, size) = (Costs::new(2), Size::of_key(256));
        assert_eq!(costs.estimate(0, size), None);
        let micros = Duration::from_micros;
        for time in (0..FIRST.into()).rev() {
            assert!(!costs.is_sure(0, size));
            costs.took(0, size, micros(800 + time * 1000));
        }
        assert!(costs.is_sure(0, size));
        assert_eq!(costs.estimate(0, size), Some(micros(800)));
        costs.took(0, size, micros(1600));
        assert_eq!(costs.estimate(0, size), Some(micros(850)));
        costs.took(0, size, micros(50));
        assert_eq!(costs.estimate(0, size), Some(micros(450)));
        assert_eq!(costs.estimate(1, size), None);
        assert_eq!(costs.estimate(0, Size::of_key(512)), None);
    }

    #[test]
    fn the_first_ones_count_as_far_as_the_least_of_them() {
        let (mut costs, size) = (Costs::new(1), Size::of_key(256));
        for time in [90_000, 70, 30, 4000] {
            costs.took(0, size, Duration::from_micros(time));
        }
        assert_eq!(costs.estimate(0, size), Some(Duration::from_micros(30)));
    }

    #[test]
    fn no_estimate_is_so_small_that_it_stays() {
        let (mut costs, size) = (Costs::new(1), Size::of_key(256));
        (0..FIRST).for_each(|_| costs.took(0, size, Duration::from_nanos(1)));
        (0..9).for_each(|_| costs.took(0, size, Duration::from_nanos(16)));
        assert!(costs.estimate(0, size) > Some(Duration::from_nanos(8)));
    }

    #[test]
    fn an_average_rises_as_fast_as_it_falls() {
        let (mut costs, size) = (Costs::new(1), Size::of_key(256));
        for _ in 0..FIRST {
            costs.took(0, size, Duration::from_nanos(800));
        }
        for (time, average) in [(1600, 900), (100, 800)] {
            costs.took_on_average(0, size, Duration::from_nanos(time));
            assert_eq!(costs.estimate(0, size), Some(Duration::from_nanos(average)));
        }
    }

    #[test]
    fn no_time_and_no_kind_are_no_trouble() {
        let mut costs = Costs::new(1);
        costs.took(7, Size::of_key(0), Duration::MAX);
        costs.took(0, Size::of_key(usize::MAX), Duration::ZERO);
        assert_eq!(costs.estimate(0, Size::of_key(1 << 20)), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn sizes_rise_with_what_they_measure() {
        let sizes: Vec<_> =
            [0, 1, 2, 3, 4, 6, 4096, 6144, 1 << 40].map(|bytes| Size::of_input(bytes).0).to_vec();
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert_ne!(Size::of_input(4096), Size::of_input(6144));
        assert!(Size::of_input(usize::MAX).0 < CLASSES);
    }
}
