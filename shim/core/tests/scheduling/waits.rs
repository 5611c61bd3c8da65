//! Waits that are not the loop's next one: nested ones, and the loop's with another instance.

use interlude_core::ready::Delivered;

use crate::hooks::Done;
use crate::machine::Machine;
use crate::server::{Coroutine, Step};
use crate::violation::Violation;

/// Nested waits of one coroutine.
const NESTED: usize = 3;

impl Machine {
    /// The loop waits on another epoll instance: what was fetched from this one goes back.
    pub(crate) fn leave_instance(&mut self) -> Result<(), Violation> {
        if !self.parked.is_empty() {
            // It would wait until nobody is parked.
            return Ok(());
        }
        for operation in self.ready.give_back(&mut self.interest) {
            self.ledger.saw("given back");
            self.apply(operation)?;
        }
        // Nobody can ask again about a number that is closed.
        let now = self.tick();
        self.stock.excuse_orphans(now);
        Ok(())
    }

    /// The running coroutine waits itself, and deals with the events before it goes on.
    pub(crate) fn wait_inside(&mut self, co: &mut Coroutine, max: usize) -> Done {
        // What is ready stays ready: a handler that waits at each event would never end.
        if self.setting.orderly || co.nested == NESTED {
            return Ok(());
        }
        self.alone(co)?;
        if co.forced {
            return Ok(());
        }
        let events = self.events_inside(max)?;
        self.ledger.saw("nested");
        let beside = self.is_fenced();
        self.timers.look(beside);
        co.nested += 1;
        let mut steps = Vec::new();
        for event in &events {
            self.claims.takes(event.fd);
            let event = self.files.opening(event.fd.0).map(|opening| (event.fd.0, opening));
            co.owns.extend(event);
            let actions = self.tape.take().into_iter();
            steps.extend(actions.map(|action| Step { action, event }));
        }
        steps.into_iter().rev().for_each(|step| co.steps.push_front(step));
        Ok(())
    }

    fn events_inside(&mut self, max: usize) -> Result<Vec<Delivered>, Violation> {
        self.release_held()?;
        if !self.ready.is_empty() {
            let (events, _) = self.pick(max, true)?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
        let outer = std::mem::take(&mut self.ready);
        if self.fetch(max)? == 0 {
            self.check_idle()?;
        }
        let (events, _) = self.pick(max, true)?;
        self.ready = outer;
        Ok(events)
    }
}
