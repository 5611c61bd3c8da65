//! When a loop does without the scheduler for a while.
//!
//! A thread of which nobody has parked for many events, to which nobody has come just now, and which has no
//! connection to a peer, rests: its waits are the kernel's, its hooks look at nothing, and it costs what it did before its first heavy call. A call that
//! would park, a connection that is accepted or made, and a registration end that: the next wait is the scheduler's
//! again ([`Thread::stir`], [`Thread::arm`]).
//!
//! What the claims know of memory is forgotten. What they know of connections is kept, and holds: these are closed
//! through hooks that act everywhere, and no new one begins without an end of the rest.

use super::*;

/// Events in which somebody who has come may say by which protocol.
const SETTLING: usize = 8;

impl Scheduler<'_> {
    pub(super) fn may_rest(&mut self, call: &WaitCall) -> bool {
        let thread = self.thread;
        if thread.stirred.replace(false) {
            self.since_stirred = 0;
        }
        if thread.wanted.replace(false) {
            self.quiet = 0;
        }
        let after = thread.settings.of_loop.rest_after as usize;
        if after == 0 || self.quiet < after || self.since_stirred < SETTLING.min(after) {
            return false;
        }
        // Somebody may stay silent for long.
        (self.since_stirred >= after || thread.claims.borrow().links().are_settled())
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
}
