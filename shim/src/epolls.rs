//! The epoll instances of this process, by number: each with the interest list that the hooks keep.
//!
//! Shared by all threads. Lock order: the registry, then the lists (several at once only at a fork).
//! The kernel is told under the list's lock, so that a token and the kernel's idea of it never differ
//! for another thread.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use interlude_core::Fd;
use interlude_core::interest::{InterestList, Operation};

use crate::table::originals;
use crate::thread::Thread;

/// One epoll instance.
pub(crate) struct Epoll {
    /// A number that it has; it may have others. -1 where it has none any more: another instance may
    /// have the number by then, and is not to be told of this one's events.
    fd: AtomicI32,
    interest: Mutex<InterestList>,
    /// The thread that has first waited for it, as an address; 0: none.
    waiter: AtomicUsize,
    /// Have others, too?
    shared: AtomicBool,
}

/// Which numbers are epoll instances. Two may be one (`mio` duplicates its own).
static EPOLLS: RwLock<Registry> = RwLock::new(Vec::new());
/// Numbers that an epoll instance has, or has registered, or that are the shim's own: closing any
/// other means nothing here, and files are closed often. One bit a number.
static MARKED: [AtomicU64; MARKS / 64] = [const { AtomicU64::new(0) }; MARKS / 64];
/// Numbers that have a bit; larger ones always count as marked.
const MARKS: usize = 65536;
static VERSION: AtomicUsize = AtomicUsize::new(0);
/// The shim's own fds, -1 where free: the server may not close them.
static KEPT: [AtomicI32; 64] = [const { AtomicI32::new(-1) }; 64];

impl Epoll {
    /// Its interest list, locked.
    pub(crate) fn interest(&self) -> MutexGuard<'_, InterestList> {
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread waits for it.
    pub(crate) fn waits(&self, thread: &Thread) {
        let thread = std::ptr::from_ref(thread).addr();
        let first = self.waiter.load(Ordering::Relaxed);
        if first != thread
            && (first != 0
                || self
                    .waiter
                    .compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed)
                    .is_err())
        {
            self.shared.store(true, Ordering::Relaxed);
        }
    }

    /// Do several threads wait for it? What one of them holds is kept from all.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// Has the kernel look at every file anew of which it might not report by itself what was lost.
    pub(crate) fn ask_again(&self) {
        let operations = self.interest().ask_again();
        operations.into_iter().for_each(|operation| self.apply(operation));
    }

    /// Carries an operation out. A refusal means that the fd is gone by a way that no hook saw;
    /// then there is nothing to be told.
    pub(crate) fn apply(&self, operation: Operation) {
        let epfd = self.fd.load(Ordering::Relaxed);
        // The result is not needed, see above.
        let _ = match operation {
            Operation::Add(fd, mask, token) => {
                control(epfd, libc::EPOLL_CTL_ADD, fd, mask, token.0)
            }
            Operation::Modify(fd, mask, token) => {
                control(epfd, libc::EPOLL_CTL_MOD, fd, mask, token.0)
            }
            Operation::Delete(fd) => control(epfd, libc::EPOLL_CTL_DEL, fd, 0, 0),
        };
    }
}

type Registry = Vec<(RawFd, Arc<Epoll>)>;

fn registry() -> RwLockReadGuard<'static, Registry> {
    EPOLLS.read().unwrap_or_else(PoisonError::into_inner)
}

fn registry_mut() -> RwLockWriteGuard<'static, Registry> {
    EPOLLS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a number: its end will matter.
pub(crate) fn mark(fd: RawFd) {
    let index = usize::try_from(fd).unwrap_or(MARKS);
    if let Some(word) = MARKED.get(index / 64) {
        word.fetch_or(1 << (index % 64), Ordering::Release);
    }
}

/// Is the number marked?
#[inline]
pub(crate) fn is_marked(fd: RawFd) -> bool {
    let index = usize::try_from(fd).unwrap_or(0);
    MARKED
        .get(index / 64)
        .is_none_or(|word| word.load(Ordering::Acquire) & (1 << (index % 64)) != 0)
}

fn unmark(fd: RawFd) {
    let index = usize::try_from(fd).unwrap_or(MARKS);
    if let Some(word) = MARKED.get(index / 64) {
        word.fetch_and(!(1 << (index % 64)), Ordering::Release);
    }
}

/// The kernel's `epoll_ctl`.
pub(crate) fn control(epfd: RawFd, operation: i32, fd: Fd, mask: u32, data: u64) -> i32 {
    let Some(original) = originals::epoll_ctl::ORIGINAL.function() else { return -1 };
    let mut event = libc::epoll_event { events: mask, u64: data };
    // SAFETY: a valid event; the kernel checks the rest.
    unsafe { original(epfd, operation, fd.0, &raw mut event) }
}

/// A new epoll instance of the server.
pub(crate) fn created(fd: RawFd) {
    let interest = Mutex::new(InterestList::default());
    let (waiter, shared) = (AtomicUsize::new(0), AtomicBool::new(false));
    enlist(fd, Arc::new(Epoll { fd: AtomicI32::new(fd), interest, waiter, shared }));
}

/// A number is a duplicate of another, which may be an epoll instance.
pub(crate) fn duplicated(from: RawFd, to: RawFd) {
    if let Some(epoll) = of(from) {
        enlist(to, epoll);
    }
}

fn enlist(fd: RawFd, epoll: Arc<Epoll>) {
    mark(fd);
    let mut epolls = registry_mut();
    take_out(&mut epolls, fd);
    epolls.push((fd, epoll));
    VERSION.fetch_add(1, Ordering::Release);
}

/// Changes whenever an instance comes or goes.
pub(crate) fn version() -> usize {
    VERSION.load(Ordering::Acquire)
}

/// Keeps an fd of the shim's from being closed by the server.
pub(crate) fn keep(fd: RawFd) {
    mark(fd);
    let _ = KEPT
        .iter()
        .find(|slot| slot.compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Relaxed).is_ok());
}

/// The opposite of [`keep`].
pub(crate) fn give_up(fd: RawFd) {
    let _ = KEPT
        .iter()
        .find(|slot| slot.compare_exchange(fd, -1, Ordering::AcqRel, Ordering::Relaxed).is_ok());
}

/// Is it an fd of the shim's?
pub(crate) fn is_kept(fd: RawFd) -> bool {
    fd >= 0 && KEPT.iter().any(|slot| slot.load(Ordering::Acquire) == fd)
}

/// The shim's own fds.
pub(crate) fn kept() -> impl Iterator<Item = RawFd> {
    KEPT.iter().map(|slot| slot.load(Ordering::Acquire)).filter(|fd| *fd >= 0)
}

/// In a child after fork: closes its copies of the shim's own fds, whichever thread of the parent had them.
pub(crate) fn close_kept() {
    for slot in &KEPT {
        let fd = slot.swap(-1, Ordering::AcqRel);
        if fd >= 0 {
            unmark(fd);
            // SAFETY: the child's copy of an fd that only an engine of the parent's used.
            unsafe { libc::close(fd) };
        }
    }
}

/// The instance of that number, if it was made through a hook.
pub(crate) fn of(fd: RawFd) -> Option<Arc<Epoll>> {
    registry().iter().find(|(known, _)| *known == fd).map(|(_, epoll)| Arc::clone(epoll))
}

/// An fd is about to be closed, or to become another file: nothing registered under its number holds
/// any more.
pub(crate) fn closed(fd: Fd) {
    unmark(fd.0);
    let epolls = registry();
    let mut is_epoll = false;
    for (number, epoll) in epolls.iter() {
        is_epoll |= *number == fd.0;
        let mut interest = epoll.interest();
        if let Some(operation) = interest.closed(fd) {
            epoll.apply(operation);
        }
    }
    drop(epolls);
    if is_epoll {
        delist(fd.0);
    }
}

fn delist(fd: RawFd) {
    take_out(&mut registry_mut(), fd);
    VERSION.fetch_add(1, Ordering::Release);
}

fn take_out(epolls: &mut Registry, fd: RawFd) {
    let Some(position) = epolls.iter().position(|(known, _)| *known == fd) else { return };
    let (_, epoll) = epolls.swap_remove(position);
    let other = epolls.iter().find(|(_, other)| Arc::ptr_eq(other, &epoll));
    let other = other.map_or(-1, |(number, _)| *number);
    // Unless it is known by another number already.
    let _ = epoll.fd.compare_exchange(fd, other, Ordering::Relaxed, Ordering::Relaxed);
}

/// Forks with every lock of this module held, so that the child finds all of them free and what they
/// guard whole. `is_child` tells by the fork's result whether this is the child.
pub(crate) fn across_fork<T>(fork: impl FnOnce() -> T, is_child: impl Fn(&T) -> bool) -> T {
    let registry = registry_mut();
    let mut instances: Vec<&Arc<Epoll>> = registry.iter().map(|(_, epoll)| epoll).collect();
    instances.sort_unstable_by_key(|epoll| Arc::as_ptr(epoll));
    // One that has two numbers is there twice.
    instances.dedup_by(|a, b| Arc::ptr_eq(a, b));
    let mut lists: Vec<MutexGuard<'_, InterestList>> =
        instances.iter().map(|epoll| epoll.interest()).collect();
    let result = fork();
    if is_child(&result) {
        lists.iter_mut().for_each(|list| list.forget_holds());
    }
    result
}
