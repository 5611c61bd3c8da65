//! Who has what: the fds, locks, objects and memory regions that coroutines of one thread claim.
//!
//! A server was written for one thing at a time. While a coroutine is parked, what it claims is
//! kept from the others:
//!
//! | claim | made by | ends | another coroutine that wants it |
//! |---|---|---|---|
//! | fd (C1) | its event, or touching it | with the coroutine | its event is held |
//! | linked fd (C2) | parking with an fd that it is linked to | with the coroutine | its event is held |
//! | due fd (C2) | being used in the turn before, by a server that has put off work | when the next turn has ended | its event is held |
//! | lock (C3) | taking it | with its release | parks until then |
//! | object (C4) | a call on it, while inside | with the call | parks until then; if it was freed meanwhile, the call fails |
//! | region (C8) | a call that reads or writes it | with the coroutine | parks until then |
//! | read buffer (C8) | a call that fills it from an fd | with the coroutine | events of every fd that was last read into it are held |
//!
//! Which fds are linked is [`crate::links`]' to know. Where it does not know, nobody runs beside
//! whoever might be concerned ([`Claims::needs_calm`], [`Claims::is_calm`]).
//!
//! The last row is for a server that reads all its connections into one buffer (nginx does, for
//! HTTP/2): it puts the rest of the last read there *before* it reads on, so waiting at the read
//! would be too late.
//!
//! Only parked coroutines can conflict: the one that runs is alone on its thread, so its claims
//! lie in [`Claims::running`] and cost a push to a list; they are published when it parks.
//!
//! **No memory is allocated** by what a hook calls at a moment when the server may be inside its
//! allocator, which takes locks (jemalloc's are pthread mutexes) or may be interrupted by a signal
//! whose handler writes to an fd: [`Claims::locked`], [`Claims::unlocked`], [`Claims::touch`],
//! [`Claims::fills`]. There is room from the beginning; a coroutine that needs more is
//! [crowded](Claims::is_crowded) and does not park for a job.
//!
//! Must not: know why a coroutine is parked, or resume one.

mod counts;
mod given;
mod locks;
mod parking;
mod possessions;
mod uses;
mod want;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

pub use want::{Access, Region, Rules, Want};

use self::counts::{FdCounts, LockCounts};
use self::possessions::{Possessions, push_within};
use crate::links::Links;
use crate::{CoroutineId, Fd};

/// Spare [`Possessions`] that are kept.
const SPARE: usize = 256;

/// The claims of one thread's coroutines.
#[derive(Debug, Default)]
pub struct Claims {
    rules: Rules,
    running: Possessions,
    /// Of coroutines that have ended: their memory is used again.
    spare: Vec<Possessions>,
    parked: BTreeMap<CoroutineId, Possessions>,
    links: Links,
    /// Connections that the server may go on with in its next turn, without an event; sorted.
    due: Vec<Fd>,
    /// Does it go on with something at all?
    has_due: bool,
    /// How many parked coroutines have something linked to each fd, by number.
    fd_linked: FdCounts,
    /// How many parked coroutines are exposed, and how many use a stray.
    exposed: usize,
    strays: usize,
    /// How many parked coroutines were given several events.
    batches: usize,
    /// How many parked coroutines claim each fd, by number.
    fd_owners: FdCounts,
    /// How many parked coroutines hold each lock.
    locks: LockCounts,
    /// Do the server's clocks stand, so that the time of a new connection would begin too early?
    late: bool,
    /// Locks that a coroutine has besides the one that has taken them, once for each such coroutine.
    lent: Vec<usize>,
    /// Where each fd was last read into, by number; empty where nothing is known.
    last_read: Vec<Range<usize>>,
    /// How often each known number was closed.
    closes: Vec<u32>,
    /// How often each object was freed, since somebody was parked.
    frees: HashMap<usize, u32>,
    /// Memory that parked coroutines write: start to (end, claims). What two of them write does
    /// not overlap, since the second has waited.
    written: BTreeMap<usize, (usize, u32)>,
}

impl Claims {
    /// No claims, under these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let mut claims = Self { rules, ..Self::default() };
        claims.running.make_room();
        claims.lent.reserve(locks::LENT);
        claims
    }

    /// The rules that hold.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many coroutines are parked.
    #[must_use]
    pub fn parked_len(&self) -> usize {
        self.parked.len()
    }

    /// The running coroutine sends to `fd`.
    pub fn sends(&mut self, fd: Fd) {
        if self.running.events.contains(fd) {
            self.links.is_asked_by_its_own_event(fd);
        }
    }

    /// The running coroutine may be at something else than its events: a timer of the server's, which
    /// runs after them in the same turn of its loop.
    pub fn doubt(&mut self) {
        self.running.in_doubt = true;
    }

    /// The running coroutine has put off something of its connection to the server's next turn: it does
    /// not park for a job any more, since any other may go on with that.
    pub fn puts_off(&mut self) {
        self.running.puts_off = true;
    }

    /// Has the running coroutine put off something; or, if it `compresses`, may it be at something that
    /// another one has put off? A compression names no connection.
    #[must_use]
    pub fn is_postponed(&self, compresses: bool) -> bool {
        self.rules.linked_fds
            && (self.running.puts_off || (compresses && (self.has_due || self.batches > 0)))
    }

    /// Has the server put off work, and is somebody parked in the midst of an answer? Then nobody else
    /// goes through the list of it.
    #[must_use]
    pub fn holds_list(&self) -> bool {
        self.rules.linked_fds && self.has_due && self.exposed > 0
    }

    /// Is a parked coroutine one of those beside which nobody goes on, while they are there?
    #[must_use]
    pub fn goes_first(&self, id: CoroutineId) -> bool {
        let is_first = |theirs: &Possessions| {
            (self.strays > 0 && theirs.stray) || (self.holds_list() && theirs.exposed)
        };
        self.parked.get(&id).is_some_and(is_first)
    }

    /// `fd` was accepted from `listener`.
    pub fn accepted(&mut self, listener: Fd, fd: Fd) {
        self.links.accepted(listener, fd);
        self.know(fd);
        self.running.newcomer = Some(fd).filter(|_| self.running.events.contains(listener));
    }

    /// Is this the first read from `fd`, in the very event of the listener in which it was accepted?
    pub fn is_first_of_newcomer(&mut self, fd: Fd) -> bool {
        let newcomer = self.running.newcomer.take_if(|newcomer| *newcomer == fd);
        self.running.early = newcomer.or(self.running.early);
        newcomer.is_some()
    }

    /// The connection that was last read from in the very event of the listener in which it was accepted.
    #[must_use]
    pub fn early(&self) -> Option<Fd> {
        self.running.early
    }

    /// Events came by a wait within the turn in which somebody was accepted.
    pub fn forget_newcomer(&mut self) {
        self.running.newcomer = None;
        self.running.early = None;
    }

    /// `fd` is connected to a peer, by the running coroutine, which may have used it before (nginx
    /// registers it first).
    pub fn connected(&mut self, fd: Fd) {
        self.know(fd);
        self.links.connected(fd);
        self.meets(fd);
    }

    /// Which connections there are.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// As [`Claims::links`], to note what comes by them.
    pub fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }

    /// Does the running coroutine work for a connection by which many requests come at once?
    #[must_use]
    pub fn is_multiplexed(&self) -> bool {
        self.running.fds.iter().any(|fd| self.links.is_multiplexed(*fd))
    }

    /// Is a coroutine parked that an event may concern of which it is not known whom it concerns?
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.exposed > 0
    }

    /// What the running coroutine is about to park with may be ended by events of connections that
    /// it does not own, or of no connection: a request that is being answered, not a handshake.
    pub fn expose(&mut self) {
        self.running.exposed = true;
    }

    /// Does the running coroutine use a connection whose partners are not all known?
    #[must_use]
    pub fn has_stray(&self) -> bool {
        self.rules.linked_fds && self.running.fds.iter().any(|fd| self.links.is_stray(*fd))
    }

    /// Must an event of `fd` (`None`: of an fd that was closed) wait until no coroutine is parked
    /// that it may concern, since it is not known whom it concerns?
    #[must_use]
    pub fn needs_calm(&self, fd: Option<Fd>) -> bool {
        self.rules.linked_fds
            && self.exposed > 0
            && fd.is_none_or(|fd| self.links.is_unknown(fd) || self.links.is_stray(fd))
    }

    /// May an event of a connection be given out at all? Not while a coroutine is parked with one
    /// whose partners are not known.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.strays == 0
    }

    /// Is it unknown which connections the running coroutine's events are about?
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.running.anonymous
    }

    /// Does the running coroutine use any fd?
    #[must_use]
    pub fn uses_any(&self) -> bool {
        !self.running.fds.is_empty()
    }

    /// Are there events among the running coroutine's that it may not have begun with ([`given`])?
    #[must_use]
    pub fn has_more_events(&self) -> bool {
        self.rules.batches && self.running.events.has_more()
    }

    /// Does the running coroutine own a connection, or what works with one? One that the server's timers
    /// have begun does not, until it uses one: whose events may free what it works on is not known.
    #[must_use]
    pub fn owns_any(&self) -> bool {
        self.running.has_connection(&self.links)
    }

    /// `fd` was closed: nobody owns what its number may mean next.
    pub fn closed(&mut self, fd: Fd) {
        if let Some(read) = fd.index().and_then(|index| self.last_read.get_mut(index)) {
            *read = 0..0;
        }
        if let Some(closes) = fd.index().and_then(|index| self.closes.get_mut(index)) {
            *closes = closes.wrapping_add(1);
        }
        if self.running.fds.contains(&fd) {
            // It may work on for whom the connection worked, and uses no other of theirs yet.
            for partner in self.links.partners(fd) {
                self.running.crowded |= !push_within(&mut self.running.linked, *partner);
            }
        }
        self.links.closed(fd);
        self.running.newcomer.take_if(|newcomer| *newcomer == fd);
        self.running.early.take_if(|early| *early == fd);
        self.running.fds.retain(|known| *known != fd);
        self.running.latest.take_if(|latest| *latest == fd);
        self.running.events.closed(fd);
        self.running.linked.retain(|known| *known != fd);
        self.running.due.retain(|known| *known != fd);
        self.due.retain(|known| *known != fd);
        if self.fd_owners.of(fd) == 0 && self.fd_linked.of(fd) == 0 {
            return;
        }
        for possessions in self.parked.values_mut() {
            possessions.fds.retain(|known| *known != fd);
            possessions.events.closed(fd);
            possessions.linked.retain(|known| *known != fd);
            possessions.due.retain(|known| *known != fd);
        }
        self.fd_owners.forget(fd);
        self.fd_linked.forget(fd);
    }

    /// Nobody is parked, and nothing that the server does is looked at from now on, but for what becomes of connections
    /// and of what else an epoll instance has. (Where each was last read into may change. What is known of that holds
    /// more events back than has to be, at the worst.)
    pub fn rest(&mut self) {
        self.end(false);
        self.late = false;
        self.frees.clear();
        self.links.rest();
    }

    /// Beside parked coroutines, do the clocks show a time that has passed? Until they do not, nobody
    /// is accepted: what time a server gives to a new connection, it reckons from that.
    pub fn set_late(&mut self, late: bool) {
        self.late = late;
    }

    /// Must an event of `fd` wait? A parked coroutine owns it (C1) or what it is linked to (C2), or it is
    /// due, or a parked one uses the memory that it was last read into (C8); or it is a listener's, and
    /// comes late (C5).
    #[must_use]
    pub fn is_busy(&self, fd: Fd) -> bool {
        self.is_owned(fd)
            || self.fd_linked.of(fd) > 0
            || self.due.binary_search(&fd).is_ok()
            || (self.late && self.links.is_listener(fd))
            || (self.rules.own_fd
                && self.rules.shared
                && !self.written.is_empty()
                && self.reads_what_is_written(fd))
    }

    /// Is it this parked coroutine that keeps events of `fd` from the server ([`Claims::is_busy`])?
    #[must_use]
    pub fn keeps(&self, id: CoroutineId, fd: Fd) -> bool {
        let read = fd.index().and_then(|index| self.last_read.get(index)).cloned();
        let read = Region { range: read.unwrap_or_default(), written: false, filled: true };
        self.parked.get(&id).is_some_and(|theirs| {
            theirs.fds.contains(&fd)
                || theirs.linked.contains(&fd)
                || theirs.due.contains(&fd)
                || theirs.regions.iter().any(|region| region.filled && region.conflicts(&read))
        })
    }

    fn reads_what_is_written(&self, fd: Fd) -> bool {
        let read = fd.index().and_then(|index| self.last_read.get(index));
        read.is_some_and(|read| {
            let below = self.written.range(..read.end).next_back();
            below.is_some_and(|(_, (end, _))| *end > read.start)
        })
    }

    /// A number that changes when `fd`, which is known, becomes another file.
    #[must_use]
    pub fn closes(&self, fd: Fd) -> u32 {
        let index = fd.index().filter(|_| self.rules.objects);
        index.and_then(|index| self.closes.get(index)).copied().unwrap_or(0)
    }

    /// An object is freed. Those who wait for it must not touch it any more (C4).
    pub fn freed(&mut self, object: usize) {
        if self.parked.is_empty() {
            self.frees.clear();
        } else {
            *self.frees.entry(object).or_default() += 1;
        }
    }

    /// A number that changes when an object is freed while somebody waits for it.
    #[must_use]
    pub fn frees(&self, object: usize) -> u32 {
        self.frees.get(&object).copied().unwrap_or(0)
    }

    /// Does a parked coroutine own `fd` (C1)?
    #[must_use]
    pub fn is_owned(&self, fd: Fd) -> bool {
        self.rules.own_fd && self.fd_owners.of(fd) > 0
    }

    /// The running coroutine enters a call on an object.
    pub fn entered(&mut self, object: usize) {
        self.running.objects.push(object);
    }

    /// The running coroutine leaves a call on an object.
    pub fn left(&mut self, object: usize) {
        if let Some(position) = self.running.objects.iter().rposition(|known| *known == object) {
            self.running.objects.swap_remove(position);
        }
    }

    /// A call of the running coroutine uses `region`, until the coroutine ends.
    pub fn uses(&mut self, region: Region) {
        if !self.running.regions.contains(&region) {
            self.running.regions.push(region);
        }
    }

    /// The call that writes the region from `start` on has returned.
    pub fn filled(&mut self, start: usize) {
        let regions = self.running.regions.iter_mut();
        regions
            .filter(|region| region.range.start == start)
            .for_each(|region| region.filled = true);
    }

    /// `fd` is there: makes room for what [`Claims::fills`] will tell of it.
    pub fn know(&mut self, fd: Fd) {
        let Some(index) = fd.index() else { return };
        if self.last_read.len() <= index {
            self.last_read.resize(index + 1, 0..0);
            self.closes.resize(index + 1, 0);
        }
    }

    /// Has the running coroutine more than there is room for? Then not all of it is known here.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.running.crowded
    }

    /// `fd`, which is known, is read into `range`.
    pub fn fills(&mut self, fd: Fd, range: Range<usize>) {
        let Some(index) = fd.index() else { return };
        if let Some(read) = self.last_read.get_mut(index) {
            *read = range;
        }
    }

    /// Is the running coroutine inside a call on an object?
    #[must_use]
    pub fn is_inside_object(&self) -> bool {
        !self.running.objects.is_empty()
    }

    /// Must the running coroutine wait for what it wants?
    #[must_use]
    pub fn conflicts(&self, want: &Want) -> bool {
        self.conflicts_beside(want, None)
    }

    /// As [`Claims::conflicts`], for `asker`, which is parked itself.
    #[must_use]
    pub fn conflicts_for(&self, asker: CoroutineId, want: &Want) -> bool {
        self.conflicts_beside(want, Some(asker))
    }

    fn conflicts_beside(&self, want: &Want, asker: Option<CoroutineId>) -> bool {
        let may_conflict = match want {
            // Most of the time no parked coroutine holds any lock.
            Want::Lock(lock, _) => !self.locks.is_empty() && self.locks.holds(*lock),
            Want::Fd(fd) => self.fd_owners.of(*fd) > 0,
            Want::Object(_) | Want::Region(_) | Want::Alone => true,
        };
        let others = || self.parked.iter().filter(|(id, _)| Some(**id) != asker);
        may_conflict && others().any(|(_, theirs)| self.is_of(theirs, want))
    }

    /// Has this parked coroutine what another one wants?
    #[must_use]
    pub fn has(&self, id: CoroutineId, want: &Want) -> bool {
        self.parked.get(&id).is_some_and(|theirs| self.is_of(theirs, want))
    }

    fn is_of(&self, theirs: &Possessions, want: &Want) -> bool {
        match want {
            Want::Lock(lock, access) => {
                self.rules.locks
                    && theirs.locks.iter().any(|(known, held)| {
                        known == lock && (*held, *access) != (Access::Shared, Access::Shared)
                    })
            }
            Want::Object(object) => self.rules.objects && theirs.objects.contains(object),
            Want::Region(region) => {
                self.rules.shared && theirs.regions.iter().any(|known| known.conflicts(region))
            }
            Want::Fd(fd) => self.rules.own_fd && theirs.fds.contains(fd),
            Want::Alone => true,
        }
    }
}

#[cfg(test)]
mod tests;
