//! After a panic of the scheduler: who goes on, and with what; and the end of a scheduler.
//!
//! Whoever was laid back goes on. If nobody was, the asker does: where it is, or laid back if it had
//! parked already. So each continuation goes on once, whatever the turn had come to. Events that were
//! on their way to the server are the kernel's to report again.
//!
//! Must not: rely on the turn's own bookkeeping, which may be half done.

use super::*;
use crate::hook;

/// How often what is wanted may be asked for again.
const RETRIES: usize = 3;

/// What a question is about.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Wait,
    Nested,
    Job,
    Want,
}

impl Asked {
    pub(super) fn of(question: &Question) -> Self {
        match question {
            Question::Wait(_) => Self::Wait,
            Question::Nested(_) => Self::Nested,
            Question::Job => Self::Job,
            Question::Want(_) | Question::Panicked => Self::Want,
        }
    }
}

impl Scheduler<'_> {
    #[cold]
    pub(super) fn rescue(&mut self, asker: CoroutineId, asked: Asked) -> Answer {
        hook::panicked();
        self.panics += 1;
        self.on_stack = OnStack::Other;
        hook::guarded(|| self.ask_again());
        if let Some(answer) = self.going.take() {
            let id = CoroutineId(self.thread.current.get());
            hook::guarded(|| self.thread.claims.borrow_mut().resume(id));
            count(Counter::CoroutineResumed);
            self.has_parked = true;
            return answer;
        }
        // A loop that parks does so under a new number.
        let now = CoroutineId(self.thread.current.get());
        if let Some((id, parked)) = [asker, now].into_iter().find_map(|id| self.take(id)) {
            // SAFETY: saved by this seat in `park`; what lies on the stack is the loop, saved in
            // `begin_wait`, or still this coroutine.
            unsafe { self.seat.lay_back(&parked.slice) };
            if let Some(ambient) = parked.ambient {
                ambient.put();
            }
            self.thread.delivery.replace(parked.events);
            self.thread.current.set(id.0);
            count(Counter::CoroutineResumed);
        }
        let id = CoroutineId(self.thread.current.get());
        hook::guarded(|| self.thread.claims.borrow_mut().resume(id));
        context::local().set_in_event(true);
        match asked {
            // It is run by whoever asked, if nobody has.
            Asked::Job => Answer::Done,
            Asked::Want if self.panics <= RETRIES => Answer::Granted,
            Asked::Want => Answer::Forced,
            // An order that was kept back comes with the interruption.
            Asked::Wait if self.parked.is_empty() && !self.thread.signals.any() => self.retire(),
            Asked::Wait | Asked::Nested => Answer::Failed(libc::EINTR),
        }
    }

    fn take(&mut self, id: CoroutineId) -> Option<(CoroutineId, Parked)> {
        let parked = self.parked.remove(id)?;
        self.thread.parked.set(self.parked.len());
        Some((id, parked))
    }

    /// Nobody is parked, and nobody will be: from here on, the loop waits for the kernel itself.
    pub(super) fn retire(&mut self) -> Answer {
        hook::guarded(|| self.ask_again());
        ending::rests(self.thread);
        context::local().set_in_event(false);
        self.thread.resting.set(false);
        Answer::Unsound
    }

    /// Gives all events back to the kernel: also those that were picked and are with nobody.
    fn ask_again(&mut self) {
        self.ready.put_back(&mut self.pick);
        if let Some((nested, outer)) = self.outer.take() {
            self.give_back_to(&nested);
            nested.ask_again();
            self.ready = outer;
        }
        let Some(epoll) = self.epoll.clone() else { return };
        self.give_back_to(&epoll);
        epoll.ask_again();
    }

    fn give_back_to(&mut self, epoll: &Epoll) {
        let operations = self.ready.give_back(&mut epoll.interest());
        operations.into_iter().for_each(|operation| epoll.apply(operation));
    }
}
