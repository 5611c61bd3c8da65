//! What one coroutine claims.

use super::given::Given;
use super::{Access, Region};
use crate::Fd;
use crate::links::Links;

/// What one coroutine claims.
#[derive(Debug, Default)]
pub(super) struct Possessions {
    pub(super) fds: Vec<Fd>,
    /// Those of `fds` that it was given events of.
    pub(super) events: Given,
    /// What was linked to `fds` when it parked, now or before.
    pub(super) linked: Vec<Fd>,
    /// What was due when it began or went on.
    pub(super) due: Vec<Fd>,
    pub(super) locks: Vec<(usize, Access)>,
    pub(super) objects: Vec<usize>,
    pub(super) regions: Vec<Region>,
    pub(super) crowded: bool,
    pub(super) anonymous: bool,
    /// May an event of a connection that it does not own, or of no connection, concern it?
    pub(super) exposed: bool,
    /// Does it use a connection whose partners are not all known, or may it be at any connection at all?
    pub(super) stray: bool,
    /// Was it given several events, when it parked? A server that has begun with one of them may have put
    /// it off to the end of its turn.
    pub(super) is_batch: bool,
    /// Has it put off something itself?
    pub(super) puts_off: bool,
    /// May it be at something else than its events?
    pub(super) in_doubt: bool,
    /// The connection that it used last, where classes of connections matter.
    pub(super) latest: Option<Fd>,
    /// A connection that it has accepted in an event of the listener, and not read from yet.
    pub(super) newcomer: Option<Fd>,
    /// The last one that it has read from there.
    pub(super) early: Option<Fd>,
}

/// Room for fds and locks that a coroutine uses besides those of its events.
const FDS: usize = 256;
const LOCKS: usize = 64;
/// Room for those that worked with a connection that it closes.
const LINKED: usize = 64;

impl Possessions {
    pub(super) fn clear(&mut self) {
        self.fds.clear();
        self.locks.clear();
        self.objects.clear();
        self.regions.clear();
        self.events.clear();
        self.linked.clear();
        self.due.clear();
        self.crowded = false;
        self.anonymous = false;
        self.exposed = false;
        self.stray = false;
        self.is_batch = false;
        self.puts_off = false;
        self.in_doubt = false;
        self.latest = None;
        self.newcomer = None;
        self.early = None;
    }

    /// Is one of its fds a connection, or linked to one that was?
    pub(super) fn has_connection(&self, links: &Links) -> bool {
        !self.linked.is_empty() || self.fds.iter().any(|fd| links.is_connection(*fd))
    }

    /// Makes room: to be called where memory may be allocated.
    pub(super) fn make_room(&mut self) {
        self.fds.reserve(FDS);
        self.locks.reserve(LOCKS);
        self.linked.reserve(LINKED);
    }
}

pub(super) fn push_within<T>(list: &mut Vec<T>, item: T) -> bool {
    let has_room = list.len() < list.capacity();
    if has_room {
        list.push(item);
    }
    has_room
}
