//! The events that a coroutine was given, and how far it has come with them.
//!
//! A server goes through what a wait has returned in that order. So it has begun with whatever comes
//! before the last one whose fd it has used; of what comes after, it has at most begun with the next.
//!
//! **With events left that were not begun, nobody parks for a job.** What is parked owns its events' fds, and
//! whoever wants to close one of those waits for it (C1): another coroutine, in the midst of its own event,
//! which has chosen the connection from a list and not yet taken it off. Others may then choose the same
//! one, and the batch itself, which goes on with its next event.

use crate::Fd;

/// The fds of a coroutine's events, in the order in which the server has them.
#[derive(Debug, Default)]
pub(super) struct Given {
    fds: Vec<Fd>,
    begun: usize,
}

impl Given {
    pub(super) fn clear(&mut self) {
        self.fds.clear();
        self.begun = 0;
    }

    /// One more. A single one is begun with at once.
    pub(super) fn push(&mut self, fd: Fd) {
        self.fds.push(fd);
        self.begun = self.begun.max(usize::from(self.fds.len() == 1));
    }

    /// The coroutine uses `fd`.
    pub(super) fn used(&mut self, fd: Fd) {
        let Some(rest) = self.fds.get(self.begun..).filter(|rest| !rest.is_empty()) else { return };
        if let Some(position) = rest.iter().position(|known| *known == fd) {
            self.begun += position + 1;
        }
    }

    pub(super) fn closed(&mut self, fd: Fd) {
        while let Some(position) = self.fds.iter().position(|known| *known == fd) {
            self.fds.remove(position);
            self.begun -= usize::from(position < self.begun);
        }
    }

    pub(super) fn contains(&self, fd: Fd) -> bool {
        self.fds.contains(&fd)
    }

    pub(super) fn is_several(&self) -> bool {
        self.fds.len() > 1
    }

    /// May there be some that the server has not begun with?
    pub(super) fn has_more(&self) -> bool {
        self.begun < self.fds.len()
    }

    pub(super) fn as_slice(&self) -> &[Fd] {
        &self.fds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(fds: &[i32]) -> Given {
        let mut given = Given::default();
        fds.iter().for_each(|fd| given.push(Fd(*fd)));
        given
    }

    #[test]
    fn a_single_one_is_begun_with() {
        assert!(!given(&[]).has_more() && !given(&[5]).has_more());
    }

    #[test]
    fn several_are_begun_with_in_their_order() {
        let mut several = given(&[5, 6, 7]);
        assert!(several.has_more());
        several.used(Fd(6));
        several.used(Fd(5));
        assert!(several.has_more(), "7 is to come");
        several.used(Fd(9));
        assert!(several.has_more(), "9 is none of them");
        several.used(Fd(7));
        assert!(!several.has_more());
    }

    #[test]
    fn what_was_closed_is_none_of_them() {
        let mut several = given(&[5, 6, 7]);
        several.used(Fd(5));
        several.closed(Fd(7));
        assert!(several.has_more() && !several.contains(Fd(7)));
        several.closed(Fd(5));
        assert!(several.has_more(), "6 is to come");
        several.closed(Fd(6));
        assert!(!several.has_more());
    }
}
