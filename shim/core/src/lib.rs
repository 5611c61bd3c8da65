//! What Interlude decides, without doing any of it: no unsafe code, no system call, no clock.
//!
//! The shim asks (which event next, who owns this fd, may this coroutine have that lock) and acts
//! on the answer. Everything here can be driven by a test with made-up events.
//!
//! | module | rule of conflict |
//! |---|---|
//! | [`interest`] | C6 order, C7 identity: one epoll instance as the server registered it |
//! | [`ready`] | which event the server gets next, alone or in a batch |
//! | [`habit`] | which fds lead to parks |
//! | [`claims`] | C1 own fd, C3 locks, C4 busy objects, C8 shared regions: who has what |
//! | [`links`] | C2 linked fds: which connections belong together |
//! | [`fence`] | C5 timers: what clocks show beside parked coroutines |
//! | [`company`] | which calls find others to share a pass with |
//! | [`cost`] | how long calls take: which are worth a job |
//! | [`policy`] | where a call is made: in place, by the engine, waited for or parked |
//! | [`nesting`] | which wait is the event loop |
//! | [`postponed`] | C2: what a server goes on with without an event |
//! | [`moment`] | what time it is by two clocks |
//! | [`page`] | the statistics page |
#![forbid(unsafe_code)]

pub mod claims;
pub mod company;
pub mod cost;
pub mod fence;
pub mod habit;
pub mod interest;
pub mod links;
pub mod moment;
pub mod nesting;
pub mod page;
pub mod policy;
pub mod postponed;
pub mod ready;

/// A file descriptor of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fd(pub i32);

impl Fd {
    /// As an index into a table, or `None` where the number is negative or larger than any that a
    /// kernel gives out (`fs.nr_open` is 2^20): a table never grows by a number that is no fd.
    #[must_use]
    pub fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok().filter(|index| *index < 1 << 20)
    }
}

/// A coroutine of one thread: numbers rise, none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CoroutineId(pub u64);
