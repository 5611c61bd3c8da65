//! The engine of a thread as the shim uses it: what it answers is counted, and the policy learns from it.
//!
//! Must not: decide anything.

use std::time::Instant;

use interlude_offload::{Completion, Engine, Guard, Reason, Tally, Ticket};
use interlude_settings::EngineName;
use interlude_submission::{self as submission, Surroundings};

use crate::clocks::Monotonic;
use crate::counters::{Counter, count_by, count_pass, count_run};
use crate::ending;
use crate::hook;
use crate::thread::Thread;

/// Completions that are taken at once by who waits for one.
const POLL_MAX: usize = 64;

/// As many events come while those are served that the kernel had when it was asked.
pub(super) fn surroundings(thread: &Thread) -> Surroundings {
    Surroundings { waiting: thread.fetched.get().saturating_sub(1), slept: thread.slept.get() }
}

/// What is counted of an engine's jobs.
pub(super) struct EngineCounters {
    pub(super) submitted: Counter,
    pub(super) completed: Counter,
    /// `None`: it has room for whatever a thread may have parked.
    pub(super) refused: Option<Counter>,
}

pub(super) fn counters(engine: EngineName) -> EngineCounters {
    use Counter as C;
    let (submitted, completed, refused) = match engine {
        EngineName::Inline => (C::EngineInlineSubmitted, C::EngineInlineCompleted, None),
        EngineName::Cores | EngineName::Chaos => {
            (C::EngineCoresSubmitted, C::EngineCoresCompleted, Some(C::EngineCoresRefused))
        }
        EngineName::Simd => (C::EngineSimdSubmitted, C::EngineSimdCompleted, None),
        EngineName::Onnx => (C::EngineOnnxSubmitted, C::EngineOnnxCompleted, None),
        EngineName::Device => {
            (C::EngineDeviceSubmitted, C::EngineDeviceCompleted, Some(C::EngineDeviceRefused))
        }
        EngineName::Plugin => {
            (C::EnginePluginSubmitted, C::EnginePluginCompleted, Some(C::EnginePluginRefused))
        }
    };
    EngineCounters { submitted, completed, refused }
}

/// Waits for a job. True if it came back undone, by no fault of the engine's. Completions of parked ones are kept for the
/// scheduler.
pub(super) fn wait(
    thread: &Thread,
    ticket: Ticket,
    pause: impl Fn(&mut Guard<dyn Engine>),
) -> bool {
    // A lock that had to be waited for leaves its trace there.
    let errno = hook::errno();
    let _ = ending::works(thread);
    let own = loop {
        let is_news = {
            // At once where the scheduler looks: nothing is lost should anything panic.
            let mut arrived = thread.arrived.borrow_mut();
            let before = arrived.len();
            poll(thread, POLL_MAX, &mut arrived);
            if let Some(place) = arrived.iter().position(|done| done.ticket == ticket) {
                break arrived.remove(place);
            }
            arrived.len() > before
        };
        if !is_news {
            // Lanes are never filled by one thread that waits: its engine gives the job back.
            let has_lanes = |engine: &mut Guard<dyn Engine>| engine.capabilities().has_lanes;
            if thread.with_engine(has_lanes) == Some(true) {
                thread.with_engine(|engine| engine.sleep(Instant::now()));
            } else {
                thread.with_engine(&pause);
            }
        }
    };
    // Until its event has ended: what was not done is done in place, yet. Not if `exit` has gone on meanwhile.
    let _ = ending::works(thread);
    if !thread.has_waited.get() {
        // When that is of a thread without an event loop is not seen.
        ending::rests(thread);
    }
    hook::set_errno(errno);
    own.is_declined()
}

/// Asks the engine which jobs are done or will not be done, and counts what was wrong with it.
pub(crate) fn poll(thread: &Thread, max: usize, done: &mut Vec<Completion>) {
    with_counted_engine(thread, |engine| {
        submission::poll(engine, &thread.policy, max, done, &Monotonic);
    });
}

/// A job was taken back from the engine.
pub(crate) fn taken_back(thread: &Thread, completion: Completion) {
    thread.policy.borrow_mut().answered(completion.ticket.0, 0, false);
}

/// Has the engine begin with what it has kept back.
pub(crate) fn flush(thread: &Thread) {
    with_counted_engine(thread, Guard::flush);
}

pub(super) fn with_counted_engine(thread: &Thread, body: impl FnOnce(&mut Guard<dyn Engine>)) {
    let tally = thread.with_engine(|engine| {
        body(engine);
        if engine.capabilities().has_lanes {
            let mut passes = thread.passes.borrow_mut();
            engine.take_passes(&mut passes);
            for pass in passes.drain(..) {
                count_pass(&pass);
                let mut company = thread.company.borrow_mut();
                match pass.reason {
                    Reason::TooFew => company.stayed_away(pass.kind.index()),
                    Reason::Full | Reason::Idle => company.came(pass.kind.index()),
                }
            }
            let mut runs = thread.runs.borrow_mut();
            engine.take_runs(&mut runs);
            runs.drain(..).for_each(|run| count_run(&run));
        }
        engine.take_tally()
    });
    if let Some(tally) = tally.flatten() {
        count_tally(&tally);
    }
}

#[cold]
fn count_tally(tally: &Tally) {
    let count = |counter, number| count_by(counter, usize::try_from(number).unwrap_or(usize::MAX));
    count(Counter::EngineFailed, tally.failed);
    count(Counter::EngineLate, tally.late);
    count(Counter::EngineDropped, tally.dropped);
    count(Counter::EngineWrong, tally.wrong);
    count(Counter::EngineQuarantined, tally.quarantined);
    count(Counter::EngineReturned, tally.returned);
    count(Counter::DeviceBehind, tally.emulated.behind);
    count(Counter::DeviceRemembered, tally.emulated.remembered);
    count(Counter::DeviceBusy, tally.emulated.busy_ns);
    count(Counter::DeviceQueued, tally.emulated.queued_ns);
    count(Counter::EnginePluginDropped, tally.unknown);
}
