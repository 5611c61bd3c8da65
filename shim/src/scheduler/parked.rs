//! The parked coroutines of a thread.
//!
//! Invariant: an entry here has an entry in the thread's claims, and its slice is whole. A parked
//! coroutine is never dropped: it is resumed, or (in a child after fork) forgotten.

use std::collections::{BTreeMap, VecDeque};

use interlude_core::CoroutineId;
use interlude_core::claims::{Claims, Want};
use interlude_core::ready::Delivered;
use interlude_fiber::Slice;
use interlude_offload::{Completion, Outcome};

use super::{Answer, WaitCall};
use crate::ambient::Ambient;

/// What a parked coroutine waits for.
pub(crate) enum Waiting {
    /// Its job.
    Job,
    /// Something that another coroutine has.
    Want(Want),
    /// It is another loop, and begins when nobody else is parked.
    Loop(WaitCall),
    /// It waits for events inside of an event, when nobody else is parked.
    Nested(WaitCall),
    /// A hook of its has panicked: it goes on when nobody else is parked.
    Panicked,
    /// Nothing any more: the connection at whose door it was is free.
    Admitted,
    /// Nothing any more.
    Nothing,
}

impl Waiting {
    fn is_to_be_alone(&self) -> bool {
        matches!(self, Self::Want(Want::Alone) | Self::Loop(_) | Self::Nested(_) | Self::Panicked)
    }
}

/// A parked coroutine.
pub(crate) struct Parked {
    /// Its stack.
    pub(crate) slice: Slice,
    /// Its ambient state; none where that rule is switched off.
    pub(crate) ambient: Option<Ambient>,
    /// The events that it was given, to be laid back into the server's buffer.
    pub(crate) events: Vec<Delivered>,
    /// The wait that it was given them by.
    pub(crate) wait: WaitCall,
    /// What it waits for.
    pub(crate) waiting: Waiting,
}

impl Parked {
    fn is_at_door(&self) -> bool {
        matches!(self.waiting, Waiting::Want(Want::Fd(_)))
    }
}

/// The parked coroutines, oldest first, and those that can go on.
#[derive(Default)]
pub(crate) struct ParkedSet {
    by_id: BTreeMap<CoroutineId, Parked>,
    ready: VecDeque<(CoroutineId, Answer)>,
    in_flight: usize,
    /// Those that wait for something that another coroutine has.
    waiters: usize,
    spare: Vec<Slice>,
}

/// Who was made to go on without what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forced {
    /// Nobody was there.
    Nobody,
    /// One that waited for a region, which may be nobody's any more; or who has panicked.
    PastNothing,
    /// One that waited for something that another has.
    PastClaim,
}

fn is_of_job(answer: &Answer) -> bool {
    matches!(answer, Answer::Done | Answer::Returned | Answer::GivenUp)
}

/// Slices kept for the next parks.
const SPARE_SLICES: usize = 256;

impl ParkedSet {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Jobs in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A slice to save into.
    pub(crate) fn slice(&mut self) -> Slice {
        self.spare.pop().unwrap_or_default()
    }

    /// A slice that is not needed any more.
    pub(crate) fn recycle(&mut self, slice: Slice) {
        if self.spare.len() < SPARE_SLICES {
            self.spare.push(slice);
        }
    }

    pub(crate) fn insert(&mut self, id: CoroutineId, parked: Parked) {
        let for_job = matches!(parked.waiting, Waiting::Job);
        self.in_flight += usize::from(for_job);
        self.waiters += usize::from(!for_job);
        self.by_id.insert(id, parked);
    }

    /// A job is done, or will not be.
    pub(crate) fn completed(&mut self, completion: Completion) {
        let id = CoroutineId(completion.ticket.0);
        let answer = match completion.outcome {
            Outcome::Done => Answer::Done,
            Outcome::Declined => Answer::Returned,
            Outcome::GivenUp => Answer::GivenUp,
        };
        let Some(parked) = self.by_id.get_mut(&id) else { return };
        if matches!(parked.waiting, Waiting::Job) {
            parked.waiting = Waiting::Nothing;
            self.in_flight -= 1;
            self.ready.push_back((id, answer));
        }
    }

    /// Does somebody wait to be alone? Then nothing new may begin.
    pub(crate) fn is_draining(&self) -> bool {
        self.waiters > 0 && self.by_id.values().any(|parked| parked.waiting.is_to_be_alone())
    }

    /// Does somebody wait at the door of a connection, for another to have done with it?
    pub(crate) fn has_door(&self) -> bool {
        self.waiters > 0 && self.by_id.values().any(Parked::is_at_door)
    }

    /// Who is waited for at doors, and whom those wait for, and so on.
    pub(crate) fn awaited(&self, claims: &Claims) -> Vec<CoroutineId> {
        let mut askers: Vec<&Parked> =
            self.by_id.values().filter(|parked| parked.is_at_door()).collect();
        let mut awaited = Vec::new();
        while let Some(asker) = askers.pop() {
            let Waiting::Want(want) = &asker.waiting else { continue };
            for (id, parked) in &self.by_id {
                if !std::ptr::eq(parked, asker) && !awaited.contains(id) && claims.has(*id, want) {
                    awaited.push(*id);
                    askers.push(parked);
                }
            }
        }
        awaited
    }

    /// Something was released: every waiter that no longer conflicts may look again, the oldest
    /// first. (Only the first of several will find a lock free; the others park again.)
    pub(crate) fn grant(&mut self, claims: &Claims) {
        if self.waiters == 0 {
            return;
        }
        // The oldest of those that wait to be alone goes on where nobody else is left.
        let mut alone = self.by_id.values().all(|parked| parked.waiting.is_to_be_alone());
        for (id, parked) in &mut self.by_id {
            let free = match &parked.waiting {
                waiting if waiting.is_to_be_alone() => std::mem::take(&mut alone),
                Waiting::Want(want) => !claims.conflicts_for(*id, want),
                _ => false,
            };
            if free && !self.ready.iter().any(|(known, _)| known == id) {
                match parked.waiting {
                    Waiting::Want(Want::Fd(_)) => parked.waiting = Waiting::Admitted,
                    Waiting::Want(_) => parked.waiting = Waiting::Nothing,
                    _ => {}
                }
                self.ready.push_back((*id, Answer::Granted));
            }
        }
    }

    /// Nobody can go on and no job is in flight (C9): the oldest waiter goes on without. One that
    /// waits for a region comes first: regions are claimed until their coroutine ends, and may have
    /// been freed and given to another since, so that two wait for each other over nothing. One that
    /// waits for a lock comes late, and last one that waits to be alone: it may be about to end the
    /// server. Who has panicked comes first, too: it may hold what the others wait for.
    pub(crate) fn force_oldest(&mut self) -> Forced {
        let rank = |parked: &Parked| match parked.waiting {
            Waiting::Want(Want::Region(_)) | Waiting::Panicked => 0,
            Waiting::Want(Want::Lock(..)) => 2,
            Waiting::Want(Want::Alone) | Waiting::Loop(_) | Waiting::Nested(_) => 3,
            _ => 1,
        };
        let by_rank = self.by_id.iter_mut().min_by_key(|(id, parked)| (rank(parked), **id));
        let Some((id, parked)) = by_rank else { return Forced::Nobody };
        let is_light = rank(parked) == 0;
        if matches!(parked.waiting, Waiting::Want(_)) {
            parked.waiting = Waiting::Nothing;
        }
        self.ready.push_back((*id, Answer::Forced));
        if is_light { Forced::PastNothing } else { Forced::PastClaim }
    }

    /// Takes one out, whether or not it can go on.
    pub(crate) fn remove(&mut self, id: CoroutineId) -> Option<Parked> {
        let parked = self.by_id.remove(&id)?;
        let is_done = |ready: &(CoroutineId, Answer)| ready.0 == id && is_of_job(&ready.1);
        let has_job = matches!(parked.waiting, Waiting::Job);
        self.in_flight -= usize::from(has_job);
        self.waiters -= usize::from(!has_job && !self.ready.iter().any(is_done));
        self.ready.retain(|(known, _)| *known != id);
        Some(parked)
    }

    /// Can a coroutine go on?
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// One that has waited at the door of a connection, and can go on.
    pub(crate) fn pop_admitted(&mut self) -> Option<(CoroutineId, Parked, Answer)> {
        if self.waiters == 0 {
            return None;
        }
        let is_admitted = |parked: &Parked| matches!(parked.waiting, Waiting::Admitted);
        let mut ids = self.ready.iter().map(|(id, _)| *id);
        let id = ids.find(|id| self.by_id.get(id).is_some_and(is_admitted))?;
        self.pop_ready_of(|known| known == id)
    }

    /// The next coroutine that can go on.
    pub(crate) fn pop_ready(&mut self) -> Option<(CoroutineId, Parked, Answer)> {
        self.pop_ready_of(|_| true)
    }

    /// The next that has what it waited for.
    pub(crate) fn pop_light(&mut self) -> Option<(CoroutineId, Parked, Answer)> {
        let is_light = |(_, answer): &(CoroutineId, Answer)| !matches!(answer, Answer::GivenUp);
        self.pop_ready_at(self.ready.iter().position(is_light)?)
    }

    /// Does one of these have a job in flight?
    pub(crate) fn is_any_in_flight(&self, of: impl Fn(CoroutineId) -> bool) -> bool {
        let mut parked = self.by_id.iter();
        parked.any(|(id, parked)| matches!(parked.waiting, Waiting::Job) && of(*id))
    }

    /// The next of these that can go on.
    pub(crate) fn pop_ready_of(
        &mut self,
        of: impl Fn(CoroutineId) -> bool,
    ) -> Option<(CoroutineId, Parked, Answer)> {
        self.pop_ready_at(self.ready.iter().position(|(id, _)| of(*id))?)
    }

    fn pop_ready_at(&mut self, position: usize) -> Option<(CoroutineId, Parked, Answer)> {
        let (id, answer) = self.ready.remove(position)?;
        let parked = self.by_id.remove(&id)?;
        self.waiters -= usize::from(!is_of_job(&answer));
        Some((id, parked, answer))
    }

    /// In a child after fork: they are the parent's.
    pub(crate) fn forget(&mut self) {
        for (_, parked) in std::mem::take(&mut self.by_id) {
            std::mem::forget(parked);
        }
        for answer in self.ready.drain(..) {
            std::mem::forget(answer);
        }
        self.in_flight = 0;
        self.waiters = 0;
    }
}
