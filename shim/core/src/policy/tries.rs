//! When something is done once that a rule is against, so that what the rule goes by is learnt again.

use crate::cost::{CLASSES, Size};

/// So many calls are kept from the engine in a row until one is tried, the first time and at most; each try
/// in vain doubles it.
const STEPS: (u16, u16) = (16, 8192);
/// After so many jobs of which nothing was learnt a call is made in place, the first time and at most; each doubles it.
const STALE: (u16, u16) = (16, 32_768);
/// So many are then made, or tried, in a row, where it may matter: the first ones find cold caches.
const IN_A_ROW: u8 = 16;
/// So many calls in so many are looked at closely that need not be, so that what it goes by is learnt. In a row: what it
/// takes from one to the next is a part of that.
const LOOKED_AT: (u8, u8) = (2, 16);

#[derive(Debug, Clone, Copy)]
struct Try {
    left: u16,
    step: u16,
    /// Calls since it was last seen what one takes in place, and how many there may be.
    unseen: u16,
    stale: u16,
    /// Calls that are yet to be made in place to see that.
    row: u8,
    /// Tries that are yet to be made in a row.
    tries: u8,
    /// Calls that could be passed, since one was looked at closely.
    passed: u8,
}

const FRESH: Try =
    Try { left: STEPS.0, step: STEPS.0, unseen: 0, stale: STALE.0, row: 0, tries: 0, passed: 0 };

/// For each kind and size.
#[derive(Debug)]
pub(super) struct Tries(Vec<[Try; CLASSES]>);

impl Tries {
    pub(super) fn new(kinds: usize) -> Self {
        Self(vec![[FRESH; CLASSES]; kinds])
    }

    /// A call was made in place, or where it takes as long. Might another one be made sooner than by the engine?
    pub(super) fn known(&mut self, kind: usize, size: Size, is_near: bool) {
        if let Some(of) = self.of(kind, size) {
            of.unseen = 0;
            of.row = if is_near { of.row } else { 0 };
        }
    }

    /// Has nobody looked for long at what such a call takes in place?
    pub(super) fn is_stale(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.unseen = of.unseen.saturating_add(1);
            if of.unseen > of.stale {
                (of.unseen, of.stale) = (0, of.stale.saturating_mul(2).min(STALE.1));
                of.row = IN_A_ROW;
            }
            let is_stale = of.row > 0;
            of.row = of.row.saturating_sub(1);
            is_stale
        })
    }

    /// One more call of which nothing is learnt; or is it time to look at one, or at what it takes in place?
    pub(super) fn may_pass(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.passed = (of.passed + 1) % LOOKED_AT.1;
            let may_pass = of.passed >= LOOKED_AT.0 && of.unseen < of.stale && of.row == 0;
            of.unseen += u16::from(may_pass);
            may_pass
        })
    }

    /// The engine is worth its while.
    pub(super) fn gains(&mut self, kind: usize, size: Size) {
        if let Some(of) = self.of(kind, size) {
            (of.left, of.step) = (STEPS.0, STEPS.0);
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

    /// One more is kept from the engine; or is it time for a try? For several `in_a_row`: what the first ones take from
    /// one to the next tells nothing.
    pub(super) fn is_due(&mut self, kind: usize, size: Size, in_a_row: bool) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.left = of.left.saturating_sub(1);
            let is_due = of.left == 0;
            if is_due {
                of.step = (of.step * 2).min(STEPS.1);
                of.left = of.step;
                of.tries = if in_a_row { IN_A_ROW } else { 1 };
            }
            let tries = of.tries > 0;
            of.tries = of.tries.saturating_sub(1);
            tries
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
    fn what_is_not_known_for_long_is_looked_at_by_calls_in_a_row() {
        let size = Size::of_input(256);
        let mut tries = Tries::new(1);
        let mut rows = Vec::new();
        for call in 1..=150_u16 {
            if tries.is_stale(0, size) {
                tries.known(0, size, call < 100);
                rows.push(call);
            }
        }
        // Each 16, 32 and 64 calls after the one before; and if it takes far longer, that one alone.
        let row = |from: u16| from..from + 16;
        assert_eq!(rows, row(17).chain(row(65)).chain([145]).collect::<Vec<_>>());
    }

    #[test]
    fn a_try_that_could_not_be_made_is_made_by_the_next_call() {
        let size = Size::of_input(8192);
        let mut tries = Tries::new(1);
        let calls_until_due = |tries: &mut Tries| {
            (1..=u16::MAX).find(|_| tries.is_due(0, size, false)).unwrap_or(u16::MAX)
        };
        assert_eq!([(); 3].map(|()| calls_until_due(&mut tries)), [16, 32, 64]);
        for _ in 0..20 {
            tries.missed(0, size);
            assert_eq!(calls_until_due(&mut tries), 1);
        }
        assert_eq!(calls_until_due(&mut tries), 128);
    }
}
