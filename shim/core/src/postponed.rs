//! Has the server put off work of its own to its next turn (C2)?
//!
//! A server that asks for events without wanting to wait has a list of connections to go on with: nginx's
//! posted events, lighttpd's jobs, what Redis has yet to read from TLS. The list is one for all of them, and
//! whichever coroutine comes to the end of its turn next goes through it. Beside a parked coroutine it
//! would be in the midst of a connection that the other one, which owns it, may close.
//!
//! So such a turn begins only when nobody is parked in the midst of an answer, those go on before others
//! ([`crate::claims::Claims::goes_first`]); and the connections of the
//! turn before are *due*: until the next turn has ended, and with it the list, their events are held
//! ([`crate::claims::Claims::end`]). Coroutines that are parked in a TLS handshake have put off nothing of
//! the connection that they are at, and others are served beside them.
//!
//! A server that always asks so, and has nothing to do, only polls. It is told by many such turns in a
//! row.
//!
//! Must not: know who is parked.

/// So many turns in a row that were asked for at once, got no event and used no fd make a server that
/// polls.
const POLLS: u8 = 32;

/// What the waits of a loop tell of the server's own work.
#[derive(Debug, Default)]
pub struct Postponed {
    /// Idle turns in a row between waits of no time.
    polls: u8,
}

impl Postponed {
    /// The server has come back to its loop, and asks for events. `at_once`: it does not want to wait.
    /// `idle`: the turn before was given no event and used no fd. True: there is work of its own for the
    /// next turn.
    pub fn asks(&mut self, at_once: bool, idle: bool) -> bool {
        if !at_once {
            self.polls = 0;
        } else if idle {
            self.polls = self.polls.saturating_add(1).min(POLLS);
        } else if self.polls < POLLS {
            self.polls = 0;
        }
        at_once && self.polls < POLLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_no_time_tells_of_work_until_the_next_wait() {
        let mut postponed = Postponed::default();
        assert!(postponed.asks(true, false));
        assert!(!postponed.asks(false, false));
    }

    #[test]
    fn who_polls_has_none_also_under_load_until_it_waits() {
        let mut postponed = Postponed::default();
        for turn in (1..POLLS).chain([0]).chain(1..=POLLS) {
            assert_eq!(postponed.asks(true, turn > 0), turn < POLLS);
        }
        assert!(!postponed.asks(true, false), "a turn with events does not make it wait");
        assert!(!postponed.asks(false, true));
        assert!(postponed.asks(true, false));
    }
}
