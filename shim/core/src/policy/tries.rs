//! When something is done once that a rule is against, so that what the rule goes by is learnt again.

use crate::cost::{CLASSES, Size};

/// So many calls are kept from the engine in a row until one is tried, the first time and at most; each try
/// in vain doubles it.
const STEPS: (u16, u16) = (16, 8192);
/// After so many jobs of which nothing was learnt a call is made in place, the first time and at most; each doubles it.
const STALE: (u16, u16) = (16, 32_768);
/// One call in so many is looked at closely that need not be, so that what it goes by is learnt: after a call that was
/// kept from the engine, and at most. Each that shows the same doubles it.
const LOOKED_AT: (u8, u8) = (8, 64);

#[derive(Debug, Clone, Copy)]
struct Try {
    left: u16,
    step: u16,
    /// Calls since it was last seen what one takes in place, and how many there may be.
    unseen: u16,
    stale: u16,
    /// Calls that could be passed, since one was looked at closely, and with how many another one is.
    passed: u8,
    pass: u8,
}

const FRESH: Try =
    Try { left: STEPS.0, step: STEPS.0, unseen: 0, stale: STALE.0, passed: 0, pass: LOOKED_AT.0 };

/// For each kind and size.
#[derive(Debug)]
pub(super) struct Tries(Vec<[Try; CLASSES]>);

impl Tries {
    pub(super) fn new(kinds: usize) -> Self {
        Self(vec![[FRESH; CLASSES]; kinds])
    }

    /// A call was made in place, or where it takes as long.
    pub(super) fn known(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            of.unseen = 0;
        }
    }

    /// Has nobody looked for long at what such a call takes in place?
    pub(super) fn is_stale(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.unseen = of.unseen.saturating_add(1);
            let is_stale = of.unseen > of.stale;
            if is_stale {
                (of.unseen, of.stale) = (0, of.stale.saturating_mul(2).min(STALE.1));
            }
            is_stale
        })
    }

    /// One more call of which nothing is learnt; or is it time to look at one, or at what it takes in place?
    pub(super) fn may_pass(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.passed = of.passed.saturating_add(1);
            let may_pass = of.passed < of.pass && of.unseen < of.stale;
            if may_pass {
                of.unseen += 1;
            } else if of.passed >= of.pass {
                of.passed = 0;
            }
            may_pass
        })
    }

    /// The engine is worth its while.
    pub(super) fn gains(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            (of.left, of.step) = (STEPS.0, STEPS.0);
            if of.passed == 0 {
                of.pass = of.pass.saturating_mul(2).min(LOOKED_AT.1);
            }
        }
    }

    /// It takes much longer than was thought, at least this time.
    pub(super) fn doubts(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            of.pass = LOOKED_AT.0;
        }
    }

    /// It takes less than was thought: the next call may see that again.
    pub(super) fn improves(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            (of.left, of.step) = (1, STEPS.0);
        }
    }

    /// It was time for a try, which could not be made: the next call makes it.
    pub(super) fn missed(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            (of.left, of.step) = (1, (of.step / 2).max(STEPS.0));
        }
    }

    /// One more is kept from the engine; or is it time for a try?
    pub(super) fn is_due(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.pass = LOOKED_AT.0;
            of.left = of.left.saturating_sub(1);
            let is_due = of.left == 0;
            if is_due {
                of.step = (of.step * 2).min(STEPS.1);
                of.left = of.step;
            }
            is_due
        })
    }

    fn of(&mut self, kind: usize, size: Size) -> Option<&mut Try> {
        self.0.get_mut(kind)?.get_mut(size.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_looks_become_seldom_while_the_engine_gets_all() {
        let size = Size::of_input(8192);
        let mut tries = Tries::new(1);
        let looks = |tries: &mut Tries, calls| {
            let looked = (0..calls).filter(|_| {
                tries.known(0, size);
                let looks = !tries.may_pass(0, size);
                if looks {
                    tries.gains(0, size);
                }
                looks
            });
            looked.count()
        };
        assert_eq!(looks(&mut tries, 8 + 16 + 32), 3);
        assert_eq!(looks(&mut tries, 640), 10);
        // One was kept from it; one took long.
        tries.is_due(0, size);
        assert_eq!(looks(&mut tries, 8 + 16), 2);
        tries.doubts(0, size);
        assert_eq!(looks(&mut tries, 8 + 16), 2);
    }

    #[test]
    fn a_try_that_could_not_be_made_is_made_by_the_next_call() {
        let size = Size::of_input(8192);
        let mut tries = Tries::new(1);
        let calls_until_due =
            |tries: &mut Tries| (1..=u16::MAX).find(|_| tries.is_due(0, size)).unwrap_or(u16::MAX);
        assert_eq!([(); 3].map(|()| calls_until_due(&mut tries)), [16, 32, 64]);
        for _ in 0..20 {
            tries.missed(0, size);
            assert_eq!(calls_until_due(&mut tries), 1);
        }
        assert_eq!(calls_until_due(&mut tries), 128);
    }
}
