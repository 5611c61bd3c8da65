//! The loop of the scheduler.
//!
//! Each turn: collect completions, grant what was released, resume who can go on; if nobody can,
//! give the server its next events; if there are none, ask the kernel, and sleep only there.
//!
//! ```text
//!            +--> collect --> grant --> resume one ----------------> Answer (in its slice)
//!   Question |                  | nobody
//!            |                  +--> deliver events ---------------> Answer (in the loop's slice)
//!            |                         | none
//!            +---- something came <----+--> fetch, or sleep -------> Answer (timeout, error)
//! ```
//!
//! Invariants: at most one coroutine runs; the loop's slice is that of the latest wait; whatever
//! lies on the server's stack when another slice is laid back has been saved or has ended.

mod park;
mod rescue;
mod rest;
mod resting;
mod resume;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlude_core::CoroutineId;
use interlude_core::interest::Token;
use interlude_core::postponed::Postponed;
use interlude_core::ready::{Delivered, Numbering, Pick, Ready, silence};
use interlude_fiber::{Seat, Slice};
use interlude_offload::Completion;

use super::parked::{Forced, Parked, ParkedSet, Waiting};
use super::{Answer, Question, WaitCall, kernel};
use crate::ambient::{Ambient, LoopAmbient};
use crate::counters::{Counter, count, count_by, count_slice};
use crate::epolls::Epoll;
use crate::thread::Thread;
use crate::{clocks, context, ending, fail, log, offload};
use rescue::Asked;
use resting::Quiet;

/// How far the loop itself may lie below the stack's base, in bytes.
const LOOP_DEEPEST: usize = 1024 * 1024;
/// Events fetched from the kernel at once, at most.
const FETCH_MAX: usize = 1024;
/// Completions taken from the engine at once.
const COLLECT_MAX: usize = 64;

/// Which continuation lies on the server's stack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnStack {
    /// The loop's, as saved.
    Loop,
    /// Something that was saved elsewhere or has ended.
    Other,
}

/// Who may go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Whoever has what it waited for.
    Light,
    /// Also who has to make its call itself.
    Any,
}

struct Scheduler<'a> {
    thread: &'static Thread,
    seat: Seat<'a, Question, Answer>,
    numbering: Numbering,
    parked: ParkedSet,
    ready: Ready,
    pick: Pick,
    /// While a nested wait asks its instance: what was fetched from the loop's.
    outer: Option<(Arc<Epoll>, Ready)>,
    /// The latest wait: its epoll instance, its slice, its control words, when it began.
    wait: WaitCall,
    epoll: Option<Arc<Epoll>>,
    loop_slice: Slice,
    loop_ambient: LoopAmbient,
    began: Option<Instant>,
    /// When the kernel has last answered, by the monotonic clock.
    asked: i64,
    /// What the server goes on with in its next turn.
    postponed: Postponed,
    /// Have parked coroutines kept the server from its timers for long?
    is_late: bool,
    on_stack: OnStack,
    /// Has the running coroutine parked before?
    has_parked: bool,
    /// Has the server had events since a call that the engine gave up was made in place?
    gave_way: bool,
    /// Who was laid back goes on with this.
    going: Option<Answer>,
    /// How often in a row the kernel has had something to report, since a job came back.
    polls: u32,
    /// How often a turn has panicked.
    panics: usize,
    quiet: Quiet,
    buffer: Vec<libc::epoll_event>,
    done: Vec<Completion>,
}

/// The scheduler's body, on its own stack, for the life of the thread.
pub(super) fn run(
    thread: &'static Thread,
    seat: Seat<'_, Question, Answer>,
    mut question: Question,
) -> Infallible {
    loop {
        let Question::Wait(first) = question else {
            // Nothing can be parked before the first wait.
            question = seat.resume(Answer::Forced);
            continue;
        };
        if seat.is_sound(first.depth, LOOP_DEEPEST) {
            return Scheduler::new(thread, seat, first).serve(Question::Wait(first));
        }
        question = seat.resume(Answer::Unsound);
    }
}

impl<'a> Scheduler<'a> {
    fn new(thread: &'static Thread, seat: Seat<'a, Question, Answer>, first: WaitCall) -> Self {
        Self {
            thread,
            seat,
            numbering: Numbering::default(),
            parked: ParkedSet::default(),
            ready: Ready::default(),
            pick: Pick::default(),
            outer: None,
            wait: first,
            epoll: None,
            loop_slice: Slice::new(),
            loop_ambient: LoopAmbient::save(),
            began: None,
            asked: 0,
            postponed: Postponed::default(),
            is_late: false,
            on_stack: OnStack::Other,
            has_parked: false,
            gave_way: false,
            going: None,
            polls: 0,
            panics: 0,
            quiet: Quiet::default(),
            buffer: Vec::new(),
            done: Vec::new(),
        }
    }

    fn serve(mut self, mut question: Question) -> Infallible {
        loop {
            let asked = Asked::of(&question);
            let asker = CoroutineId(self.thread.current.get());
            let answer = catch_unwind(AssertUnwindSafe(|| self.answer(question)));
            let answer = answer.unwrap_or_else(|_| self.rescue(asker, asked));
            question = self.seat.resume(answer);
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        if self.thread.forked.replace(false) {
            self.parked.forget();
            self.ready.clear();
        }
        self.pick.arrived();
        fail::point("scheduler.asked");
        match question {
            Question::Wait(call) => {
                self.ended(call);
                if context::is_stopped() && self.parked.is_empty() && !self.thread.signals.any() {
                    return self.retire();
                }
                if self.may_rest(&call) {
                    return self.rest();
                }
            }
            Question::Nested(call) if self.parked.is_empty() => return self.wait_nested(&call),
            Question::Nested(call) => {
                count(Counter::CoroutineDrained);
                self.park(Waiting::Nested(call));
            }
            Question::Job => self.park(Waiting::Job),
            Question::Want(want) => self.park(Waiting::Want(want)),
            Question::Panicked => self.park(Waiting::Panicked),
        }
        self.next()
    }

    /// The running coroutine has come back to its loop, or to another one.
    fn ended(&mut self, call: WaitCall) {
        let same_loop = (call.epfd, call.depth) == (self.wait.epfd, self.wait.depth);
        let puts_off = self.puts_off(&call);
        self.finish(puts_off);
        if self.parked.is_empty() || same_loop {
            self.begin_wait(call);
            return;
        }
        // A second loop: it waits until the first is at rest.
        count(Counter::CoroutineDrained);
        self.thread.current.set(self.numbering.take().0);
        self.park(Waiting::Loop(call));
    }

    /// Has the server work of its own for its next turn?
    fn puts_off(&mut self, call: &WaitCall) -> bool {
        let at_once = call.timeout == Some(Duration::ZERO);
        let idle =
            self.thread.delivery.borrow().is_empty() && !self.thread.claims.borrow().uses_any();
        let puts_off = self.postponed.asks(at_once, idle);
        count_by(Counter::LoopHurried, usize::from(puts_off));
        puts_off
    }

    fn finish(&mut self, puts_off: bool) {
        context::local().set_in_event(false);
        self.thread.catches_up.set(false);
        self.thread.claims.borrow_mut().end(puts_off);
        if self.has_parked || self.ready.held_len() > 0 {
            self.release_held();
        }
        if !self.has_parked {
            let mut habits = self.thread.habits.borrow_mut();
            for event in self.thread.delivery.borrow().iter() {
                habits.quiet(event.fd);
            }
        }
        self.has_parked = false;
    }

    fn release_held(&mut self) {
        self.look_at_clock();
        let Some(epoll) = &self.epoll else { return };
        let mut interest = epoll.interest();
        let operations = self.ready.release(&mut interest, &self.thread.claims.borrow());
        count_by(Counter::EventReleased, operations.len());
        for operation in operations {
            epoll.apply(operation);
        }
    }

    fn begin_wait(&mut self, call: WaitCall) {
        let epoll = self.thread.epoll(call.epfd);
        if let Some(before) = &self.epoll
            && !epoll.as_ref().is_some_and(|now| Arc::ptr_eq(before, now))
        {
            // What was fetched from the other instance is its kernel's to report again.
            let mut interest = before.interest();
            for operation in self.ready.give_back(&mut interest) {
                before.apply(operation);
            }
        }
        self.epoll = epoll;
        self.thread.loop_epfd.set(call.epfd);
        self.wait = call;
        self.began = None;
        let beside = !self.parked.is_empty();
        self.ends_rest();
        self.thread.fence.borrow_mut().announce(call.timeout, beside, clocks::real);
        if self.ready.held_len() > 0 {
            // Listeners, if the clocks are no longer late.
            self.release_held();
        }
        self.seat.save(&mut self.loop_slice);
        self.loop_ambient = LoopAmbient::save();
        self.on_stack = OnStack::Loop;
    }

    fn next(&mut self) -> Answer {
        loop {
            if self.parked.is_empty() {
                ending::rests(self.thread);
            } else if ending::works(self.thread) == ending::With::Nobody {
                self.forget_parked();
                continue;
            }
            self.collect();
            self.parked.grant(&self.thread.claims.borrow());
            if let Some((id, parked, answer)) = self.pop_ready(Weight::Light) {
                if let Some(answer) = self.resume(id, parked, answer) {
                    return answer;
                }
                continue;
            }
            // A signal may have reached the server while a coroutine was on its way to park.
            let is_ending =
                self.thread.winding_down.is_told() || context::is_stopped() || ending::has_begun();
            let told = is_ending && !self.parked.is_empty();
            let is_last =
                told || self.timer_is_due() || self.is_draining() || self.thread.signals.any();
            if is_last && self.parked.is_empty() {
                return self.fail(libc::EINTR);
            }
            if (is_last || std::mem::take(&mut self.gave_way))
                && let Some((id, parked, answer)) = self.pop_ready(Weight::Any)
            {
                if let Some(answer) = self.resume(id, parked, answer) {
                    return answer;
                }
                continue;
            }
            if is_last {
                // A signal may cut it short; there will be another turn.
                let _ = self.drain();
                continue;
            }
            if self.is_late
                && self.parked.is_empty()
                && let Some(answer) = self.catch_up()
            {
                return answer;
            }
            if let Some(answer) = self.deliver(false) {
                self.gave_way = self.parked.has_ready();
                return answer;
            }
            if self.is_draining() {
                continue;
            }
            if self.parked.has_ready() {
                if let Some(answer) = self.give_way() {
                    return answer;
                }
                continue;
            }
            if let Some(answer) = self.fetch() {
                return answer;
            }
        }
    }

    /// The loop goes on alone.
    #[cold]
    fn forget_parked(&mut self) {
        self.parked.forget();
        self.thread.forget_parked();
        self.release_held();
    }

    /// Does something wait until nobody is parked? Then nothing new may begin.
    fn is_draining(&self) -> bool {
        if self.parked.is_empty() {
            return false;
        }
        let claims = self.thread.claims.borrow();
        self.parked.is_draining()
            || self.has_door()
            || self.ready.wants_calm(&claims)
            || !claims.is_calm()
            || claims.holds_list()
    }

    /// Where somebody waits for a connection that is another's (C1). It is in the midst of something, and not
    /// where a server expects to be interrupted: it has taken the connection from a list, or half off it.
    /// Whoever came by before it goes on would find that so.
    fn has_door(&self) -> bool {
        self.thread.settings.rules.doors && self.parked.has_door()
    }

    fn collect(&mut self) {
        if self.parked.in_flight() == 0 {
            return;
        }
        self.done.append(&mut self.thread.arrived.borrow_mut());
        offload::poll(self.thread, COLLECT_MAX, &mut self.done);
        if !self.done.is_empty() {
            self.polls = 0;
        }
        for completion in self.done.drain(..) {
            self.parked.completed(completion);
        }
    }

    /// The next events for the server, as a new coroutine in the loop's slice.
    /// All together, or as suits them best.
    fn deliver(&mut self, together: bool) -> Option<Answer> {
        if self.ready.is_empty() {
            return None;
        }
        self.look_at_clock();
        let epoll = self.epoll.as_ref()?;
        {
            let mut interest = epoll.interest();
            let (claims, habits) = (self.thread.claims.borrow(), self.thread.habits.borrow());
            let habits = (!together).then_some(&*habits);
            self.ready.pick(&mut interest, &claims, habits, self.wait.max, &mut self.pick);
            for operation in self.pick.operations.drain(..) {
                epoll.apply(operation);
            }
        }
        fail::point("scheduler.picked");
        count_by(Counter::EventHeld, self.pick.held);
        count_by(Counter::EventStale, self.pick.stale);
        let events = self.pick.events.len();
        if events == 0 {
            // Events of an fd that was closed while a duplicate keeps its file open come again at
            // once. The server must not be kept from its timers by them.
            let only_stale = self.pick.stale > 0
                && self.pick.held == 0
                && self.ready.is_empty()
                && self.wait.timeout.is_some();
            return only_stale.then(|| self.time_out());
        }
        self.quiet.delivered(events);
        count_by(Counter::EventDelivered, events);
        count(if events == 1 { Counter::EventAlone } else { Counter::EventBatches });
        Some(self.begin_event())
    }

    /// A new coroutine takes the picked events (none, after a timeout) in the loop's slice.
    fn begin_event(&mut self) -> Answer {
        if !self.parked.is_empty() {
            self.quiet.served_beside();
        }
        self.thread.drains.set(false);
        let now = clocks::now();
        self.thread.fence.borrow_mut().turn(now);
        self.thread.backlog.set(!self.ready.is_empty() || self.has_to_ask(now));
        self.thread.resting.set(false);
        self.thread.current.set(self.numbering.take().0);
        let events = &mut self.pick.events;
        let mut claims = self.thread.claims.borrow_mut();
        claims.begin(events.iter().map(|event| event.fd));
        claims.goes_on();
        drop(claims);
        let count = events.len();
        let mut delivery = self.thread.delivery.borrow_mut();
        delivery.clear();
        delivery.append(events);
        drop(delivery);
        self.lay_loop();
        context::local().set_in_event(true);
        fail::point("scheduler.begun");
        Answer::Events(count)
    }

    fn lay_loop(&mut self) {
        if self.on_stack != OnStack::Loop {
            // SAFETY: saved by this seat in `begin_wait`; what lies on the stack was saved in
            // `park` or has ended.
            unsafe { self.seat.lay_back(&self.loop_slice) };
            if self.thread.settings.rules.ambient {
                self.loop_ambient.restore();
            }
        }
        // From here on it runs, and what was saved stays for the next event.
        self.on_stack = OnStack::Other;
    }

    /// Nothing happened in the server's time: it gets no events, and runs its timers.
    fn time_out(&mut self) -> Answer {
        count(Counter::EventTimeouts);
        self.pick.clear();
        self.begin_event()
    }

    fn fail(&mut self, errno: i32) -> Answer {
        self.pick.clear();
        self.begin_event();
        Answer::Failed(errno)
    }
}
