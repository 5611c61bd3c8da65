//! Locks (C3): a coroutine that wants a lock held by a parked coroutine of its own thread parks.
//!
//! Kinds do not matter: to the original, a recursive or error-checking lock held by "this thread"
//! is its caller's, and a normal one is a deadlock. A lock that another thread holds is the
//! original's business, and so is every lock on a thread without a loop.

use std::ffi::c_int;

use interlude_core::claims::{Access, Want};
use libc::timespec;

use crate::api::objects;
use crate::bypass::Bypass;
use crate::context::{self, Local};
use crate::counters::count_hook;
use crate::hook::{Call, Outcome};
use crate::original::Original;
use crate::thread::Thread;

/// A call on a lock.
type OnLock<T> = unsafe extern "C-unwind" fn(*mut T) -> c_int;

/// OpenSSL 3 takes a thousand locks in a handshake, and hardly ever does a parked coroutine hold one:
/// the thread that may go on at once with a call of hook number `hook`, of which that is counted.
#[inline(always)]
fn at_once(
    hook: usize,
    is_free: impl FnOnce(&Thread) -> bool,
) -> Option<(&'static Local, &'static Thread)> {
    let local = context::local();
    // What tests have panic is in the longer way.
    if cfg!(feature = "fail-points") || !local.in_event() || local.has_entered() {
        return None;
    }
    let thread = local.thread()?;
    let shadow = local.enter();
    let is_free = is_free(thread);
    drop(shadow);
    is_free.then(|| count_hook(local, hook, false))?;
    Some((local, thread))
}

#[inline(always)]
fn take_at_once<T>(
    hook: usize,
    original: &Original<OnLock<T>>,
    lock: *mut T,
    access: Access,
) -> Option<c_int> {
    let original = original.known()?;
    let is_free = |thread: &Thread| {
        thread.claims.try_borrow().is_ok_and(|claims| claims.is_free(lock.addr()))
    };
    let (local, thread) = at_once(hook, is_free)?;
    // SAFETY: the caller keeps the contract of the original.
    let result = unsafe { original(lock) };
    let _shadow = local.enter();
    taken_on(thread, result, lock, access);
    Some(result)
}

pub(crate) fn take_briefly<T>(
    hook: usize,
    original: &Original<OnLock<T>>,
    lock: *mut T,
) -> Option<c_int> {
    take_at_once(hook, original, lock, Access::Exclusive)
}

pub(crate) fn share_briefly<T>(
    hook: usize,
    original: &Original<OnLock<T>>,
    lock: *mut T,
) -> Option<c_int> {
    take_at_once(hook, original, lock, Access::Shared)
}

pub(crate) fn release_briefly<T>(
    hook: usize,
    original: &Original<OnLock<T>>,
    lock: *mut T,
) -> Option<c_int> {
    let original = original.known()?;
    let is_free =
        |thread: &Thread| thread.claims.try_borrow().is_ok_and(|claims| claims.lends_nothing());
    let (local, thread) = at_once(hook, is_free)?;
    // SAFETY: the caller keeps the contract of the original.
    let result = unsafe { original(lock) };
    let _shadow = local.enter();
    released_on(thread, result, lock);
    Some(result)
}

#[inline]
fn want<F, T>(call: &Call<F>, lock: *mut T, access: Access) -> Outcome<c_int> {
    if let Some(thread) = context::in_event()
        && !objects::wait_for(thread, || Want::Lock(lock.addr(), access))
        && thread.claims.borrow_mut().lend(lock.addr(), access)
    {
        // To the original, this thread has the lock already: it would never come back.
        return Outcome::Handled(call.made(0));
    }
    Outcome::PassThrough(Bypass::Observed)
}

#[inline]
fn try_want<T>(lock: *mut T, access: Access) -> Outcome<c_int> {
    if let Some(thread) = context::in_event()
        && thread.claims.borrow().conflicts(&Want::Lock(lock.addr(), access))
    {
        return Outcome::Handled(libc::EBUSY);
    }
    Outcome::PassThrough(Bypass::Observed)
}

#[inline]
fn have<T>(result: c_int, lock: *mut T, access: Access) {
    if let Some(thread) = context::in_event() {
        taken_on(thread, result, lock, access);
    }
}

#[inline]
fn taken_on<T>(thread: &Thread, result: c_int, lock: *mut T, access: Access) {
    // EOWNERDEAD: it is held, and its data is in doubt.
    if (result == 0 || result == libc::EOWNERDEAD)
        && let Ok(mut claims) = thread.claims.try_borrow_mut()
    {
        claims.locked(lock.addr(), access);
    }
}

pub(crate) fn take<F, T>(call: &Call<F>, lock: *mut T) -> Outcome<c_int> {
    want(call, lock, Access::Exclusive)
}

pub(crate) fn try_take<F, T>(_: &Call<F>, lock: *mut T) -> Outcome<c_int> {
    try_want(lock, Access::Exclusive)
}

pub(crate) fn taken<T>(result: c_int, lock: *mut T) {
    have(result, lock, Access::Exclusive);
}

pub(crate) fn take_until<F, T>(call: &Call<F>, lock: *mut T, _: *const timespec) -> Outcome<c_int> {
    want(call, lock, Access::Exclusive)
}

pub(crate) fn taken_until<T>(result: c_int, lock: *mut T, _: *const timespec) {
    have(result, lock, Access::Exclusive);
}

pub(crate) fn take_by_clock<F, T>(
    call: &Call<F>,
    lock: *mut T,
    _: c_int,
    _: *const timespec,
) -> Outcome<c_int> {
    want(call, lock, Access::Exclusive)
}

pub(crate) fn taken_by_clock<T>(result: c_int, lock: *mut T, _: c_int, _: *const timespec) {
    have(result, lock, Access::Exclusive);
}

pub(crate) fn share<F, T>(call: &Call<F>, lock: *mut T) -> Outcome<c_int> {
    want(call, lock, Access::Shared)
}

pub(crate) fn try_share<F, T>(_: &Call<F>, lock: *mut T) -> Outcome<c_int> {
    try_want(lock, Access::Shared)
}

pub(crate) fn shared<T>(result: c_int, lock: *mut T) {
    have(result, lock, Access::Shared);
}

pub(crate) fn share_until<F, T>(
    call: &Call<F>,
    lock: *mut T,
    _: *const timespec,
) -> Outcome<c_int> {
    want(call, lock, Access::Shared)
}

pub(crate) fn shared_until<T>(result: c_int, lock: *mut T, _: *const timespec) {
    have(result, lock, Access::Shared);
}

pub(crate) fn share_by_clock<F, T>(
    call: &Call<F>,
    lock: *mut T,
    _: c_int,
    _: *const timespec,
) -> Outcome<c_int> {
    want(call, lock, Access::Shared)
}

pub(crate) fn shared_by_clock<T>(result: c_int, lock: *mut T, _: c_int, _: *const timespec) {
    have(result, lock, Access::Shared);
}

pub(crate) fn release<F, T>(call: &Call<F>, lock: *mut T) -> Outcome<c_int> {
    match context::in_event() {
        Some(thread) if thread.claims.borrow_mut().gives_back(lock.addr()) => {
            Outcome::Handled(call.made(0))
        }
        _ => Outcome::PassThrough(Bypass::Observed),
    }
}

pub(crate) fn released<T>(result: c_int, lock: *mut T) {
    if let Some(thread) = context::in_event() {
        released_on(thread, result, lock);
    }
}

#[inline]
fn released_on<T>(thread: &Thread, result: c_int, lock: *mut T) {
    if result == 0
        && let Ok(mut claims) = thread.claims.try_borrow_mut()
    {
        claims.unlocked(lock.addr());
    }
}

/// A condition puts the OS thread to sleep, and whoever is to signal it may need what a parked
/// coroutine has: those come first.
fn wait_alone() -> Outcome<c_int> {
    if let Some(thread) = context::in_event() {
        objects::wait_alone(thread);
    }
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn wait<F, C, T>(_: &Call<F>, _: *mut C, _: *mut T) -> Outcome<c_int> {
    wait_alone()
}

pub(crate) fn wait_until<F, C, T>(
    _: &Call<F>,
    _: *mut C,
    _: *mut T,
    _: *const timespec,
) -> Outcome<c_int> {
    wait_alone()
}

pub(crate) fn wait_by_clock<F, C, T>(
    _: &Call<F>,
    _: *mut C,
    _: *mut T,
    _: c_int,
    _: *const timespec,
) -> Outcome<c_int> {
    wait_alone()
}
