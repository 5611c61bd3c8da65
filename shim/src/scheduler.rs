//! The scheduler of a thread: which continuation goes on next.
//!
//! A hook that has to wait asks a [`Question`]; the answer comes back in whichever continuation
//! the scheduler chose, which is why every question gets the answer that belongs to *it*.
//!
//! | file | its part |
//! |---|---|
//! | `turn` | the loop: collect, grant, resume, deliver; `turn::rest`: fetch, sleep, drain |
//! | `parked` | the parked coroutines and their slices |
//! | `kernel` | waiting for events and completions |

mod kernel;
mod parked;
mod turn;

use interlude_core::claims::Want;
use interlude_core::nesting::WaitKind;
use interlude_core::ready::Delivered;
use interlude_fiber::Fiber;

pub(crate) use kernel::{Timeout, WaitCall};

use crate::cancel::NotCancelled;
use crate::counters::{Counter, count};
use crate::hook::set_errno;
use crate::thread::Thread;
use crate::{context, ending};

/// What the server's side asks.
pub(crate) enum Question {
    /// The server waits for events: the running coroutine has ended.
    Wait(WaitCall),
    /// The running coroutine waits for events itself, and goes on with them.
    Nested(WaitCall),
    /// The running coroutine has a job in flight, named by its number.
    Job,
    /// The running coroutine wants something that a parked one has.
    Want(Want),
    /// A hook of the running coroutine has panicked, and what it wanted is not known: it goes on when
    /// nobody else is parked.
    Panicked,
}

/// What the scheduler answers.
pub(crate) enum Answer {
    /// To `Wait`: as many events as this lie in the thread's `delivery`.
    Events(usize),
    /// To `Nested`: these events.
    Nested(Vec<Delivered>),
    /// To `Wait` and `Nested`: the kernel refused, with this `errno`.
    Failed(i32),
    /// To `Wait`: this thread's stack cannot be sliced, or something has panicked and nobody is parked
    /// any more. The scheduler is not asked again.
    Unsound,
    /// To `Wait`: the loop rests. The scheduler is asked again when there is something for it.
    Resting,
    /// To `Job`: it is done, or will not be.
    Done,
    /// To `Job`: it came back undone, by no fault of the engine's.
    Returned,
    /// To `Job`: it will not be done.
    GivenUp,
    /// To `Want` and `Panicked`: go on; it may have to be asked for again.
    Granted,
    /// To `Want` and `Panicked`: go on without it. Every coroutine was waiting for another.
    Forced,
}

/// The server's wait, on an armed thread. `None` if nothing is to be parked on it any more, or not until it is armed
/// again.
pub(crate) fn wait(thread: &'static Thread, call: WaitCall, kind: WaitKind) -> Option<i32> {
    if thread.fiber.get().is_null() && !begin(thread) {
        thread.unsliceable.set(true);
        return None;
    }
    let target = call.events;
    let question = match kind {
        WaitKind::Loop => Question::Wait(call),
        WaitKind::Nested => Question::Nested(call),
    };
    match enter(thread, question) {
        Answer::Events(count) => {
            let delivery = thread.delivery.borrow();
            // SAFETY: the scheduler delivers at most as many events as the server's buffer holds.
            Some(unsafe { hand_over(delivery.get(..count).unwrap_or(&[]), target) })
        }
        // SAFETY: as above.
        Answer::Nested(events) => Some(unsafe { hand_over(&events, target) }),
        Answer::Failed(errno) => {
            set_errno(errno);
            Some(-1)
        }
        Answer::Resting => None,
        _ => {
            thread.unsliceable.set(true);
            None
        }
    }
}

/// Writes events to a buffer of the server's; returns their number.
///
/// # Safety
/// The buffer holds that many (`epoll_wait(2)`: at least one and at most `maxevents`).
pub(crate) unsafe fn hand_over(events: &[Delivered], target: *mut libc::epoll_event) -> i32 {
    for (i, event) in events.iter().enumerate() {
        let event = libc::epoll_event { events: event.flags, u64: event.data };
        // SAFETY: the caller's contract.
        let slot = unsafe { target.add(i) };
        // SAFETY: as above.
        unsafe { slot.write(event) };
    }
    i32::try_from(events.len()).unwrap_or(i32::MAX)
}

/// Parks the running coroutine until its job is done, or will not be. True if it came back undone, by no
/// fault of the engine's.
pub(crate) fn park_for_job(thread: &'static Thread) -> bool {
    matches!(enter(thread, Question::Job), Answer::Returned)
}

/// Parks the running coroutine until what it wants may be free. True: look again; false: go on
/// without, there is no way to wait for it.
pub(crate) fn park_for(thread: &'static Thread, want: Want) -> bool {
    if crate::offload::may_park(thread).is_err() {
        return false;
    }
    count(match &want {
        Want::Lock(..) => Counter::CoroutineWaitedLock,
        Want::Object(_) => Counter::CoroutineWaitedObject,
        Want::Region(_) => Counter::CoroutineWaitedRegion,
        Want::Fd(_) => Counter::CoroutineWaitedFd,
        Want::Alone => Counter::CoroutineWaitedAlone,
    });
    matches!(enter(thread, Question::Want(want)), Answer::Granted)
}

/// Parks the running coroutine, a hook of which has panicked, until nobody else is parked, or all of
/// those wait for one another.
pub(crate) fn park_after_panic(thread: &'static Thread) {
    if thread.parked.get() > 0 && crate::offload::may_park(thread).is_ok() {
        count(Counter::CoroutineWaitedAlone);
        enter(thread, Question::Panicked);
    }
}

fn begin(thread: &'static Thread) -> bool {
    let base = context::stack_base();
    if base == 0 {
        return false;
    }
    ending::prepare();
    let fiber = Fiber::new(base, move |seat, question| turn::run(thread, seat, question));
    fiber.is_ok_and(|fiber| {
        thread.fiber.set(Box::into_raw(Box::new(fiber)));
        true
    })
}

fn enter(thread: &'static Thread, question: Question) -> Answer {
    // Each continuation has its own, and finds the state that it left.
    let _whole = NotCancelled::new();
    // SAFETY: `begin` made the fiber for this thread, and it lives as long as the thread. A
    // question other than the first wait is only asked in an event, which lies on this stack
    // (`may_park`).
    let answer = unsafe { Fiber::enter(thread.fiber.get(), question) };
    context::local().went_on();
    answer
}
