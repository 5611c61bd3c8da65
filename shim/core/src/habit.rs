//! Which fds lead to parks: a guess that decides whether an event is given to the server alone.
//!
//! An fd whose events led to parks lately is a *parker*. A new connection takes over the habit of
//! its listener, and its parks are the listener's habit. A wrong guess costs time only: if a batch
//! parks, all of its fds belong to it until it ends.

use crate::Fd;

/// An event that did not park takes one away; so many quiet events end the habit.
const FULL: u8 = 16;

#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// Above 0: the fd's own events park.
    own: u8,
    /// Above 0: connections accepted from it park.
    children: u8,
    listener: Option<Fd>,
}

/// The habits of every fd, by number.
#[derive(Debug, Default)]
pub struct Habits {
    by_fd: Vec<Habit>,
}

impl Habits {
    /// Will this fd's next event probably park?
    #[must_use]
    pub fn is_parker(&self, fd: Fd) -> bool {
        fd.index().and_then(|index| self.by_fd.get(index)).is_some_and(|habit| habit.own > 0)
    }

    /// An event of `fd` led to a park.
    pub fn parked(&mut self, fd: Fd) {
        self.entry(fd);
        self.prefers_alone(fd);
    }

    /// Events of `fd`, and of its siblings, had better be given out alone, if anything is known of it.
    /// Allocates nothing.
    pub fn prefers_alone(&mut self, fd: Fd) {
        let Some(habit) = self.get_mut(fd) else { return };
        habit.own = FULL;
        if let Some(parent) = habit.listener.and_then(|listener| self.get_mut(listener)) {
            parent.children = FULL;
        }
    }

    /// An event of `fd` was served without a park.
    pub fn quiet(&mut self, fd: Fd) {
        if let Some(habit) = self.get_mut(fd) {
            habit.own = habit.own.saturating_sub(1);
        }
    }

    /// `fd` is a new connection, accepted from `listener`.
    pub fn accepted(&mut self, listener: Fd, fd: Fd) {
        self.closed(fd);
        let own = self.entry(listener).map_or(0, |parent| parent.children);
        if let Some(habit) = self.entry(fd) {
            *habit = Habit { own, listener: Some(listener), ..Habit::default() };
        }
    }

    /// `fd` was closed: its number means nothing any more.
    pub fn closed(&mut self, fd: Fd) {
        if let Some(habit) = self.get_mut(fd) {
            *habit = Habit::default();
        }
    }

    fn get_mut(&mut self, fd: Fd) -> Option<&mut Habit> {
        self.by_fd.get_mut(fd.index()?)
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
    fn a_negative_fd_is_nothing() {
        let mut habits = Habits::default();
        habits.parked(Fd(-1));
        assert!(!habits.is_parker(Fd(-1)));
    }
}
