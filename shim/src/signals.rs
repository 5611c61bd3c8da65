//! The server's handlers of signals are called through [`deliver`], which sees to two things.
//!
//! **A handler is part of no event.** It has interrupted one, or the scheduler, on whatever stack;
//! if it were parked, what it interrupted would be, too, with the locks of libc that it holds. So
//! what it calls is done in place. Not so for faults of the thread itself (`SIGSEGV` and the like): their
//! handlers jump away, or end the process.
//!
//! **Orders wait.** [`DEFERRED`] signals tell a server to end, to restart or to reread its files.
//! Its handler sets a flag, and its loop acts on it where, as it believes, no request is half
//! done: it closes connections, frees them, or exits. So while coroutines of the thread are parked,
//! the signal is remembered; the scheduler lets them all end first, then the signal is sent again
//! and meets the handler, and the wait is interrupted by it as it would be without Interlude.
//!
//! Everything here that a signal can interrupt is atomic or a cell of the thread's own.
//!
//! Followed: `sigaction(2)`, `rt_tgsigqueueinfo(2)`, `signal-safety(7)`; glibc 2.36's `signal`,
//! `sysv_signal` and `siginterrupt`.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use libc::{sighandler_t, siginfo_t};

use crate::context::{self, Interrupted};
use crate::counters::{Counter, count};
use crate::thread::Thread;

/// The signals that servers take as orders.
const DEFERRED: [c_int; 6] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];
/// What a thread brings upon itself.
const FAULTS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];
/// More than the highest number.
const SLOTS: usize = 65;

/// The server's own handler of a signal.
struct Slot {
    handler: AtomicUsize,
    flags: AtomicI32,
}

static SLOTS_BY_NUMBER: [Slot; SLOTS] =
    [const { Slot { handler: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0) } }; SLOTS];

type InfoHandler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);

/// Signals that wait until nobody is parked: one of each number, as the kernel would keep. Its
/// thread and the signals that interrupt it use it.
#[derive(Default)]
pub(crate) struct Pending {
    /// A bit for each of [`DEFERRED`].
    which: AtomicU32,
    how: [std::cell::Cell<Option<siginfo_t>>; DEFERRED.len()],
}

impl Pending {
    /// Does one wait?
    pub(crate) fn any(&self) -> bool {
        self.which.load(Ordering::Acquire) != 0
    }

    /// Keeps one back. One that is kept already stays as it is, as in the kernel. False for a signal
    /// that is not of [`DEFERRED`].
    fn keep(&self, signal: c_int, info: siginfo_t) -> bool {
        let Some(index) = DEFERRED.iter().position(|known| *known == signal) else { return false };
        let Some(place) = self.how.get(index) else { return false };
        if self.which.load(Ordering::Acquire) & (1 << index) == 0 {
            place.set(Some(info));
            self.which.fetch_or(1 << index, Ordering::AcqRel);
        }
        true
    }

    /// Takes one out.
    fn take(&self) -> Option<(c_int, Option<siginfo_t>)> {
        let index = self.which.load(Ordering::Acquire).trailing_zeros() as usize;
        let (signal, place) = (DEFERRED.get(index)?, self.how.get(index)?);
        // Copied before the bit goes: until then no signal writes there.
        let info = place.get();
        self.which.fetch_and(!(1 << index), Ordering::AcqRel);
        Some((*signal, info))
    }

    /// Forgets them.
    pub(crate) fn clear(&self) {
        self.which.store(0, Ordering::Release);
    }
}

fn slot(signal: c_int) -> Option<&'static Slot> {
    let index = (!FAULTS.contains(&signal)).then(|| usize::try_from(signal).ok())??;
    SLOTS_BY_NUMBER.get(index)
}

/// The original `sigaction`.
pub(crate) type Sigaction =
    unsafe extern "C-unwind" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;

/// Sets and tells the server's action, with [`deliver`] before its handler.
///
/// # Safety
/// The contract of `sigaction(2)`.
pub(crate) unsafe fn set(
    original: Sigaction,
    signal: c_int,
    action: *const libc::sigaction,
    before: *mut libc::sigaction,
) -> c_int {
    let Some(slot) = slot(signal) else {
        // SAFETY: the caller's contract.
        return unsafe { original(signal, action, before) };
    };
    let known = (slot.handler.load(Ordering::Acquire), slot.flags.load(Ordering::Acquire));
    let trampoline: InfoHandler = deliver;
    let trampoline = trampoline as *const () as usize;
    // SAFETY: the caller's contract: null, or an action.
    let mut ours = unsafe { action.as_ref() }.copied();
    if let Some(action) = &mut ours
        // Ours comes from a call that no hook has seen (`sigset(3)`) and has told it.
        && ![libc::SIG_DFL, libc::SIG_IGN, trampoline].contains(&action.sa_sigaction)
    {
        // Before the kernel knows of it, since it may come at once.
        slot.flags.store(action.sa_flags, Ordering::Release);
        slot.handler.store(action.sa_sigaction, Ordering::Release);
        action.sa_sigaction = trampoline;
        action.sa_flags |= libc::SA_SIGINFO;
    }
    let ours = ours.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: an action or null; the rest is the caller's.
    let result = unsafe { original(signal, ours, before) };
    if result != 0 {
        slot.handler.store(known.0, Ordering::Release);
        slot.flags.store(known.1, Ordering::Release);
        return result;
    }
    // SAFETY: the caller's contract: null, or a place that was just filled.
    if let Some(before) = unsafe { before.as_mut() } {
        let is_ours = before.sa_sigaction == trampoline;
        if is_ours {
            before.sa_sigaction = known.0;
        }
        // The kernel has taken the handler out, not its flags.
        if is_ours || before.sa_flags & known.1 & libc::SA_RESETHAND != 0 {
            // The others are as the kernel knows them: `siginterrupt(3)` changes one unseen.
            before.sa_flags &= !libc::SA_SIGINFO | known.1;
        }
    }
    result
}

/// As [`set`], by one of the older calls; `None` where they see by themselves that it is wrong.
///
/// # Safety
/// The contract of `signal(2)`.
pub(crate) unsafe fn set_simply(
    original: Sigaction,
    manner: Manner,
    signal: c_int,
    handler: sighandler_t,
) -> Option<sighandler_t> {
    if handler == libc::SIG_ERR {
        return None;
    }
    // SAFETY: all zero is an action: the default one, with nothing blocked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    match manner {
        Manner::Bsd => {
            action.sa_flags = if interrupts(signal) { 0 } else { libc::SA_RESTART };
            // SAFETY: a place for a set, and a signal's number, which `slot` knows.
            unsafe { libc::sigaddset(&raw mut action.sa_mask, signal) };
        }
        Manner::SystemV => action.sa_flags = libc::SA_RESETHAND | libc::SA_NODEFER | SA_INTERRUPT,
    }
    let mut before = action;
    // SAFETY: an action, and a place for one.
    match unsafe { set(original, signal, &raw const action, &raw mut before) } {
        0 => Some(before.sa_sigaction),
        _ => Some(libc::SIG_ERR),
    }
}

/// What the older calls mean, as glibc has it.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// `signal`, `bsd_signal`, `ssignal`: blocked while it is handled; calls are restarted, unless
    /// `siginterrupt(3)` has said otherwise.
    Bsd,
    /// `sysv_signal`, which is also what `signal` is to a program in strict ISO C: once.
    SystemV,
}

/// Has no effect; glibc sets it.
const SA_INTERRUPT: c_int = 0x2000_0000;

/// The signals of which `siginterrupt` has said that they interrupt calls, a bit each. glibc's own
/// note of it, which `signal` looks at, cannot be read.
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);

fn bit(signal: c_int) -> u64 {
    u32::try_from(signal - 1).ok().and_then(|bit| 1u64.checked_shl(bit)).unwrap_or(0)
}

fn interrupts(signal: c_int) -> bool {
    INTERRUPTS.load(Ordering::Acquire) & bit(signal) != 0
}

/// `siginterrupt` has been told that a signal is, or is not, to interrupt calls.
pub(crate) fn set_interrupts(signal: c_int, value: bool) {
    if value {
        INTERRUPTS.fetch_or(bit(signal), Ordering::AcqRel);
    } else {
        INTERRUPTS.fetch_and(!bit(signal), Ordering::AcqRel);
    }
}

/// Are handlers of that signal called through [`deliver`]?
pub(crate) fn is_wrapped(signal: c_int) -> bool {
    slot(signal).is_some()
}

/// What the kernel calls: the server's handler, now or when nobody is parked. Nothing here has a
/// destructor, so the handler may end its thread.
unsafe extern "C-unwind" fn deliver(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(slot) = slot(signal) else { return };
    // What is handled once would meet no handler when it is sent again.
    let once = slot.flags.load(Ordering::Acquire) & libc::SA_RESETHAND != 0;
    if let Some(thread) = context::thread().filter(|_| DEFERRED.contains(&signal)) {
        // SAFETY: the kernel's description of the signal (SA_SIGINFO).
        if !once && thread.parked.get() > 0 && thread.signals.keep(signal, unsafe { info.read() }) {
            return;
        }
        thread.winding_down.told();
    }
    let handler = slot.handler.load(Ordering::Acquire);
    if [libc::SIG_DFL, libc::SIG_IGN].contains(&handler) {
        return;
    }
    // A handler that takes only the number does not see the other two registers.
    // SAFETY: the server said that this is its handler.
    let handler = unsafe { std::mem::transmute::<usize, InfoHandler>(handler) };
    let before = context::local().handler_begins();
    // SAFETY: the kernel's own arguments.
    unsafe { handler(signal, info, context) };
    // A child that the handler has forked is in no event of its parent's.
    let is_child = context::thread().is_some_and(|thread| thread.forked.get());
    context::local().handler_ended(if is_child { Interrupted::default() } else { before });
}

/// Does the calling thread run on the stack that it has set aside for handlers, right now?
pub(crate) fn is_on_alternate_stack() -> bool {
    let mut stack = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: asks only; a valid place for the answer. `sigaltstack(2)` is no hook of ours.
    let known = unsafe { libc::sigaltstack(std::ptr::null(), &raw mut stack) } == 0;
    known && stack.ss_flags & libc::SS_ONSTACK != 0
}

/// Once nobody is parked any more: sends what was kept back to this thread again.
pub(crate) fn send_again(thread: &Thread) {
    while thread.parked.get() == 0
        && let Some((signal, info)) = thread.signals.take()
    {
        count(Counter::SignalDeferred);
        let process = std::process::id();
        // SAFETY: no preconditions.
        let to = unsafe { libc::gettid() };
        let info = info.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: a signal of this process to itself may carry any description.
        let result =
            unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, to, signal, info) };
        if result != 0 {
            // SAFETY: a valid signal, to this thread.
            unsafe { libc::raise(signal) };
        }
    }
}

/// Is the server about to end or to restart? A loop that winds down looks at connections by itself,
/// closes and frees them, and exits when it sees nothing left to do: from then on nothing is parked.
/// It is over when the loop accepts connections again, after it has looked at its orders: a signal
/// may come right before a wait, whose events the loop deals with first.
#[derive(Debug, Default)]
pub(crate) struct WindingDown(AtomicU8);

/// Not: it serves.
const NO: u8 = 0;
/// It has waited for events twice since it was told to.
const BEGUN: u8 = 1;
/// It has waited once.
const WAITED: u8 = 2;
/// It was told to, by a signal, or has closed a listening socket.
const TOLD: u8 = 3;

impl WindingDown {
    /// Does it wind down?
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire) != NO
    }

    /// It was told to, and has not waited since.
    pub(crate) fn is_told(&self) -> bool {
        self.0.load(Ordering::Acquire) == TOLD
    }

    /// It is told to.
    pub(crate) fn told(&self) {
        self.0.store(TOLD, Ordering::Release);
    }

    /// It waits for events.
    pub(crate) fn waits(&self) {
        if !self.step(TOLD, WAITED) {
            self.step(WAITED, BEGUN);
        }
    }

    /// It has accepted a connection.
    pub(crate) fn accepted(&self) {
        self.step(BEGUN, NO);
    }

    /// It serves.
    pub(crate) fn clear(&self) {
        self.0.store(NO, Ordering::Release);
    }

    /// A signal may come between a look and a change.
    fn step(&self, from: u8, to: u8) -> bool {
        self.is_on()
            && self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
