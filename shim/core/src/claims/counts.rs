//! How many parked coroutines have something to do with each fd, and with each lock.

use std::collections::HashMap;

use super::Access;
use crate::Fd;

/// A count for each fd, by number.
#[derive(Debug, Default)]
pub(super) struct FdCounts(Vec<u16>);

impl FdCounts {
    /// The count of `fd`.
    pub(super) fn of(&self, fd: Fd) -> u16 {
        fd.index().and_then(|index| self.0.get(index)).copied().unwrap_or(0)
    }

    /// One more for each of these.
    pub(super) fn add(&mut self, fds: &[Fd]) {
        for index in fds.iter().filter_map(|fd| fd.index()) {
            if self.0.len() <= index {
                self.0.resize(index + 1, 0);
            }
            if let Some(count) = self.0.get_mut(index) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// One less for each of these.
    pub(super) fn take(&mut self, fds: &[Fd]) {
        for index in fds.iter().filter_map(|fd| fd.index()) {
            if let Some(count) = self.0.get_mut(index) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// None of `fd`.
    pub(super) fn forget(&mut self, fd: Fd) {
        if let Some(count) = fd.index().and_then(|index| self.0.get_mut(index)) {
            *count = 0;
        }
    }
}

/// How many hold each lock: side by side, and alone.
#[derive(Debug, Default)]
pub(super) struct LockCounts(HashMap<usize, (u32, u32)>);

impl LockCounts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does anybody hold it?
    pub(super) fn holds(&self, lock: usize) -> bool {
        self.0.contains_key(&lock)
    }

    /// One more holder for each of these.
    pub(super) fn add(&mut self, locks: &[(usize, Access)]) {
        for (lock, access) in locks {
            let holders = self.0.entry(*lock).or_default();
            match access {
                Access::Shared => holders.0 += 1,
                Access::Exclusive => holders.1 += 1,
            }
        }
    }

    /// One holder less for each of these.
    pub(super) fn take(&mut self, locks: &[(usize, Access)]) {
        for (lock, access) in locks {
            let Some(holders) = self.0.get_mut(lock) else { continue };
            match access {
                Access::Shared => holders.0 = holders.0.saturating_sub(1),
                Access::Exclusive => holders.1 = holders.1.saturating_sub(1),
            }
            if *holders == (0, 0) {
                self.0.remove(lock);
            }
        }
    }
}
