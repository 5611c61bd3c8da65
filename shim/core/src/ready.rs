//! The events that the kernel has reported and the server has not seen: which ones it gets next.
//!
//! Events that will probably not park go together, as the kernel would give them; a parker goes
//! alone, and after the others, which are short. So does a connection to a peer: together with a
//! client's, it would not show which of them belong together. An event whose fd a parked coroutine
//! owns is held (see [`crate::interest`]).
//!
//! **A peer's event comes in two parts**: what it says, and that it can be written to. A server deals with
//! both of one event, one after the other. At the first it may have its whole answer, give the connection
//! back to those that it keeps, and park; who takes it then is in the midst of that, and waits for it (C1),
//! when the first goes on with the second part: it would send the other's request once more.
//!
//! **Orders** (to end, to restart) come by pipes and the like. A server obeys them at the end of the turn
//! in which they came, or in its next, whichever coroutine that is; and then it looks at all of its
//! requests. So they go alone, and when nobody is parked.
//!
//! Must not: keep an event of a registration that is gone (C7): each is looked up when it is
//! picked, not when it was fetched.

use std::collections::VecDeque;

use crate::claims::Claims;
use crate::habit::Habits;
use crate::interest::{Fetch, InterestList, Operation, Token};
use crate::{CoroutineId, Fd};

/// An event as the server gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The fd that it is about; -1 where that was closed.
    pub fd: Fd,
    /// `events`.
    pub flags: u32,
    /// The server's own `data`.
    pub data: u64,
}

/// Takes out of a parked coroutine's events those whose fd was closed since, before it goes on with them.
///
/// The server knows that an event of its own batch may be stale (nginx by a bit that changes when a
/// connection is used again, lighttpd by keeping what it frees until its batch is over); but not that
/// other batches pass in the midst of this one, in which what was closed is used again, twice. There is
/// no way to take an event out of a batch that the server is going through: it becomes one of a
/// connection that is there, if any is, with no flag set.
pub fn silence(events: &mut [Delivered], is_there: impl Fn(Fd) -> bool, claims: &Claims) {
    let lives = |event: &Delivered| event.fd.0 >= 0 && is_there(event.fd);
    let lives_on = events.iter().find(|e| lives(e) && claims.links().is_connection(e.fd)).copied();
    for event in events.iter_mut().filter(|event| event.fd.0 >= 0) {
        if !is_there(event.fd) {
            let data = lives_on.map_or(event.data, |other| other.data);
            *event = Delivered { fd: Fd(-1), flags: 0, data };
        }
    }
}

/// What came of picking the next events.
#[derive(Debug, Default)]
pub struct Pick {
    /// For the server; empty if nothing can go to it now.
    pub events: Vec<Delivered>,
    /// For the kernel, in this order.
    pub operations: Vec<Operation>,
    /// Events held.
    pub held: usize,
    /// Events whose registration was gone.
    pub stale: usize,
    /// `events`, as they were fetched: until the server has them, they may have to be given back.
    taken: Vec<Fetched>,
}

impl Pick {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.operations.clear();
        self.held = 0;
        self.stale = 0;
        self.taken.clear();
    }

    /// The server has what was picked.
    pub fn arrived(&mut self) {
        self.taken.clear();
    }
}

/// `EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND`.
const WRITABLE: u32 = 0x004 | 0x100 | 0x200;
/// `EPOLLERR | EPOLLHUP`: of a connection that nobody will use again.
const BROKEN: u32 = 0x008 | 0x010;

/// May a server deal with an event of these flags in two steps, for what there is to read and for the room to
/// write?
#[must_use]
pub fn has_parts(flags: u32) -> bool {
    flags & BROKEN != 0 || (flags & WRITABLE != 0 && flags & !WRITABLE != 0)
}

/// An event from the kernel.
#[derive(Debug, Clone, Copy)]
struct Fetched {
    token: Token,
    flags: u32,
    fetch: Fetch,
    /// The second part of an event, the first of which was given out.
    is_second: bool,
}

/// Events fetched from one epoll instance, and fds held.
#[derive(Debug, Default)]
pub struct Ready {
    fetched: VecDeque<Fetched>,
    /// Taken from `fetched`, each to go alone.
    parkers: VecDeque<Fetched>,
    /// Taken from `fetched` because it is not known whom they concern: they wait for calm.
    strays: VecDeque<Fetched>,
    /// Taken from `fetched`, each to go alone, with nobody parked.
    orders: VecDeque<Fetched>,
    /// Second parts whose fd is busy. The kernel is not asked about them: where it reports changes only,
    /// it would report the first parts, too.
    rests: VecDeque<Fetched>,
    held: Vec<Token>,
}

impl Ready {
    /// Adds an event from the kernel, of that fetch.
    pub fn push(&mut self, token: Token, flags: u32, fetch: Fetch) {
        self.fetched.push_back(Fetched { token, flags, fetch, is_second: false });
    }

    /// Are there events that were not yet looked at?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues().iter().all(|queue| queue.is_empty())
    }

    fn queues(&self) -> [&VecDeque<Fetched>; 4] {
        [&self.fetched, &self.parkers, &self.strays, &self.orders]
    }

    fn queues_mut(&mut self) -> [&mut VecDeque<Fetched>; 5] {
        let Self { fetched, parkers, strays, orders, rests, .. } = self;
        [fetched, parkers, strays, orders, rests]
    }

    /// Does an event wait until those are gone that it may concern? Then nothing new may begin.
    #[must_use]
    pub fn wants_calm(&self, claims: &Claims) -> bool {
        !self.orders.is_empty() || (!self.strays.is_empty() && claims.is_exposed())
    }

    /// The fds whose events are held.
    pub fn held(&self) -> impl Iterator<Item = Fd> {
        self.held.iter().map(|token| token.fd())
    }

    /// How many events are held, or parts of them.
    #[must_use]
    pub fn held_len(&self) -> usize {
        self.held.len() + self.rests.len()
    }

    /// Picks at most `max` events for the server into `pick` (which is emptied first). Without
    /// `habits`, for a nested wait: all together.
    pub fn pick(
        &mut self,
        interest: &mut InterestList,
        claims: &Claims,
        habits: Option<&Habits>,
        max: usize,
        pick: &mut Pick,
    ) {
        pick.clear();
        self.admit_order(interest, claims, pick);
        if !pick.events.is_empty() {
            return;
        }
        while let Some(event) = self.strays.pop_back() {
            self.fetched.push_front(event);
        }
        while pick.events.len() < max {
            let Some(event) = self.fetched.pop_front() else { break };
            let fd = event.token.fd();
            if claims.rules().linked_fds && interest.is_order(fd) {
                self.orders.push_back(event);
                continue;
            }
            let goes_alone =
                |habits: &Habits| habits.is_parker(fd) || claims.links().is_connected(fd);
            if habits.is_some_and(goes_alone) && !claims.is_busy(fd) {
                self.parkers.push_back(event);
                continue;
            }
            self.admit(event, interest, claims, pick);
        }
        while pick.events.is_empty() {
            let Some(event) = self.parkers.pop_front() else { break };
            let event = self.first_part(event, interest, claims);
            self.admit(event, interest, claims, pick);
        }
        if pick.events.is_empty() {
            self.admit_order(interest, claims, pick);
        }
    }

    /// An event that goes alone, without what comes in an event of its own, next.
    fn first_part(&mut self, event: Fetched, interest: &InterestList, claims: &Claims) -> Fetched {
        let Fetched { token, flags, .. } = event;
        let fd = token.fd();
        let is_whole = flags & BROKEN != 0
            || !has_parts(flags)
            || !claims.rules().linked_fds
            || !claims.links().is_connected(fd)
            || claims.is_busy(fd)
            // Its file is another one than the number has by now.
            || interest.token(fd) != Some(token)
            // An event of such is the only one.
            || interest.is_once(fd);
        if is_whole {
            return event;
        }
        self.parkers.push_front(Fetched { flags: flags & WRITABLE, is_second: true, ..event });
        Fetched { flags: flags & !WRITABLE, ..event }
    }

    /// One, if nobody is parked.
    fn admit_order(&mut self, interest: &mut InterestList, claims: &Claims, pick: &mut Pick) {
        while claims.parked_len() == 0 && pick.events.is_empty() {
            let Some(event) = self.orders.pop_front() else { break };
            self.admit(event, interest, claims, pick);
        }
    }

    fn admit(
        &mut self,
        event: Fetched,
        interest: &mut InterestList,
        claims: &Claims,
        pick: &mut Pick,
    ) {
        let Fetched { mut token, flags, fetch, is_second } = event;
        if !claims.rules().identity {
            token = interest.token(token.fd()).unwrap_or(token);
        }
        let Some(resolved) = interest.resolve(token, flags, fetch) else {
            // At the first part the server may have closed it, or lost its interest.
            pick.stale += usize::from(!is_second);
            return;
        };
        let is_busy = resolved.fd.is_some_and(|fd| claims.is_busy(fd));
        if is_busy && is_second && interest.is_of_changes(token.fd()) {
            self.rests.push_back(event);
            return;
        }
        if is_busy {
            pick.operations.extend(interest.hold(token));
            pick.held += 1;
            if !self.held.contains(&token) {
                self.held.push(token);
            }
            return;
        }
        if claims.needs_calm(resolved.fd) {
            self.strays.push_back(event);
            return;
        }
        let fd = resolved.fd.unwrap_or(Fd(-1));
        pick.events.push(Delivered { fd, flags: resolved.flags, data: resolved.data });
        pick.taken.push(Fetched { token, ..event });
    }

    /// What was picked has not come to the server, and will not: it is as if it had just been fetched.
    pub fn put_back(&mut self, pick: &mut Pick) {
        self.fetched.extend(pick.taken.drain(..));
        pick.clear();
    }

    /// A coroutine has ended: lets go every held fd that is busy no more. The kernel's answer to
    /// the operations is the event, if there still is one; so whatever else was fetched for the fd
    /// meanwhile goes, or it would come twice.
    pub fn release(&mut self, interest: &mut InterestList, claims: &Claims) -> Vec<Operation> {
        let mut operations = Vec::new();
        let mut held = std::mem::take(&mut self.held);
        held.retain(|token| {
            let busy = claims.is_busy(token.fd());
            if !busy
                && claims.rules().order
                && let Some(operation) = interest.release(*token)
            {
                operations.push(operation);
                for queue in self.queues_mut() {
                    queue.retain(|event| event.token != *token);
                }
            }
            busy
        });
        self.held = held;
        for rest in std::mem::take(&mut self.rests) {
            let busy = claims.is_busy(rest.token.fd());
            (if busy { &mut self.rests } else { &mut self.parkers }).push_back(rest);
        }
        operations
    }

    /// Gives everything back to the kernel: its answer to the operations is what is still so. Only
    /// events of orphans are lost, whose numbers nobody can ask about.
    pub fn give_back(&mut self, interest: &mut InterestList) -> Vec<Operation> {
        let queued = self.queues_mut().into_iter().flat_map(|queue| queue.drain(..));
        let mut tokens: Vec<Token> = queued.map(|event| event.token).collect();
        let mut operations: Vec<Operation> =
            tokens.iter().filter_map(|token| interest.hold(*token)).collect();
        tokens.append(&mut self.held);
        operations.extend(tokens.into_iter().filter_map(|token| interest.release(token)));
        operations
    }

    /// Forgets everything: after a fork, in the child.
    pub fn clear(&mut self) {
        self.queues_mut().into_iter().for_each(VecDeque::clear);
        self.held.clear();
    }
}

/// A name for the next coroutine.
#[derive(Debug, Default)]
pub struct Numbering(u64);

impl Numbering {
    /// A number that was not used before.
    pub fn take(&mut self) -> CoroutineId {
        self.0 += 1;
        CoroutineId(self.0)
    }
}

#[cfg(test)]
mod tests;
