//! Requests that can share a run: of one session, with the same outputs, and inputs of the same shapes but for
//! their rows.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Trial;

/// Of requests that are run in place, one of so many is looked at, and its time taken.
const LOOKED_AT: u32 = 16;

/// A kind of request, and what was measured of it.
pub struct Profile {
    /// Of each input, in the order of the call: the axis of its rows; `None`: it is the same for all.
    axes: Vec<Option<usize>>,
    state: Mutex<State>,
    /// Requests to come that need not be asked about: they are best run in place.
    rest: AtomicU32,
}

/// What changes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) trial: Trial,
    /// The axis of the rows of each output, once it was seen.
    pub(crate) outputs: Option<Vec<usize>>,
}

impl Profile {
    pub(crate) fn new(axes: Vec<Option<usize>>) -> Self {
        Self { axes, state: Mutex::default(), rest: AtomicU32::new(0) }
    }

    pub(crate) fn axes(&self) -> &[Option<usize>] {
        &self.axes
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was measured, to be used and added to.
    pub fn with<T>(&self, body: impl FnOnce(&mut Trial) -> T) -> T {
        body(&mut self.state().trial)
    }

    /// So many requests to come are best run in place.
    pub fn rest(&self, requests: u32) {
        self.rest.store(requests, Ordering::Relaxed);
    }

    /// Is this request one of those?
    #[must_use]
    pub fn rests(&self) -> bool {
        let less = |rest: u32| rest.checked_sub(1);
        self.rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Is this one of those that need not even be looked at? If not, it is to be asked for again ([`Self::rests`]).
    pub(crate) fn rests_unseen(&self) -> bool {
        let less = |rest: u32| rest.checked_sub(1).filter(|_| !rest.is_multiple_of(LOOKED_AT));
        self.rest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_that_rest_one_of_sixteen_is_looked_at() {
        let profile = Profile::new(vec![Some(0)]);
        assert!(!profile.rests_unseen() && !profile.rests());
        profile.rest(40);
        let unseen: Vec<bool> = (0..40)
            .map(|_| {
                let unseen = profile.rests_unseen();
                if !unseen {
                    assert!(profile.rests());
                }
                unseen
            })
            .collect();
        let looked_at: Vec<usize> = (0..40).filter(|index| !unseen[*index]).collect();
        assert_eq!(looked_at, [8, 24]);
        assert!(!profile.rests_unseen() && !profile.rests());
    }
}
