//! The server: what it does with an event, as a list of small steps.
//!
//! Real handlers are code; these are data, so that a failing run can be made smaller. A coroutine
//! is what is left of such a list, with all that its steps have taken so far.

use std::collections::{BTreeSet, VecDeque};

use interlude_core::CoroutineId;
use interlude_core::claims::{Access, Region};
use interlude_core::ready::Delivered;

use crate::files::Change;

/// Which fd a step uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// That of its event.
    Event,
    /// Any open one, counted around.
    Any(u8),
}

/// One step of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// `read`, at most so much.
    Read(Target, u32),
    /// `write`, at most so much.
    Write(Target, u32),
    /// `accept`, if its event is the listener's, and `EPOLL_CTL_ADD` with this mask.
    Accept(Option<u32>),
    /// `connect`, and `EPOLL_CTL_ADD` with this mask.
    Connect(Option<u32>),
    /// `EPOLL_CTL_ADD`.
    Add(Target, u32),
    /// `EPOLL_CTL_MOD`.
    Modify(Target, u32),
    /// `EPOLL_CTL_DEL`.
    Delete(Target),
    /// `close`.
    Close(Target),
    /// `dup`.
    Dup(Target),
    /// `dup2`, from and to.
    Dup2(Target, Target),
    /// An offloaded call.
    Job,
    /// One that is part of an answer.
    Compress,
    /// A call on an object begins.
    Enter(usize),
    /// It ends.
    Leave(usize),
    /// A call uses memory until the coroutine ends.
    Use(Region),
    /// `pthread_mutex_lock`, `pthread_rwlock_rdlock`.
    Lock(usize, Access),
    /// `pthread_mutex_trylock`, `pthread_rwlock_tryrdlock`.
    TryLock(usize, Access),
    /// `pthread_mutex_unlock`.
    Unlock(usize),
    /// A call that may block the thread.
    Alone,
    /// `epoll_wait`, for at most so many events.
    Wait(usize),
    /// It sets a timer, in milliseconds.
    Timer(u8),
    /// It takes so long, in microseconds.
    Pass(u32),
    /// It reads the clock.
    Look,
    /// It puts off something to its next turn.
    More,
    /// Meanwhile, outside.
    World(u8, Change),
    /// Whatever its event asks for, to the end: reads all, fills what there is room for, closes.
    Finish,
}

/// What a server with an order of its own takes things by: fds, then objects, regions and locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A connection, by number.
    Fd(i32),
    /// An object.
    Object(usize),
    /// A region, by its start.
    Region(usize),
    /// A lock.
    Lock(usize),
}

/// A step, and the fd (number and opening) of the event that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What is done.
    pub(crate) action: Action,
    /// For which event; none in a timer.
    pub(crate) event: Option<(i32, u64)>,
}

/// The processing of one batch of events.
#[derive(Debug)]
pub(crate) struct Coroutine {
    /// Its number.
    pub(crate) id: CoroutineId,
    /// What it was given.
    pub(crate) events: Vec<Delivered>,
    /// What it has yet to do.
    pub(crate) steps: VecDeque<Step>,
    /// The fds that it was given or has used, by number and opening.
    pub(crate) owns: BTreeSet<(i32, u64)>,
    /// The locks that it holds.
    pub(crate) locks: Vec<(usize, Access)>,
    /// The objects that it is inside of.
    pub(crate) objects: Vec<usize>,
    /// The memory that it uses.
    pub(crate) regions: Vec<Region>,
    /// Has it parked?
    pub(crate) has_parked: bool,
    /// Is it to go on without what it wants?
    pub(crate) forced: bool,
    /// How often has it waited for events itself?
    pub(crate) nested: usize,
}

impl Coroutine {
    pub(crate) fn new(id: CoroutineId, events: Vec<Delivered>) -> Self {
        Self {
            id,
            events,
            steps: VecDeque::new(),
            owns: BTreeSet::new(),
            locks: Vec::new(),
            objects: Vec::new(),
            regions: Vec::new(),
            has_parked: false,
            forced: false,
            nested: 0,
        }
    }

    /// May a server that takes things in order ask for this now?
    pub(crate) fn is_in_order(&self, rank: Rank) -> bool {
        let fd = self.owns.iter().map(|(fd, _)| Rank::Fd(*fd));
        let object = self.objects.iter().map(|object| Rank::Object(*object));
        let region = self.regions.iter().map(|region| Rank::Region(region.range.start));
        let lock = self.locks.iter().map(|(lock, _)| Rank::Lock(*lock));
        fd.chain(object).chain(region).chain(lock).all(|held| held < rank)
    }

    /// How it holds a lock.
    pub(crate) fn holds(&self, lock: usize) -> Option<Access> {
        self.locks.iter().find(|(held, _)| *held == lock).map(|(_, access)| *access)
    }
}

/// The lists of steps: the nth event gets the nth, around and around.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tape {
    scripts: Vec<Vec<Action>>,
    next: usize,
}

impl Tape {
    pub(crate) fn new(scripts: Vec<Vec<Action>>) -> Self {
        Self { scripts, next: 0 }
    }

    /// The next list.
    pub(crate) fn take(&mut self) -> Vec<Action> {
        let script = self.scripts.get(self.next % self.scripts.len().max(1));
        self.next += 1;
        script.cloned().unwrap_or_default()
    }
}
