//! The running coroutine is put aside: its stack, its events and what it claims.

use super::*;

impl Scheduler<'_> {
    /// Until what it waits for is there.
    pub(super) fn park(&mut self, waiting: Waiting) {
        let id = CoroutineId(self.thread.current.get());
        let is_sped_up = matches!(waiting, Waiting::Job) && self.thread.sped_up.take();
        self.quiet.parked(!self.parked.is_empty(), is_sped_up);
        let mut slice = self.parked.slice();
        self.seat.save(&mut slice);
        count(Counter::CoroutineParked);
        count_slice(slice.len());
        let events = self.thread.delivery.take();
        if matches!(waiting, Waiting::Job) {
            let mut habits = self.thread.habits.borrow_mut();
            for event in &events {
                habits.parked(event.fd);
            }
        }
        self.thread.claims.borrow_mut().park(id);
        self.thread.fence.borrow_mut().parked(self.parked.is_empty(), clocks::real);
        context::local().set_in_event(false);
        if self.wait.timeout.is_some_and(|timeout| !timeout.is_zero()) {
            self.began.get_or_insert_with(Instant::now);
        }
        let ambient = self.thread.settings.rules.ambient.then(Ambient::take);
        let wait = self.wait;
        self.parked.insert(id, Parked { slice, ambient, events, wait, waiting });
        self.thread.parked.set(self.parked.len());
        self.on_stack = OnStack::Other;
        fail::point("scheduler.parked");
    }
}
