//! When a loop does without the scheduler for a while.
//!
//! A thread of which nobody has parked for many events, or only in vain (nobody else was served meanwhile, and the engine
//! is no quicker than the thread), to which
//! nobody has come just now, and which has no connection to a peer, rests: its waits are the kernel's, its hooks look
//! at nothing, and it costs what it did before its first heavy call. A call that would park, a connection that is
//! accepted or made, and a registration end that: the next wait is the scheduler's again ([`Thread::stir`],
//! [`Thread::arm`]).
//!
//! What the claims know of connections is kept, and holds: these are closed through hooks that act everywhere, and no
//! new one begins without an end of the rest. What they know of memory may be out of date, and then holds back more
//! than has to be.

use interlude_core::fence::Fence;

use super::*;

/// Events in which somebody who has come may say by which protocol.
const SETTLING: usize = 8;

/// A loop whose parks are in vain rests again after this part of the events.
const IN_VAIN: usize = 16;

/// Events of a loop.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Since somebody has parked while others were served, or would have parked.
    since_parked: usize,
    /// Since somebody has come.
    since_stirred: usize,
    /// Was nobody served while the latest one was parked, so far?
    in_vain: bool,
}

impl Quiet {
    pub(super) fn delivered(&mut self, events: usize) {
        self.since_parked = self.since_parked.saturating_add(events);
        self.since_stirred = self.since_stirred.saturating_add(events);
    }

    /// Somebody parks, `beside` others or alone. Alone, that is worth something only if somebody is served meanwhile, or
    /// if the engine is quicker than the call would be in place.
    pub(super) fn parked(&mut self, beside: bool, is_sped_up: bool) {
        self.in_vain = true;
        if beside || is_sped_up {
            self.served_beside();
        }
    }

    /// The server has its turn while somebody is parked.
    pub(super) fn served_beside(&mut self) {
        self.in_vain = false;
        self.since_parked = 0;
    }

    /// Somebody would have parked. A loop that does so in vain goes on for less long.
    fn wanted(&mut self, after: usize) {
        let granted = if self.in_vain { (after / IN_VAIN).max(SETTLING) } else { after };
        self.since_parked = self.since_parked.min(after.saturating_sub(granted));
    }

    pub(super) fn stirred(&mut self) {
        self.since_stirred = 0;
    }
}

impl Scheduler<'_> {
    pub(super) fn may_rest(&mut self, call: &WaitCall) -> bool {
        let thread = self.thread;
        if thread.stirred.replace(false) {
            self.quiet.stirred();
        }
        let after = thread.settings.of_loop.rest_after as usize;
        if thread.wanted.replace(false) {
            self.quiet.wanted(after);
        }
        let Quiet { since_parked, since_stirred, .. } = self.quiet;
        if after == 0 || since_parked < after || since_stirred < SETTLING.min(after) {
            return false;
        }
        // Somebody may stay silent for long.
        (since_stirred >= after || thread.claims.borrow().links().are_settled())
            && call.timeout != Some(Duration::ZERO)
            && self.parked.is_empty()
            && self.ready.is_empty()
            && self.ready.held_len() == 0
            && self.outer.is_none()
            && !self.is_late
            && !thread.signals.any()
            && !thread.winding_down.is_on()
            && !ending::has_begun()
            && !thread.claims.borrow().links().has_peers()
    }

    /// The server's wait becomes the kernel's.
    pub(super) fn rest(&mut self) -> Answer {
        let thread = self.thread;
        count(Counter::LoopRested);
        thread.claims.borrow_mut().rest();
        thread.delivery.borrow_mut().clear();
        thread.backlog.set(false);
        thread.drains.set(false);
        thread.resting.set(true);
        thread.armed.set(false);
        Answer::Resting
    }

    /// The first wait after a rest: of the clocks it is known when the turn began, and nothing else.
    pub(super) fn ends_rest(&self) {
        if self.thread.resting.get() {
            *self.thread.fence.borrow_mut() = Fence::of_turn_since(self.thread.began.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events that are served from then on until a loop may rest that does so after 1024.
    fn left(quiet: &Quiet) -> usize {
        1024_usize.saturating_sub(quiet.since_parked)
    }

    #[test]
    fn a_park_counts_if_somebody_was_served_meanwhile() {
        let mut quiet = Quiet::default();
        quiet.delivered(1000);
        quiet.parked(false, false);
        assert_eq!(left(&quiet), 24);
        quiet.served_beside();
        assert_eq!(left(&quiet), 1024);
        quiet.delivered(1000);
        // Beside somebody else's.
        quiet.parked(true, false);
        assert_eq!(left(&quiet), 1024);
        quiet.delivered(1000);
        // What is quicker is worth it, whoever is served.
        quiet.parked(false, true);
        quiet.delivered(1000);
        assert_eq!(left(&quiet), 24);
        quiet.wanted(1024);
        assert_eq!(left(&quiet), 1024);
    }

    #[test]
    fn a_loop_that_parks_in_vain_is_awake_for_less_long() {
        let mut quiet = Quiet::default();
        quiet.delivered(2000);
        quiet.wanted(1024);
        assert_eq!(left(&quiet), 1024, "nobody has parked in vain so far");
        quiet.delivered(10);
        quiet.parked(false, false);
        quiet.delivered(2000);
        quiet.wanted(1024);
        assert_eq!(left(&quiet), 64);
        quiet.delivered(60);
        quiet.wanted(1024);
        assert_eq!(left(&quiet), 64, "what is wanted again begins again");
        quiet.parked(true, false);
        quiet.delivered(2000);
        quiet.wanted(1024);
        assert_eq!(left(&quiet), 1024);
    }
}
