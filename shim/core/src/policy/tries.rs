//! When something is done once that a rule is against, so that what the rule goes by is learnt again.

use crate::cost::{CLASSES, Size};

/// So many calls are kept from the engine in a row until one is tried, the first time and at most; each try
/// in vain doubles it.
const STEPS: (u16, u16) = (16, 8192);
/// After so many jobs of which nothing was learnt, a call is made in place: where it is not known what that takes,
/// and where it is.
const STALE: (u16, u16) = (16, 32_768);

#[derive(Debug, Clone, Copy)]
struct Try {
    left: u16,
    step: u16,
    /// Calls since it was last seen what one takes in place.
    unseen: u16,
    is_known: bool,
}

const FRESH: Try = Try { left: STEPS.0, step: STEPS.0, unseen: 0, is_known: false };

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
            (of.unseen, of.is_known) = (0, true);
        }
    }

    /// Has nobody looked for long at what such a call takes in place?
    pub(super) fn is_stale(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
            of.unseen = of.unseen.saturating_add(1);
            let most = if of.is_known { STALE.1 } else { STALE.0 };
            let is_stale = of.unseen > most;
            if is_stale {
                of.unseen = 0;
            }
            is_stale
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

    /// One more is kept from the engine; or is it time for a try?
    pub(super) fn is_due(&mut self, kind: usize, size: Size) -> bool {
        self.of(kind, size).is_some_and(|of| {
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
