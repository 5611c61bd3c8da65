//! The book of what was fetched, held and given out, and what was seen on the way.

use std::collections::{BTreeMap, BTreeSet};

use interlude_core::Fd;
use interlude_core::ready::Delivered;

use crate::kernel::Key;
use crate::stock::Stock;
use crate::violation::Violation;

/// `EPOLLOUT`.
const WRITABLE: u32 = 0x004;

/// An event that the kernel has reported and that nobody has got yet.
#[derive(Debug, Clone, Copy)]
struct Fetched {
    serial: u64,
    flags: u32,
    at: u64,
    /// Its first part was given out.
    is_rest: bool,
}

/// How often the kernel reported a registration while its fd was owned.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    fetched: u32,
    /// Wake-ups since the first of them: each may cost one more.
    woken: u32,
}

/// How often a situation arose, so that a test can tell that it did.
pub(crate) type Seen = BTreeMap<&'static str, usize>;

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    fetched: Vec<Fetched>,
    /// When each registration was fetched last.
    last: BTreeMap<u64, u64>,
    held: BTreeMap<u64, Held>,
    /// Fds (number and opening) that somebody was forced to use: they prove nothing any more.
    excused: BTreeSet<(i32, u64)>,
    /// What was seen.
    pub(crate) seen: Seen,
}

impl Ledger {
    /// Counts a situation.
    pub(crate) fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The kernel reported an event of a registration.
    pub(crate) fn fetched(&mut self, serial: u64, flags: u32, at: u64) {
        self.fetched.push(Fetched { serial, flags, at, is_rest: false });
        self.last.insert(serial, at);
    }

    /// When a registration was fetched last.
    pub(crate) fn last_fetched(&self, serial: u64) -> Option<u64> {
        self.last.get(&serial).copied()
    }

    /// The kernel reported a registration whose fd a parked coroutine owns. Twice is allowed (the
    /// event, and the answer to being asked to keep quiet), and once more for each wake-up since.
    pub(crate) fn fetched_while_owned(&mut self, fd: i32, serial: u64) -> Result<(), Violation> {
        let held = self.held.entry(serial).or_default();
        held.fetched += 1;
        if held.fetched > 2 + held.woken {
            return Err(Violation::Spins(format!("fd {fd} was fetched {} times", held.fetched)));
        }
        Ok(())
    }

    /// A registration was woken.
    pub(crate) fn woken(&mut self, serial: u64) {
        if let Some(held) = self.held.get_mut(&serial) {
            held.woken += 1;
        }
    }

    /// A registration was changed by the server, or its fd is owned no more.
    pub(crate) fn hold_ends(&mut self, serial: u64) {
        self.held.remove(&serial);
    }

    /// An event was given to the server: there must have been such a one. Returns whose it is, and
    /// when it was fetched.
    pub(crate) fn delivered(
        &mut self,
        event: Delivered,
        stock: &Stock,
    ) -> Result<(Key, u64), Violation> {
        let Some((key, registration)) = stock.by_data(event.data) else {
            return Err(Violation::Stale(format!("{event:?}: nothing has this data")));
        };
        let number = if registration.closed.is_some() { Fd(-1) } else { Fd(key.1) };
        if event.fd != number {
            return Err(Violation::Stale(format!("{event:?} is of {number:?}")));
        }
        // After a nested wait there may be two, and where a second part waits; either may be this one.
        let is_it = |f: &Fetched| f.serial == registration.serial && event.flags & !f.flags == 0;
        let is_whole = |f: &Fetched| is_it(f) && event.flags == f.flags;
        let index = self.fetched.iter().rposition(is_whole);
        let index = index.or_else(|| self.fetched.iter().rposition(is_it));
        let Some((index, found)) = index.and_then(|i| Some((i, *self.fetched.get(i)?))) else {
            return Err(Violation::Invented(format!("{event:?}: the kernel did not report it")));
        };
        self.fetched.remove(index);
        // An event of a peer may come in two parts; and where there are two events, the second part may have
        // been taken for one of the other.
        let is_writable = event.flags & WRITABLE != 0;
        let rest = if is_writable { found.flags & !WRITABLE } else { found.flags & WRITABLE };
        if rest != 0 && (!is_writable || event.flags == WRITABLE) {
            self.fetched.push(Fetched { flags: rest, is_rest: !is_writable, ..found });
        }
        if registration.closed.is_some_and(|closed| closed > found.at) {
            return Err(Violation::Stale(format!("{event:?} was fetched before the close")));
        }
        if event.flags == 0 || event.flags & !registration.wanted() != 0 {
            let wanted = registration.wanted();
            return Err(Violation::Invented(format!("{event:?}: wanted is {wanted:#x}")));
        }
        Ok((key, found.at))
    }

    /// Whatever was fetched was given to the server, held or dropped.
    pub(crate) fn drained(&mut self) {
        self.fetched.retain(|fetched| fetched.is_rest);
    }

    /// Was one part of an event given out, but not the other? If that has to be given back to the kernel,
    /// it reports the whole once more.
    pub(crate) fn has_rest(&self, serial: u64) -> bool {
        self.fetched.iter().any(|fetched| fetched.serial == serial && fetched.is_rest)
    }

    /// Somebody was forced to use an fd beside another.
    pub(crate) fn excuse(&mut self, owned: (i32, u64)) {
        self.excused.insert(owned);
    }

    /// Was that so?
    pub(crate) fn is_excused(&self, owned: (i32, u64)) -> bool {
        self.excused.contains(&owned)
    }
}
