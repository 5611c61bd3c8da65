//! A pass in the making: its lanes, and what is known of each so far.

use crate::Fault;
use crate::lanes::{Lanes, Outcomes, empty};

/// What one lane is given.
pub(crate) trait Lane {
    /// Makes the outputs zeros.
    fn erase(&mut self);
}

/// Lanes under way. A lane is *sound* until something is found to be wrong with it; what is wrong
/// with one is no other's business.
pub(crate) struct Batch<'a, L> {
    lanes: &'a mut Lanes<L>,
    outcomes: Outcomes,
}

impl<'a, L: Lane> Batch<'a, L> {
    pub(crate) fn new(lanes: &'a mut Lanes<L>) -> Self {
        let mut outcomes = empty();
        for (outcome, lane) in outcomes.iter_mut().zip(lanes.iter()) {
            *outcome = lane.as_ref().map(|_| Ok(()));
        }
        Self { lanes, outcomes }
    }

    /// Shows every sound lane, with its number; a fault takes it out.
    pub(crate) fn judge(&mut self, mut judge: impl FnMut(usize, &mut L) -> Result<(), Fault>) {
        for (index, (lane, outcome)) in self.lanes.iter_mut().zip(&mut self.outcomes).enumerate() {
            if let (Some(lane), Some(Ok(()))) = (lane, *outcome) {
                *outcome = Some(judge(index, lane));
            }
        }
    }

    /// Shows every lane that has this fault, to have another name for it.
    pub(crate) fn revise(&mut self, fault: Fault, mut revise: impl FnMut(&L) -> Fault) {
        for (lane, outcome) in self.lanes.iter().zip(&mut self.outcomes) {
            if let (Some(lane), Some(Err(found))) = (lane, outcome)
                && *found == fault
            {
                *found = revise(lane);
            }
        }
    }

    /// Is there a sound lane?
    pub(crate) fn is_sound(&self) -> bool {
        self.outcomes.contains(&Some(Ok(())))
    }

    /// Erases the outputs of lanes that are not sound, and says what became of each.
    pub(crate) fn finish(self) -> Outcomes {
        for (lane, outcome) in self.lanes.iter_mut().zip(&self.outcomes) {
            if let (Some(lane), Some(Err(_))) = (lane, outcome) {
                lane.erase();
            }
        }
        self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Number(u8);

    impl Lane for Number {
        fn erase(&mut self) {
            self.0 = 0;
        }
    }

    #[test]
    fn a_fault_takes_one_lane_out_and_stays() {
        let mut lanes = empty();
        lanes[1] = Some(Number(1));
        lanes[6] = Some(Number(6));
        let mut batch = Batch::new(&mut lanes);
        batch.judge(|_, lane| if lane.0 == 1 { Err(Fault::Range) } else { Ok(()) });
        let mut seen = Vec::new();
        batch.judge(|index, _| {
            seen.push(index);
            Ok(())
        });
        assert!(batch.is_sound());
        batch.revise(Fault::Length, |_| Fault::Refused);
        batch.revise(Fault::Range, |_| Fault::Key);
        let outcomes = batch.finish();
        assert_eq!(seen, [6]);
        assert_eq!((outcomes[0], outcomes[1]), (None, Some(Err(Fault::Key))));
        assert_eq!(outcomes[6], Some(Ok(())));
        assert_eq!(lanes.map(|lane| lane.map_or(9, |lane| lane.0)), [9, 0, 9, 9, 9, 9, 6, 9]);
    }
}
