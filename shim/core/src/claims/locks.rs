//! Who holds which lock (C3), and what becomes of two that wait for each other's (C9).
//!
//! Nothing here allocates: the server may be inside its allocator.

use super::possessions::push_within;
use super::{Access, Claims};

/// Room for locks that are lent at the same time.
pub(super) const LENT: usize = 64;

impl Claims {
    /// Does any parked coroutine hold a lock?
    #[must_use]
    pub fn is_any_lock_held(&self) -> bool {
        !self.locks.is_empty()
    }

    /// The running coroutine has taken a lock.
    #[inline]
    pub fn locked(&mut self, lock: usize, access: Access) {
        self.running.crowded |= !push_within(&mut self.running.locks, (lock, access));
    }

    /// Does no parked coroutine hold a lock, so that nobody could have to wait for it (C3)?
    #[must_use]
    #[inline]
    pub fn is_free(&self, lock: usize) -> bool {
        self.locks.is_empty() || !self.locks.holds(lock)
    }

    /// Is no lock lent, so that a release is what it seems?
    #[must_use]
    #[inline]
    pub fn lends_nothing(&self) -> bool {
        self.lent.is_empty()
    }

    /// The running coroutine goes on as if it had taken a lock, which a parked one has (C9): each of
    /// them waits for what the other holds. The thread has taken the lock once, and must release it
    /// once. False where there is no room to remember that.
    pub fn lend(&mut self, lock: usize, access: Access) -> bool {
        let locks = &mut self.running.locks;
        let has_room = locks.len() < locks.capacity() && push_within(&mut self.lent, lock);
        if has_room {
            locks.push((lock, access));
        }
        has_room
    }

    /// The running coroutine releases a lock that another has, too: the lock stays taken.
    pub fn gives_back(&mut self, lock: usize) -> bool {
        let Some(position) = self.lent.iter().rposition(|lent| *lent == lock) else { return false };
        self.lent.swap_remove(position);
        self.unlocked(lock);
        true
    }

    /// A lock is released, by whichever coroutine holds it. True if a parked one held it.
    #[inline]
    pub fn unlocked(&mut self, lock: usize) -> bool {
        let mine = self.running.locks.iter().rposition(|(known, _)| *known == lock);
        if let Some(position) = mine {
            self.running.locks.swap_remove(position);
            return false;
        }
        if self.locks.is_empty() {
            return false;
        }
        for possessions in self.parked.values_mut() {
            if let Some(position) = possessions.locks.iter().rposition(|(known, _)| *known == lock)
            {
                self.locks.take(&[possessions.locks.swap_remove(position)]);
                return true;
            }
        }
        false
    }
}
