//! The events that a coroutine was given, and with which of them the server has begun.
//!
//! That is told by the fds that it uses. In which order it goes through what a wait has returned is its own
//! affair: lighttpd makes a list of the connections first, and takes the last one first.
//!
//! **With events left that were not begun, nobody parks for a job.** What is parked owns its events' fds, and
//! whoever wants to close one of those waits for it (C1): another coroutine, in the midst of its own event,
//! which has chosen the connection from a list and not yet taken it off. Others may then choose the same
//! one, and the batch itself, which goes on with its next event.
//!
//! (Who uses another connection of its batch before that one's event, as a relay may, is taken to have begun
//! with both.)

use crate::Fd;

/// The fds of a coroutine's events.
#[derive(Debug, Default)]
pub(super) struct Given {
    fds: Vec<Fd>,
    /// Those of `fds` that it has not used yet, if there are several.
    to_come: Vec<Fd>,
}

impl Given {
    pub(super) fn clear(&mut self) {
        self.fds.clear();
        self.to_come.clear();
    }

    /// One more. A single one is begun with at once.
    pub(super) fn push(&mut self, fd: Fd) {
        match *self.fds.as_slice() {
            [] => {}
            [first] => self.to_come.extend([first, fd]),
            _ => self.to_come.push(fd),
        }
        self.fds.push(fd);
    }

    /// One more, beside those that it has begun with.
    pub(super) fn push_beside(&mut self, fd: Fd) {
        self.fds.push(fd);
        self.to_come.push(fd);
    }

    /// The coroutine uses `fd`.
    pub(super) fn used(&mut self, fd: Fd) {
        if !self.to_come.is_empty() {
            self.to_come.retain(|known| *known != fd);
        }
    }

    pub(super) fn closed(&mut self, fd: Fd) {
        self.fds.retain(|known| *known != fd);
        self.used(fd);
    }

    pub(super) fn contains(&self, fd: Fd) -> bool {
        self.fds.contains(&fd)
    }

    pub(super) fn is_several(&self) -> bool {
        self.fds.len() > 1
    }

    /// May there be some that the server has not begun with?
    pub(super) fn has_more(&self) -> bool {
        !self.to_come.is_empty()
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
    fn several_are_begun_with_when_each_was_used_in_any_order() {
        for order in [[5, 6, 7], [7, 6, 5], [6, 5, 7]] {
            let mut several = given(&[5, 6, 7]);
            for fd in order {
                assert!(several.has_more(), "{fd} is to come");
                several.used(Fd(9));
                several.used(Fd(fd));
                several.used(Fd(fd));
            }
            assert!(!several.has_more());
        }
    }

    #[test]
    fn what_was_closed_is_none_of_them_and_the_others_are_still_to_come() {
        let mut several = given(&[5, 6, 7]);
        several.used(Fd(5));
        several.closed(Fd(7));
        assert!(several.has_more() && !several.contains(Fd(7)), "6 is to come");
        several.closed(Fd(5));
        assert!(several.has_more(), "6 is to come");
        several.closed(Fd(6));
        assert!(!several.has_more());
    }

    #[test]
    fn what_comes_in_the_midst_of_another_is_to_come() {
        let mut one = given(&[5]);
        one.push_beside(Fd(8));
        one.used(Fd(5));
        assert!(one.has_more());
        one.used(Fd(8));
        assert!(!one.has_more());
    }
}
