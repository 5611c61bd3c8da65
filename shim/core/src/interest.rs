//! The interest list of one epoll instance: what the server registered, and what it gets back.
//!
//! The kernel holds a [`Token`] of ours (fd and generation) where the server put its `data`; an
//! event comes back with the token, and the server gets its own `data` (C7). A reused number is a
//! new generation, so that what was queued for the old one finds nothing.
//!
//! **Holding an event** (C6) keeps no copy of it. The kernel knows the truth about readiness, so
//! the event is dropped and the kernel is asked again when the fd is released: `EPOLL_CTL_MOD`
//! with the server's own mask makes it look at the file and report what is so *then*. Nothing can
//! be lost, doubled or out of date that way. What has to be done meanwhile depends on the trigger:
//!
//! ```text
//!              while held                          at release
//! edge         nothing: one edge, one event        MOD mask
//! level        MOD to edge-triggered: no spinning  MOD mask
//! one-shot     nothing: the kernel has disarmed    MOD mask (arms again)
//! exclusive    DEL: the kernel refuses MOD         ADD mask
//! ```
//!
//! **Closing** an fd does not end its registration where a duplicate keeps the file open: the kernel
//! goes on reporting it, and a server that duplicates fds sees those events. They are *orphans*:
//! what is fetched after the close is delivered as the kernel says it; what was fetched before the
//! close and not yet delivered is dropped, because the server may have freed what its `data` points
//! to since (without Interlude it would have had the event before it closed). So is what was fetched
//! before the server changed or deleted the registration by a number that came back. A hold ends
//! before the close: the kernel goes on as the server told it.
//!
//! Must not: call the kernel. Each change returns the [`Operation`] that the shim carries out.

use std::collections::VecDeque;

use crate::Fd;

/// `EPOLLERR | EPOLLHUP`: reported whether asked for or not.
const ALWAYS: u32 = 0x008 | 0x010;
/// `EPOLLEXCLUSIVE`.
pub const EXCLUSIVE: u32 = 1 << 28;
/// `EPOLLONESHOT`.
pub const ONESHOT: u32 = 1 << 30;
/// `EPOLLET`.
pub const EDGE: u32 = 1 << 31;
/// Bits that say how, not what.
const MODIFIERS: u32 = EXCLUSIVE | (1 << 29) | ONESHOT | EDGE;

/// What the kernel keeps for a registration: fd in the low half, generation in the high half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Token {
    fn new(fd: Fd, generation: u32) -> Self {
        Self(u64::from(fd.0.cast_unsigned()) | (u64::from(generation) << 32))
    }

    /// The fd that the token was made for.
    #[must_use]
    pub fn fd(self) -> Fd {
        Fd((self.0 as u32).cast_signed())
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// An `epoll_ctl` call on this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `EPOLL_CTL_ADD` with this mask and token.
    Add(Fd, u32, Token),
    /// `EPOLL_CTL_MOD` with this mask and token.
    Modify(Fd, u32, Token),
    /// `EPOLL_CTL_DEL`.
    Delete(Fd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    No,
    /// An event was dropped; the kernel's registration is as the server made it.
    Dropped,
    /// As `Dropped`, and the registration was made edge-triggered.
    Quieted,
    /// As `Dropped`, and the registration was taken out.
    Removed,
}

#[derive(Debug, Clone, Copy)]
struct Registration {
    generation: u32,
    mask: u32,
    data: u64,
    hold: Hold,
    /// Orders come by it.
    is_order: bool,
}

/// A registration whose fd was closed.
#[derive(Debug, Clone, Copy)]
struct Orphan {
    fd: Fd,
    generation: u32,
    mask: u32,
    data: u64,
    /// What was fetched until then is not delivered.
    closed_at: Fetch,
}

/// Orphans that are remembered: the kernel has forgotten nearly all of them at their close.
const ORPHANS: usize = 256;

/// Numbers the fetches from one epoll instance, so that what came before a close is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetch(u64);

/// One epoll instance.
#[derive(Debug, Default)]
pub struct InterestList {
    by_fd: Vec<Option<Registration>>,
    orphans: VecDeque<Orphan>,
    last_generation: u32,
    last_fetch: Fetch,
}

impl InterestList {
    /// Makes or replaces the registration of `fd`: the server's `EPOLL_CTL_ADD`. The kernel is to
    /// be given the token; if it refuses, call [`InterestList::undo_add`].
    pub fn add(&mut self, fd: Fd, mask: u32, data: u64) -> Option<Added> {
        let index = fd.index()?;
        if self.by_fd.len() <= index {
            self.by_fd.resize(index + 1, None);
        }
        self.last_generation = self.last_generation.wrapping_add(1);
        let generation = self.last_generation;
        let slot = self.by_fd.get_mut(index)?;
        let before =
            slot.replace(Registration { generation, mask, data, hold: Hold::No, is_order: false });
        Some(Added { token: Token::new(fd, generation), before: Before(before) })
    }

    /// What comes by `fd`, which was just added, tells the server what to do: to end, to restart.
    pub fn carries_orders(&mut self, fd: Fd) {
        if let Some(registration) = self.registration_mut(fd) {
            registration.is_order = true;
        }
    }

    /// Do orders come by `fd`?
    #[must_use]
    pub fn is_order(&self, fd: Fd) -> bool {
        self.registration(fd).is_some_and(|registration| registration.is_order)
    }

    /// Puts back what was there before an `add` that the kernel refused.
    pub fn undo_add(&mut self, fd: Fd, before: Before) {
        if let Some(slot) = fd.index().and_then(|index| self.by_fd.get_mut(index)) {
            *slot = before.0;
        }
    }

    /// The token to give the kernel with the server's `EPOLL_CTL_MOD`; `None` if `fd` is not
    /// registered here.
    #[must_use]
    pub fn token(&self, fd: Fd) -> Option<Token> {
        self.registration(fd).map(|r| Token::new(fd, r.generation))
    }

    /// Records a `EPOLL_CTL_MOD` that the kernel accepted. A dropped event needs nothing more:
    /// the kernel has just looked at the file again.
    pub fn modified(&mut self, fd: Fd, mask: u32, data: u64) {
        if let Some(registration) = self.registration_mut(fd) {
            registration.mask = mask;
            registration.data = data;
            registration.hold = Hold::No;
        }
    }

    /// Forgets `fd`: an `EPOLL_CTL_DEL` that the kernel accepted.
    pub fn remove(&mut self, fd: Fd) {
        if self.take(fd).is_none() {
            self.taken_up(fd);
        }
    }

    /// The kernel has accepted an `EPOLL_CTL_MOD` or `DEL` of `fd`, which was not registered here:
    /// the number has come back as another one of the same file, and that orphan is none any more.
    /// Which of those with this number it was is not known; of all of them, only what is fetched
    /// from now on counts.
    pub fn taken_up(&mut self, fd: Fd) {
        for orphan in self.orphans.iter_mut().filter(|orphan| orphan.fd == fd) {
            orphan.closed_at = self.last_fetch;
        }
    }

    /// The number `fd` is about to end, by `close` or `dup2`. Returns what makes the kernel's
    /// registration the server's own again, in case that a duplicate keeps it.
    pub fn closed(&mut self, fd: Fd) -> Option<Operation> {
        let Registration { generation, mask, data, hold, .. } = self.take(fd)?;
        if self.orphans.len() == ORPHANS {
            self.orphans.pop_front();
        }
        self.orphans.push_back(Orphan { fd, generation, mask, data, closed_at: self.last_fetch });
        let token = Token::new(fd, generation);
        match hold {
            // A dropped event was fetched before the close.
            Hold::No | Hold::Dropped => None,
            Hold::Quieted => Some(Operation::Modify(fd, mask, token)),
            Hold::Removed => Some(Operation::Add(fd, mask, token)),
        }
    }

    /// Events are about to be fetched from the kernel: their number.
    pub fn fetch(&mut self) -> Fetch {
        self.last_fetch.0 += 1;
        self.last_fetch
    }

    fn take(&mut self, fd: Fd) -> Option<Registration> {
        fd.index().and_then(|index| self.by_fd.get_mut(index)).and_then(Option::take)
    }

    /// Is `fd` registered here?
    #[must_use]
    pub fn contains(&self, fd: Fd) -> bool {
        self.registration(fd).is_some()
    }

    /// Does the kernel report `fd` once, and then not until it is asked again?
    #[must_use]
    pub fn is_once(&self, fd: Fd) -> bool {
        self.registration(fd).is_some_and(|registration| registration.mask & ONESHOT != 0)
    }

    /// Does the kernel report only what changes of `fd`?
    #[must_use]
    pub fn is_of_changes(&self, fd: Fd) -> bool {
        self.registration(fd).is_some_and(|registration| registration.mask & EDGE != 0)
    }

    /// What the server is to get for a kernel event of that fetch: its `data`, and the flags that
    /// it still wants. `None` for a token whose registration is gone, or where nothing is left of
    /// `flags`.
    #[must_use]
    pub fn resolve(&self, token: Token, flags: u32, fetch: Fetch) -> Option<Resolved> {
        let (mask, data, fd) = match self.current(token) {
            Some(registration) => (registration.mask, registration.data, Some(token.fd())),
            None => {
                let mut orphans = self.orphans.iter().rev();
                let orphan = orphans.find(|orphan| orphan.generation == token.generation())?;
                if fetch <= orphan.closed_at {
                    return None;
                }
                (orphan.mask, orphan.data, None)
            }
        };
        let flags = flags & ((mask & !MODIFIERS) | ALWAYS);
        (flags != 0).then_some(Resolved { flags, data, fd })
    }

    /// Drops an event of `token`, to be asked for again by [`InterestList::release`]. Returns what
    /// keeps the kernel from repeating it meanwhile.
    pub fn hold(&mut self, token: Token) -> Option<Operation> {
        let fd = token.fd();
        let registration = self.registration_mut(fd)?;
        if registration.generation != token.generation() || registration.hold != Hold::No {
            return None;
        }
        if registration.mask & EXCLUSIVE != 0 {
            registration.hold = Hold::Removed;
            return Some(Operation::Delete(fd));
        }
        if registration.mask & (EDGE | ONESHOT) != 0 {
            registration.hold = Hold::Dropped;
            return None;
        }
        registration.hold = Hold::Quieted;
        Some(Operation::Modify(fd, registration.mask | EDGE, token))
    }

    /// Ends a hold, whatever the token's fate: returns how to ask the kernel again, or `None` if
    /// the registration is gone, replaced, or was asked about since.
    pub fn release(&mut self, token: Token) -> Option<Operation> {
        let fd = token.fd();
        let registration = self.registration_mut(fd)?;
        if registration.generation != token.generation() {
            return None;
        }
        match std::mem::replace(&mut registration.hold, Hold::No) {
            Hold::No => None,
            Hold::Dropped | Hold::Quieted => Some(Operation::Modify(fd, registration.mask, token)),
            Hold::Removed => Some(Operation::Add(fd, registration.mask, token)),
        }
    }

    /// In a child after fork, whose instance is its parent's: what is held is held by the parent, which
    /// asks the kernel again.
    pub fn forget_holds(&mut self) {
        for registration in self.by_fd.iter_mut().flatten() {
            registration.hold = Hold::No;
        }
    }

    /// Events that were fetched may be lost: ends every hold, and returns how to ask about all that the
    /// kernel would not report again by itself. (A one-shot registration whose event the server has
    /// is not armed for it.)
    pub fn ask_again(&mut self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (index, slot) in self.by_fd.iter_mut().enumerate() {
            let (Some(registration), Ok(fd)) = (slot, i32::try_from(index)) else { continue };
            let Registration { generation, mask, hold, .. } = *registration;
            let (fd, once) = (Fd(fd), mask & (EXCLUSIVE | ONESHOT) != 0);
            let token = Token::new(fd, generation);
            registration.hold = Hold::No;
            match hold {
                Hold::Removed => operations.push(Operation::Add(fd, mask, token)),
                Hold::No if once || mask & EDGE == 0 => {}
                _ => operations.push(Operation::Modify(fd, mask, token)),
            }
        }
        operations
    }

    /// Before the server's own `epoll_ctl` for an fd that a hold took out of the
    /// kernel's list: how to put it back first, so that the call answers as it should.
    pub fn restore(&mut self, fd: Fd) -> Option<Operation> {
        let registration = self.registration_mut(fd)?;
        if registration.hold != Hold::Removed {
            return None;
        }
        registration.hold = Hold::No;
        let (mask, generation) = (registration.mask, registration.generation);
        Some(Operation::Add(fd, mask, Token::new(fd, generation)))
    }

    fn current(&self, token: Token) -> Option<&Registration> {
        self.registration(token.fd()).filter(|r| r.generation == token.generation())
    }

    fn registration(&self, fd: Fd) -> Option<&Registration> {
        self.by_fd.get(fd.index()?)?.as_ref()
    }

    fn registration_mut(&mut self, fd: Fd) -> Option<&mut Registration> {
        self.by_fd.get_mut(fd.index()?)?.as_mut()
    }
}

/// What [`InterestList::add`] made, and how to take it back.
#[derive(Debug)]
pub struct Added {
    /// For the kernel.
    pub token: Token,
    /// For [`InterestList::undo_add`].
    pub before: Before,
}

/// The registration that an `add` replaced.
#[derive(Debug)]
pub struct Before(Option<Registration>);

/// An event as the server is to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Its `events`.
    pub flags: u32,
    /// Its `data`.
    pub data: u64,
    /// The fd; `None` for an orphan, whose number may mean something else now.
    pub fd: Option<Fd>,
}

#[cfg(test)]
mod tests;
