//! When nobody can go on: asking the kernel, sleeping, and letting the parked ones end first.

use super::*;

/// How long parked coroutines may keep the server from its timers before all events are given to it
/// at once, in nanoseconds: a tenth of the shortest timeouts in use.
const LATE: i64 = 100_000_000;

/// How often in a row the kernel may have something to report, and no job may come back, until the
/// engine begins with what it has kept back to be batched: those who wait for it are not to wait for a
/// quiet moment, which never comes on a loaded server.
const BUSY_POLLS: u32 = 8;

impl Scheduler<'_> {
    /// Asks the kernel for events; sleeps if there is nothing to do meanwhile.
    pub(super) fn fetch(&mut self) -> Option<Answer> {
        let in_flight = self.parked.in_flight();
        if in_flight == 0 && !self.parked.is_empty() {
            self.unlock_cycle();
            return None;
        }
        let timeout = match in_flight {
            0 => kernel::remaining(self.wait.timeout, &mut self.began),
            _ => Some(Duration::ZERO),
        };
        let call = self.wait;
        let Some(epoll) = self.epoll.clone() else { return Some(self.fail(libc::EBADF)) };
        match self.ask(&call, &epoll, timeout) {
            Ok(0) if in_flight > 0 => self.idle(),
            Ok(0) => Some(self.time_out()),
            Ok(_) => {
                self.polls += 1;
                if in_flight > 0 && self.polls >= BUSY_POLLS {
                    self.polls = 0;
                    offload::flush(self.thread);
                }
                None
            }
            Err(_) if self.thread.signals.any() => None,
            Err(errno) => Some(self.fail(errno)),
        }
    }

    /// The server's turn, before a call is made that takes long: whatever the kernel has to report by now, or
    /// work of its own. `None` if it has neither.
    pub(super) fn give_way(&mut self) -> Option<Answer> {
        self.gave_way = true;
        let (call, epoll) = (self.wait, self.epoll.clone()?);
        // If it refuses, it will do so again when nothing else is left to do.
        self.ask(&call, &epoll, Some(Duration::ZERO)).ok()?;
        let has_work = call.timeout == Some(Duration::ZERO);
        self.deliver(false).or_else(|| has_work.then(|| self.time_out()))
    }

    pub(super) fn ask(
        &mut self,
        call: &WaitCall,
        epoll: &Epoll,
        timeout: kernel::Timeout,
    ) -> Result<usize, i32> {
        let max = call.max.min(FETCH_MAX);
        self.buffer.resize(max, libc::epoll_event { events: 0, u64: 0 });
        let before = if timeout == Some(Duration::ZERO) { None } else { Some(clocks::now()) };
        let fetched = kernel::wait_kernel(call, self.buffer.as_mut_ptr(), max, timeout)?;
        self.asked = clocks::now();
        before.into_iter().for_each(|before| self.thread.has_slept(before, self.asked));
        self.thread.fetched.set(fetched);
        let fetch = epoll.interest().fetch();
        count(Counter::LoopPolled);
        count_by(Counter::EventFetched, fetched);
        for event in self.buffer.iter().take(fetched) {
            self.ready.push(Token(event.u64), event.events, fetch);
        }
        Ok(fetched)
    }

    /// No event is ready, and jobs are in flight.
    fn idle(&mut self) -> Option<Answer> {
        if self.wait.timeout == Some(Duration::ZERO) {
            // It has other work: it gets no events, and comes back.
            offload::flush(self.thread);
            return Some(self.time_out());
        }
        let fenced = self.thread.settings.rules.timers;
        let due = self.thread.fence.borrow().left(clocks::now()).filter(|_| fenced);
        let left = kernel::remaining(self.wait.timeout, &mut self.began);
        if !fenced && left.is_some_and(|left| left.is_zero()) {
            return Some(self.time_out());
        }
        // Beside parked coroutines the server's timers wait, and it for them.
        let left = due.or(left);
        let slept = if left.is_some_and(|left| left.is_zero()) {
            // The server's next timer is due. It may free what a parked coroutine uses, so those
            // come first (C5).
            self.drain()
        } else {
            self.sleep(left)
        };
        match slept {
            // A signal that is kept back interrupts when nobody is parked any more.
            Err(_) if self.thread.signals.any() => None,
            Err(errno) => Some(self.fail(errno)),
            Ok(()) => None,
        }
    }

    /// Until there is an event or a completion, a job is late, or the time is up.
    fn sleep(&mut self, left: kernel::Timeout) -> Result<(), i32> {
        let Some(wake) = self.arm() else { return Ok(()) };
        count(Counter::LoopSlept);
        let soonest = left.into_iter().chain(self.until_late()).min();
        let before = clocks::now();
        let slept = kernel::sleep(&self.wait, wake, soonest);
        self.thread.has_slept(before, clocks::now());
        self.thread.with_engine(|engine| engine.disarm());
        slept
    }

    /// May a timer of the server's run in the next coroutine, beside parked ones, or has one waited
    /// for them long enough (C5)? It waits for all events that were there before.
    pub(super) fn timer_is_due(&self) -> bool {
        if self.parked.is_empty() || !self.thread.settings.rules.timers {
            return false;
        }
        let fence = self.thread.fence.borrow();
        if self.ready.is_empty() {
            fence.is_due(clocks::now())
        } else {
            fence.is_reached(clocks::now)
        }
    }

    /// Has a timer of the server's come due since the kernel was asked? What it would report now came
    /// before, too.
    pub(super) fn has_to_ask(&self, now: i64) -> bool {
        let due = self.thread.fence.borrow().due_at(clocks::real);
        due.is_some_and(|due| self.asked < due && due <= now)
    }

    /// Timers are due since long, and nobody is parked any more: the server gets all events that are
    /// there, at once, as after any other long turn. Given one by one, with a clock that still stands,
    /// new connections would get timeouts that have nearly passed; with one that goes on, those whose
    /// events wait would time out between them. Nothing parks in this turn: its events would come one
    /// after the other, each as late as the engine is slow. `None` if there are none.
    pub(super) fn catch_up(&mut self) -> Option<Answer> {
        self.is_late = false;
        let call = self.wait;
        let epoll = self.epoll.clone()?;
        {
            let mut interest = epoll.interest();
            for operation in self.ready.give_back(&mut interest) {
                epoll.apply(operation);
            }
        }
        match self.ask(&call, &epoll, Some(Duration::ZERO)) {
            Ok(_) => {
                let answer = self.deliver(true);
                self.thread.catches_up.set(answer.is_some());
                answer
            }
            Err(errno) => Some(self.fail(errno)),
        }
    }

    /// Do the server's clocks stand behind real time, for the sake of those that are parked? (Where
    /// several threads share an instance, holding a listener would keep it from the others, whose clocks
    /// are right, for as long as somebody is parked on this one.)
    pub(super) fn look_at_clock(&self) {
        let late = !self.parked.is_empty()
            && !self.epoll.as_ref().is_some_and(|epoll| epoll.is_shared())
            && self.thread.settings.rules.timers
            && self.thread.fence.borrow().lateness(clocks::now()) > 0;
        self.thread.claims.borrow_mut().set_late(late);
    }

    /// Nothing new begins: sees to it that one of the parked can go on. What the engine has not begun
    /// is done by this thread, which has nothing else to do: so a drain takes no longer than the calls
    /// would have taken in place. It waits only for what is being run.
    pub(super) fn drain(&mut self) -> Result<(), i32> {
        if self.parked.in_flight() == 0 {
            self.unlock_cycle();
            return Ok(());
        }
        count(Counter::CoroutineDrained);
        self.thread.drains.set(true);
        let since = clocks::now();
        let waited = self.arm().map_or(Ok(()), |wake| self.help_or_wait(wake));
        let now = clocks::now();
        let mut fence = self.thread.fence.borrow_mut();
        let lateness = fence.lateness(now);
        self.is_late |= lateness > LATE;
        if lateness > 0 {
            fence.drained(since, now);
        }
        waited
    }

    /// Does what the engine has not begun, or waits for what it has.
    fn help_or_wait(&mut self, wake: kernel::Wake) -> Result<(), i32> {
        let recalled = self.thread.with_engine(|engine| engine.recall()).flatten();
        let waited = match recalled {
            Some(completion) => {
                count_by(Counter::EngineRecalled, usize::from(completion.is_declined()));
                offload::taken_back(self.thread, completion);
                self.parked.completed(completion);
                Ok(())
            }
            None => {
                count(Counter::LoopSlept);
                let before = clocks::now();
                let waited = kernel::sleep_for_completion(&self.wait, wake, self.until_late());
                self.thread.has_slept(before, clocks::now());
                waited
            }
        };
        self.thread.with_engine(|engine| engine.disarm());
        waited
    }

    /// How long the engine has until a job is late, which is then to be done in place.
    fn until_late(&self) -> kernel::Timeout {
        self.thread.with_engine(|engine| engine.time_left(Instant::now())).flatten()
    }

    /// Has the engine ring when a job is done. `None` if one is done already.
    fn arm(&self) -> Option<kernel::Wake> {
        let mut wake = None;
        offload::flush(self.thread);
        self.thread.with_engine(|engine| {
            if engine.arm() {
                let timer = engine.timer_fd().unwrap_or(-1);
                wake = engine.wake_fd().map(|completion| kernel::Wake { completion, timer });
            }
        });
        wake
    }

    /// Every parked coroutine waits for another one, and none has a job in flight (C9).
    pub(super) fn unlock_cycle(&mut self) {
        self.parked.grant(&self.thread.claims.borrow());
        if !self.parked.has_ready()
            && self.thread.settings.rules.cycles
            && self.parked.force_oldest() == Forced::PastClaim
        {
            log::line(format_args!(
                "parked coroutines wait for one another (a fault of Interlude): the oldest goes on"
            ));
        }
    }
}
