//! Where calls are made that are not weighed one by one: at a glance, or by a fixed arm of the contest.

use std::time::Duration;

use super::contest::{Arm, SHORT};
use super::seen::{Seen, times};
use super::{Asked, Choice, Class, Policy, Why};

impl Policy {
    /// Is it clear at a glance where a call is made? Either the thread makes all of them so for now ([`contest`]); or it
    /// is parked, as it would delay its own connection and those whose events wait by more in place than if the engine had yet
    /// to do all this thread's jobs that are `out`, and others' as last seen. Then nothing need be asked of the engine,
    /// and nothing is learnt of the job. Of an engine with CPUs of its own, to which jobs go one by one.
    pub fn at_a_glance(
        &mut self,
        asked: &Asked,
        out: usize,
        waiting: usize,
        parallel: usize,
    ) -> Option<Choice> {
        let Asked { kind, size, class, .. } = *asked;
        if class != Class::Batch || !self.looks_at_load(kind) {
            return None;
        }
        let inline = self.costs.estimate(kind, size).filter(|_| self.is_sure(kind, size))?;
        if self.competes(inline) {
            let arm = self.contest.arm()?;
            if let Some(choice) = self.fixed(arm) {
                return Some(choice);
            }
        }
        self.is_measured = false;
        let is_alone = out == 0 && waiting == 0;
        if is_alone && self.others > 0 {
            // Perhaps they are gone.
            return None;
        }
        let most = Seen { depth: out + self.others, parallel, waiting, ..Seen::default() };
        let parked = self.parked(asked, &most);
        let is_clear = parked.setup < inline
            && parked.delays <= times(inline, 1 + waiting)
            && self.tries.may_pass(kind, size);
        is_clear.then(|| {
            self.warm = None;
            Choice::Park
        })
    }

    /// As all short calls are made for now; `None`: as the model says.
    pub(super) fn by_contest(&mut self, asked: &Asked, seen: &Seen) -> Option<Choice> {
        let Asked { kind, size, .. } = *asked;
        let inline = self.costs.estimate(kind, size).filter(|_| self.is_sure(kind, size))?;
        if !seen.has_own_cpus || !self.competes(inline) {
            return None;
        }
        let arm = self.contest.look(seen.now, seen.own(), seen.waiting);
        self.fixed(arm)
    }

    /// Is it asked of the contest how a call is made that takes so long in place?
    fn competes(&self, inline: Duration) -> bool {
        inline <= SHORT && !self.has_latency
    }

    /// What an arm makes of every call.
    fn fixed(&mut self, arm: Arm) -> Option<Choice> {
        let choice = match arm {
            Arm::Model => return None,
            Arm::InPlace => Choice::InPlace(Why::Measured),
            Arm::Parked => {
                self.warm = None;
                Choice::Park
            }
        };
        self.is_measured = true;
        self.leisure.skips();
        Some(choice)
    }
}
