//! Whether a call finds others of its kind to share a pass with.
//!
//! One that does not is parked, waits until the kernel has nothing to report, and is made in place after
//! all. Where that was so several times in a row, the next ones are made in place at once: for a while that
//! grows, and only as long as nothing else is at hand (nobody is parked, no other event has come). Then it
//! is tried again.
//!
//! Must not: read a clock.

/// After so many calls of a kind in a row that found no company, the next ones do not wait for it.
const LONELY: u32 = 16;
/// For so many of them, at first and at most.
const ALONE: (u32, u32) = (32, 512);

/// What was found, by kind.
#[derive(Debug)]
pub struct Company {
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    /// Calls in a row that were alone.
    lonely: u32,
    /// Calls that are yet to be made in place.
    rest: u32,
    /// How many it were the last time.
    latest: u32,
}

impl Company {
    /// Nothing known of so many kinds.
    #[must_use]
    pub fn new(kinds: usize) -> Self {
        Self { kinds: vec![Kind::default(); kinds] }
    }

    /// Is a call of this kind to wait for others? `beside`: is there anything that others may come of?
    pub fn is_expected(&mut self, kind: usize, beside: bool) -> bool {
        let Some(kind) = self.kinds.get_mut(kind).filter(|kind| !beside && kind.rest > 0) else {
            return true;
        };
        kind.rest -= 1;
        false
    }

    /// So many calls of this kind have waited, and were too few to share a pass.
    pub fn stayed_away(&mut self, kind: usize) {
        let Some(kind) = self.kinds.get_mut(kind) else { return };
        kind.lonely = kind.lonely.saturating_add(1);
        if kind.lonely >= LONELY && kind.rest == 0 {
            kind.latest = (kind.latest * 2).clamp(ALONE.0, ALONE.1);
            kind.rest = kind.latest;
        }
    }

    /// A call of this kind has shared a pass, or it paid all the same.
    pub fn came(&mut self, kind: usize) {
        if let Some(kind) = self.kinds.get_mut(kind) {
            *kind = Kind::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many calls are made in place until the next one waits.
    fn in_place(company: &mut Company, kind: usize) -> u32 {
        (0..).find(|_| company.is_expected(kind, false)).unwrap_or_default()
    }

    fn lonely(company: &mut Company, times: u32) {
        for _ in 0..times {
            assert!(company.is_expected(0, false));
            company.stayed_away(0);
        }
    }

    #[test]
    fn who_was_alone_several_times_in_a_row_does_not_wait_any_more() {
        let mut company = Company::new(2);
        lonely(&mut company, LONELY - 1);
        assert_eq!(in_place(&mut company, 0), 0);
        lonely(&mut company, 1);
        assert_eq!((in_place(&mut company, 1), in_place(&mut company, 0)), (0, 32));
    }

    #[test]
    fn now_and_then_it_is_tried_again_and_ever_more_seldom() {
        let mut company = Company::new(1);
        lonely(&mut company, LONELY);
        let tried = [32, 64, 128, 256, 512, 512].map(|_| {
            let rest = in_place(&mut company, 0);
            company.stayed_away(0);
            rest
        });
        assert_eq!(tried, [32, 64, 128, 256, 512, 512]);
    }

    #[test]
    fn what_else_is_at_hand_may_be_company() {
        let mut company = Company::new(1);
        lonely(&mut company, LONELY);
        assert!((0..100).all(|_| company.is_expected(0, true)));
        // Those were not made in place, and what they found changes nothing yet.
        company.stayed_away(0);
        assert_eq!(in_place(&mut company, 0), 32);
    }

    #[test]
    fn whoever_finds_company_waits_for_it_from_then_on() {
        let mut company = Company::new(1);
        lonely(&mut company, LONELY);
        company.came(0);
        assert_eq!(in_place(&mut company, 0), 0);
        lonely(&mut company, LONELY);
        assert_eq!(in_place(&mut company, 0), 32);
    }

    #[test]
    fn a_kind_that_is_not_known_waits() {
        let mut company = Company::new(1);
        company.stayed_away(7);
        company.came(7);
        assert!(company.is_expected(7, false));
    }
}
