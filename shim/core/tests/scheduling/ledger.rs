//! The book of what was fetched, held and given out, and what was seen on the way.

use std::collections::{BTreeMap, BTreeSet};

use interlude_core::ready::Delivered;

use crate::files::{ERR, HUP};
use crate::stock::Stock;
use crate::violation::Violation;

/// An event that the kernel has reported and that nobody has got yet.
#[derive(Debug, Clone, Copy)]
struct Fetched {
    fd: i32,
    /// The registration, `None` if it was gone already.
    serial: Option<u64>,
    flags: u32,
    at: u64,
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

    /// The kernel reported an event.
    pub(crate) fn fetched(&mut self, fd: i32, serial: Option<u64>, flags: u32, at: u64) {
        self.fetched.push(Fetched { fd, serial, flags, at });
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

    /// An event was given to the server: there must have been such a one. Returns when it was
    /// fetched.
    pub(crate) fn delivered(&mut self, event: Delivered, stock: &Stock) -> Result<u64, Violation> {
        let fd = event.fd.0;
        let Some(registration) = stock.registration(fd) else {
            return Err(Violation::Stale(format!("fd {fd} is not registered")));
        };
        let serial = Some(registration.serial);
        let found = self.fetched.iter().position(|f| f.fd == fd && f.serial == serial);
        let Some(found) = found.map(|index| self.fetched.remove(index)) else {
            let is_old = self.fetched.iter().any(|fetched| fetched.fd == fd);
            let text = format!("fd {fd}: the kernel did not report this registration");
            return Err(if is_old { Violation::Stale(text) } else { Violation::Invented(text) });
        };
        let allowed = found.flags & (registration.mask | ERR | HUP);
        if event.flags == 0 || event.flags & !allowed != 0 {
            let flags = event.flags;
            return Err(Violation::Invented(format!("fd {fd}: flags {flags:#x} of {allowed:#x}")));
        }
        if event.data != registration.data {
            return Err(Violation::Stale(format!("fd {fd}: data {}", event.data)));
        }
        Ok(found.at)
    }

    /// Whatever was fetched was given to the server, held or dropped.
    pub(crate) fn drained(&mut self) {
        self.fetched.clear();
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
