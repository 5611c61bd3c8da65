//! The fds that the running coroutine is given events of, and those that it uses.

use super::Claims;
use super::possessions::{Possessions, push_within};
use crate::Fd;
use crate::policy::Class;

impl Claims {
    /// A new coroutine begins: the running one's claims start with its events' fds.
    pub fn begin(&mut self, fds: impl IntoIterator<Item = Fd>) {
        self.running.clear();
        for fd in fds {
            self.running.fds.push(fd);
            self.running.events.push(fd);
            self.is_given(fd);
        }
        self.running.anonymous |= self.running.fds.is_empty();
        self.running.make_room();
    }

    /// The running coroutine has waited for events itself, and is given one of `fd`.
    pub fn takes(&mut self, fd: Fd) {
        // It has had an event of its own, whose edge will not come again.
        self.is_first_of_newcomer(fd);
        self.running.events.push_beside(fd);
        self.is_given(fd);
        self.owns(fd);
    }

    fn is_given(&mut self, fd: Fd) {
        self.running.anonymous |= self.links.is_unknown(fd);
        self.know(fd);
    }

    /// The running coroutine uses `fd`.
    pub fn touch(&mut self, fd: Fd) {
        self.running.events.used(fd);
        if self.links.has_classes() && self.links.class(fd).is_some() {
            self.running.latest = Some(fd);
        }
        self.owns(fd);
    }

    /// What matters of the running coroutine's calls: what was said of the connection that it used last, or else of
    /// one that it was given an event of; `None`: nothing was.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        if !self.links.has_classes() {
            return None;
        }
        let latest = self.running.latest.iter();
        latest.chain(self.running.fds.iter().rev()).find_map(|fd| self.links.class(*fd)).flatten()
    }

    fn owns(&mut self, fd: Fd) {
        let fds = &mut self.running.fds;
        if fds.iter().rev().take(4).any(|known| *known == fd) {
            return;
        }
        if !push_within(fds, fd) {
            // A batch of hundreds of events may touch thousands of fds before it ends.
            fds.sort_unstable();
            fds.dedup();
            self.running.crowded |= !push_within(fds, fd);
        }
        self.meets(fd);
    }

    /// The running coroutine ends its use of `fd`: it is its own as with [`Claims::touch`], but that
    /// says nothing of whom it works for.
    pub fn ends(&mut self, fd: Fd) {
        if !self.running.fds.contains(&fd) {
            self.running.crowded |= !push_within(&mut self.running.fds, fd);
        }
    }

    pub(super) fn meets(&mut self, fd: Fd) {
        let Possessions { events, fds, in_doubt, anonymous, .. } = &self.running;
        self.links.touched(fd, events.as_slice(), fds, *in_doubt || *anonymous);
    }
}
