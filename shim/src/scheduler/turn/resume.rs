//! A parked coroutine goes on: its stack, its events and its claims are laid back.

use super::*;

impl Scheduler<'_> {
    /// The next coroutine that goes on. Where some are parked beside which nothing begins, these: in the
    /// others' turns what they have put off would be gone on with. Then who has waited at a door, and those
    /// who are waited for there, and whom those wait for.
    ///
    /// Where the engine has given up jobs, their coroutines make the calls themselves, which takes long, so
    /// they take turns with the server's events: a loop stands for one such call, not for all of them.
    /// Those come first that keep an event from the server.
    pub(super) fn pop_ready(&mut self, weight: Weight) -> Option<(CoroutineId, Parked, Answer)> {
        if self.parked.is_empty() {
            return None;
        }
        let claims = self.thread.claims.borrow();
        if !claims.is_calm() || claims.holds_list() {
            let first = |id| claims.goes_first(id);
            let popped = self.parked.pop_ready_of(first);
            if popped.is_some() || self.parked.is_any_in_flight(first) {
                return popped;
            }
        }
        let admitted =
            self.thread.settings.rules.doors.then(|| self.parked.pop_admitted()).flatten();
        if admitted.is_some() {
            return admitted;
        }
        if self.has_door() {
            let awaited = self.parked.awaited(&claims);
            let is_awaited = |id| awaited.contains(&id);
            let popped = self.parked.pop_ready_of(is_awaited);
            if popped.is_some() || self.parked.is_any_in_flight(is_awaited) {
                return popped;
            }
        }
        if weight == Weight::Light {
            return self.parked.pop_light();
        }
        let keeps = |id| self.ready.held().any(|fd| claims.keeps(id, fd));
        self.parked.pop_ready_of(keeps).or_else(|| self.parked.pop_ready())
    }

    /// Lays a parked coroutine back. `None` if it was a loop, which now waits.
    pub(super) fn resume(
        &mut self,
        id: CoroutineId,
        parked: Parked,
        answer: Answer,
    ) -> Option<Answer> {
        let Parked { slice, ambient, mut events, wait, waiting } = parked;
        {
            let claims = self.thread.claims.borrow();
            silence(&mut events, |fd| claims.has_event(id, fd), &claims);
        }
        // SAFETY: saved by this seat in `park`; what lies on the stack is the loop, saved in
        // `begin_wait`, or was saved in `park`, or has ended.
        unsafe { self.seat.lay_back(&slice) };
        self.on_stack = OnStack::Other;
        let is_forced = matches!(answer, Answer::Forced);
        self.going = Some(match waiting {
            Waiting::Loop(_) | Waiting::Nested(_) => Answer::Failed(libc::EINTR),
            _ => answer,
        });
        // It goes on, whatever panics from here on: so what is its own comes first.
        self.thread.current.set(id.0);
        if !matches!(waiting, Waiting::Loop(_)) {
            self.lay_back_events(&wait, events);
        }
        if let Some(ambient) = ambient {
            ambient.put();
        }
        self.thread.parked.set(self.parked.len());
        context::local().set_in_event(true);
        fail::point("scheduler.resumed");
        self.parked.recycle(slice);
        let mut claims = self.thread.claims.borrow_mut();
        claims.resume(id);
        claims.goes_on();
        drop(claims);
        self.thread.fence.borrow_mut().resumes();
        self.thread.backlog.set(!self.ready.is_empty());
        if let Waiting::Loop(call) = waiting {
            let puts_off = self.puts_off(&call);
            self.finish(puts_off);
            self.begin_wait(call);
            self.going = None;
            count(Counter::CoroutineResumed);
            return None;
        }
        self.has_parked = true;
        count(Counter::CoroutineResumed);
        if is_forced {
            count(Counter::CoroutineForced);
        }
        match waiting {
            Waiting::Nested(call) => {
                let answer = self.wait_nested(&call);
                self.going = None;
                Some(answer)
            }
            _ => self.going.take(),
        }
    }

    /// A wait inside of an event, with nobody parked: as the kernel answers it, but for what was
    /// fetched before from the same instance.
    pub(super) fn wait_nested(&mut self, call: &WaitCall) -> Answer {
        ending::rests(self.thread);
        let Some(epoll) = self.thread.epoll(call.epfd) else { return Answer::Failed(libc::EBADF) };
        if self.thread.signals.any() {
            return Answer::Failed(libc::EINTR);
        }
        // Its own fds may have been held while it was parked.
        self.release_held();
        if call.epfd == self.wait.epfd && !self.ready.is_empty() {
            let events = self.pick_for(&epoll, call.max);
            if !events.is_empty() {
                return Answer::Nested(events);
            }
        }
        self.outer = Some((Arc::clone(&epoll), std::mem::take(&mut self.ready)));
        let fetched = self.ask(call, &epoll, call.timeout);
        let events = self.pick_for(&epoll, call.max);
        // What was held of these is nobody's to release: it is asked for again at once.
        for operation in self.ready.give_back(&mut epoll.interest()) {
            epoll.apply(operation);
        }
        self.ready = self.outer.take().map_or_else(Ready::default, |(_, outer)| outer);
        match fetched {
            Ok(_) => Answer::Nested(events),
            Err(errno) => Answer::Failed(errno),
        }
    }

    /// Events for a nested wait: whoever parks is no matter, since nobody is served beside it.
    fn pick_for(&mut self, epoll: &Epoll, max: usize) -> Vec<Delivered> {
        let mut claims = self.thread.claims.borrow_mut();
        let mut interest = epoll.interest();
        self.ready.pick(&mut interest, &claims, None, max, &mut self.pick);
        for operation in self.pick.operations.drain(..) {
            epoll.apply(operation);
        }
        count_by(Counter::EventDelivered, self.pick.events.len());
        for event in &self.pick.events {
            claims.takes(event.fd);
        }
        std::mem::take(&mut self.pick.events)
    }

    /// The server's buffer has been used for other events since; this coroutine may still read
    /// its own from it.
    fn lay_back_events(&self, wait: &WaitCall, events: Vec<Delivered>) {
        if wait.events == self.wait.events && events.len() <= self.wait.max {
            // SAFETY: the buffer is the server's current one, and has room for them.
            unsafe { super::super::hand_over(&events, wait.events) };
        }
        self.thread.delivery.replace(events);
    }
}
