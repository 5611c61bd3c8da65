//! Which fds lead to parks: a guess that decides whether an event is given to the server alone.
//!
//! An fd whose events led to parks lately is a *parker*. A new connection takes over the habit of
//! its listener, and its parks are the listener's habit. A wrong guess costs time only: if a batch
//! parks, all of its fds belong to it until it ends.

use crate::Fd;

/// An event that did not park takes one away; so many quiet events end the habit.
const FULL: u8 = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// Above 0: the fd's own events park.
    own: u8,
    /// Above 0: connections accepted from it park.
    children: u8,
    listener: Option<Fd>,
    /// Connections were accepted from it.
    listens: bool,
    /// It was accepted or connected: it belongs to one conversation.
    connection: bool,
    /// It was connected: what it carries is for another connection.
    outbound: bool,
}

/// The habits of every fd, by number.
#[derive(Debug, Default)]
pub struct Habits {
    by_fd: Vec<Habit>,
    outbound: usize,
}

impl Habits {
    /// Will this fd's next event probably park?
    #[must_use]
    pub fn is_parker(&self, fd: Fd) -> bool {
        fd.index().and_then(|index| self.by_fd.get(index)).is_some_and(|habit| habit.own > 0)
    }

    /// An event of `fd` led to a park.
    pub fn parked(&mut self, fd: Fd) {
        let Some(habit) = self.entry(fd) else { return };
        habit.own = FULL;
        if let Some(listener) = habit.listener
            && let Some(parent) = self.entry(listener)
        {
            parent.children = FULL;
        }
    }

    /// An event of `fd` was served without a park.
    pub fn quiet(&mut self, fd: Fd) {
        if let Some(habit) = fd.index().and_then(|index| self.by_fd.get_mut(index)) {
            habit.own = habit.own.saturating_sub(1);
        }
    }

    /// `fd` is a new connection, accepted from `listener`.
    pub fn accepted(&mut self, listener: Fd, fd: Fd) {
        self.closed(fd);
        let parent = self.entry(listener);
        let own = parent.map_or(0, |parent| {
            parent.listens = true;
            parent.children
        });
        if let Some(habit) = self.entry(fd) {
            let listener = Some(listener);
            *habit = Habit { own, listener, connection: true, ..Habit::default() };
        }
    }

    /// `fd` was connected to a peer.
    pub fn connected(&mut self, fd: Fd) {
        let Some(habit) = self.entry(fd) else { return };
        habit.connection = true;
        if !std::mem::replace(&mut habit.outbound, true) {
            self.outbound += 1;
        }
    }

    /// Was `fd` connected to a peer, and not closed since?
    #[must_use]
    pub fn is_outbound(&self, fd: Fd) -> bool {
        fd.index().and_then(|index| self.by_fd.get(index)).is_some_and(|habit| habit.outbound)
    }

    /// Are there connections to peers?
    #[must_use]
    pub fn has_outbound(&self) -> bool {
        self.outbound > 0
    }

    /// Was `fd` accepted or connected, and not closed since?
    #[must_use]
    pub fn is_connection(&self, fd: Fd) -> bool {
        fd.index().and_then(|index| self.by_fd.get(index)).is_some_and(|habit| habit.connection)
    }

    /// Were connections accepted from `fd`?
    #[must_use]
    pub fn is_listener(&self, fd: Fd) -> bool {
        fd.index().and_then(|index| self.by_fd.get(index)).is_some_and(|habit| habit.listens)
    }

    /// `fd` was closed: its number means nothing any more.
    pub fn closed(&mut self, fd: Fd) {
        if let Some(habit) = fd.index().and_then(|index| self.by_fd.get_mut(index)) {
            self.outbound -= usize::from(habit.outbound);
            *habit = Habit::default();
        }
    }

    fn entry(&mut self, fd: Fd) -> Option<&mut Habit> {
        let index = fd.index()?;
        if self.by_fd.len() <= index {
            self.by_fd.resize(index + 1, Habit::default());
        }
        self.by_fd.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_inherits_what_its_siblings_did() {
        let mut habits = Habits::default();
        habits.accepted(Fd(3), Fd(10));
        assert!(!habits.is_parker(Fd(10)));
        habits.parked(Fd(10));
        habits.accepted(Fd(3), Fd(11));
        assert!(habits.is_parker(Fd(11)) && !habits.is_parker(Fd(3)));
    }

    #[test]
    fn quiet_events_end_the_habit_and_close_forgets_it() {
        let mut habits = Habits::default();
        habits.parked(Fd(5));
        for _ in 0..FULL {
            assert!(habits.is_parker(Fd(5)));
            habits.quiet(Fd(5));
        }
        assert!(!habits.is_parker(Fd(5)));
        habits.parked(Fd(5));
        habits.closed(Fd(5));
        assert!(!habits.is_parker(Fd(5)));
    }

    #[test]
    fn outbound_connections_are_counted_until_their_close() {
        let mut habits = Habits::default();
        habits.connected(Fd(7));
        habits.connected(Fd(7));
        assert!(habits.has_outbound() && habits.is_outbound(Fd(7)));
        habits.closed(Fd(7));
        habits.closed(Fd(7));
        assert!(!habits.has_outbound() && !habits.is_outbound(Fd(7)));
    }

    #[test]
    fn a_negative_fd_is_nothing() {
        let mut habits = Habits::default();
        habits.parked(Fd(-1));
        assert!(!habits.is_parker(Fd(-1)));
    }
}
