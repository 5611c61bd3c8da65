//! What is known of the sessions that were run: it dies with them.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use interlude_onnx::{Api, Names, Profile, Session, SessionPtr, View};

static SESSIONS: Mutex<BTreeMap<usize, Option<Arc<Session>>>> = Mutex::new(BTreeMap::new());

/// `None` while another thread looks, or for ever if that was lost in a fork: then nothing is known.
fn known() -> Option<MutexGuard<'static, BTreeMap<usize, Option<Arc<Session>>>>> {
    match SESSIONS.try_lock() {
        Ok(known) => Some(known),
        Err(TryLockError::Poisoned(known)) => Some(known.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// In a child after fork: nothing is known, since what was may be locked by a helper of the parent's, for ever. It is
/// not freed, for the same reason.
pub(super) fn after_fork() {
    // Where another thread of the parent's looked just then, nothing will ever be known here.
    if let Some(mut known) = known() {
        std::mem::forget(std::mem::take(&mut *known));
    }
}

/// A session of the server's.
pub(super) fn pointer(session: *mut c_void) -> SessionPtr {
    // SAFETY: the server keeps it while a call is inside (C4).
    unsafe { SessionPtr::new(session) }
}

/// The kind of request that this is, and its rows; `None` for one that cannot share a run.
pub(super) fn profile(
    api: Api,
    session: *mut c_void,
    names: &Names,
    views: &[View<'_>],
) -> Option<(Arc<Profile>, usize)> {
    let session_facts = {
        let mut known = known()?;
        let entry = known.entry(session.expose_provenance());
        entry.or_insert_with(|| Session::read(api, pointer(session)).ok().map(Arc::new)).clone()
    };
    session_facts?.profile(names, views)
}

/// Is a request of this session best run in place, whatever it is?
pub(super) fn rests(session: *mut c_void) -> bool {
    let facts = known().and_then(|known| known.get(&session.addr()).cloned());
    facts.flatten().is_some_and(|facts| facts.rests())
}

/// A session is freed. (Where another thread looks just now, wait for it: what is known of this one must
/// not be taken for what is known of the next at the same address.)
pub(super) fn release(session: *mut c_void) {
    for _ in 0..1000 {
        if let Some(mut known) = known() {
            let facts = known.remove(&session.addr());
            drop(known);
            if let Some(facts) = facts.flatten() {
                facts.release();
            }
            return;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_knows_nothing_unless_it_may_not_even_look() {
        let count = || known().map(|known| known.len());
        if let Some(mut known) = known() {
            known.insert(16, None);
        }
        let held = known();
        assert!(held.is_some());
        // As where the thread that held it was lost: nobody waits.
        after_fork();
        assert_eq!(count(), None);
        drop(held);
        assert_eq!(count(), Some(1));
        after_fork();
        assert_eq!(count(), Some(0));
    }
}
