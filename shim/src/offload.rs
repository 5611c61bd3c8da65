//! A heavy call of the server becomes a job, or is run in place.
//!
//! A handler first asks for a [`plan`], since only a job needs memory of its own; then it either
//! runs the original on the caller's arguments ([`Watch::over`]) or builds a `Call` and has it
//! carried out. What that means is the mode's choice: `block` puts the thread to sleep, `spin`
//! keeps it busy, `coroutine` parks the coroutine.

use std::any::Any;
use std::hint;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use interlude_core::cost::Size;
use interlude_offload::{Call, Completion, Job, JobKind, Refused, Ticket};
use interlude_settings::Mode;

use crate::bypass::Bypass;
use crate::cancel::NotCancelled;
use crate::clocks;
use crate::context;
use crate::counters::{Counter, JobEvent, count, count_job};
use crate::hook;
use crate::original;
use crate::scheduler;
use crate::thread::Thread;

/// The deepest stack that is sliced, in bytes. A server's own processing takes some
/// kilobytes; what is deeper runs on another stack (an alternate signal stack, a coroutine of the
/// server's own) or would cost more to move than it gains.
const DEEPEST: usize = 512 * 1024;

/// Where a heavy call is to run.
pub(crate) enum Plan {
    /// On the caller's arguments, now: in [`Watch::over`].
    InPlace(Watch),
    /// As a job of this thread.
    Job(&'static Thread),
}

/// A heavy call, as far as it matters where it is to run.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) kind: JobKind,
    /// How large it is among those of its kind.
    pub(crate) size: Size,
    /// Bytes of input.
    pub(crate) bytes: usize,
}

/// Measures a call in place, where that tells whether the next one is worth a job.
pub(crate) struct Watch(Option<(&'static Thread, Load)>);

impl Watch {
    /// Makes the call.
    pub(crate) fn over<T>(self, call: impl FnOnce() -> T) -> T {
        let Some((thread, load)) = self.0 else { return call() };
        let begun = Instant::now();
        let result = call();
        // Its own time, as long as nobody else can have run meanwhile.
        thread.costs.borrow_mut().took(load.kind.index(), load.size, begun.elapsed());
        result
    }
}

/// Decides about a call, and counts the reason if it stays in place.
pub(crate) fn plan(load: Load) -> Plan {
    match choose(load) {
        Ok(thread) => Plan::Job(thread),
        Err(reason) => {
            count(reason.counter());
            count_job(load.kind, JobEvent::InPlace, 1);
            count_job(load.kind, JobEvent::Bytes, load.bytes);
            let thread = context::thread().filter(|thread| thread.settings.jobs.min_us > 0);
            let tells = matches!(reason, Bypass::Small | Bypass::NoLoop);
            Plan::InPlace(Watch(thread.filter(|_| tells).map(|thread| (thread, load))))
        }
    }
}

fn choose(load: Load) -> Result<&'static Thread, Bypass> {
    let Load { kind, size, bytes } = load;
    let thread = context::thread().ok_or(Bypass::NoLoop)?;
    if context::is_stopped() {
        return Err(Bypass::Panicked);
    }
    let jobs = &thread.settings.jobs;
    let wanted = match kind {
        JobKind::Sign => jobs.sign,
        JobKind::Derive => jobs.derive,
        JobKind::Keygen => jobs.keygen,
        JobKind::Decrypt => jobs.decrypt,
        JobKind::Deflate | JobKind::Compress => jobs.deflate,
    };
    if !wanted {
        return Err(Bypass::Settings);
    }
    let compresses = kind.compresses();
    if compresses && bytes < jobs.deflate_min as usize {
        return Err(Bypass::Small);
    }
    let least = Duration::from_micros(jobs.min_us.into());
    let estimate = thread.costs.borrow().estimate(kind.index(), size);
    if estimate.is_some_and(|estimate| estimate < least) {
        return Err(Bypass::Small);
    }
    // An engine that cannot be made takes nothing.
    {
        let _whole = NotCancelled::new();
        thread.with_engine(|_| ()).ok_or(Bypass::Refused)?;
    }
    match thread.settings.mode {
        Mode::Off | Mode::Inline => Err(Bypass::Settings),
        Mode::Block | Mode::Spin => Ok(thread),
        Mode::Coroutine if thread.winding_down.is_on() => Err(Bypass::WindingDown),
        Mode::Coroutine if context::local().in_event() && is_unowned(thread, compresses) => {
            Err(Bypass::Unowned)
        }
        Mode::Coroutine if compresses && shares_buffers() => Err(Bypass::Shared),
        Mode::Coroutine if thread.claims.borrow().has_stray() => Err(Bypass::Linked),
        Mode::Coroutine => may_park(thread).map(|()| thread),
    }
}

/// Does this process compress through buffers that connections share (`jobs.deflate_in_place`)?
/// Servers load their modules before they serve, so what is so at the first call stays.
pub(crate) fn shares_buffers() -> bool {
    static SHARES: OnceLock<bool> = OnceLock::new();
    context::thread().is_some_and(|thread| {
        let names = &thread.settings.jobs.deflate_in_place;
        *SHARES.get_or_init(|| original::is_any_loaded(names))
    })
}

/// Is it unknown which connection the call is for? A call of libssl names its own, and it is claimed
/// before; a compression names none. It belongs to the coroutine's event if that is of a connection,
/// but not if it may come from a timer of the server's (a delayed or throttled answer), which runs
/// after the event in the same turn of the loop, or from an event that stands for many connections
/// (nginx's thread pools tell by one eventfd).
fn is_unowned(thread: &Thread, compresses: bool) -> bool {
    let claims = thread.claims.borrow();
    if claims.is_crowded() || !claims.owns_any() {
        return true;
    }
    compresses && (claims.is_anonymous() || clocks::may_run_timers(thread))
}

/// Can the running coroutine of this thread be parked here?
pub(crate) fn may_park(thread: &Thread) -> Result<(), Bypass> {
    if !thread.armed.replace(true) {
        return Err(Bypass::NoLoop);
    }
    if !context::local().in_event() {
        return Err(Bypass::NoEvent);
    }
    let here = 0u8;
    let here = std::ptr::from_ref(&here).addr();
    let base = context::stack_base();
    if here < base && base - here < DEEPEST { Ok(()) } else { Err(Bypass::Stack) }
}

/// A call, and how long it took.
struct Timed<C> {
    call: C,
    took: Option<Duration>,
}

impl<C: Call + 'static> Call for Timed<C> {
    fn run(&mut self) {
        let begun = Instant::now();
        self.call.run();
        self.took = Some(begun.elapsed());
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Has a call carried out as a job; returns it with its results, or `None` if it was not run.
pub(crate) fn carry_out<C: Call + 'static>(
    thread: &'static Thread,
    load: Load,
    call: C,
) -> Option<C> {
    let _whole = NotCancelled::new();
    let Load { kind, size, bytes } = load;
    count_job(kind, JobEvent::Bytes, bytes);
    let call = Box::new(Timed { call, took: None });
    let job = Job { ticket: Ticket(thread.current.get()), kind, bytes, call };
    let done = run(thread, job)?.into_any().downcast::<Timed<C>>().ok()?;
    if let Some(took) = done.took {
        thread.costs.borrow_mut().took(kind.index(), size, took);
    }
    Some(done.call)
}

fn run(thread: &'static Thread, job: Job) -> Option<Box<dyn Call>> {
    let kind = job.kind;
    if kind.compresses() {
        thread.claims.borrow_mut().expose();
    }
    let (submitted, capabilities) =
        thread.with_engine(|engine| (engine.submit(job), engine.capabilities()))?;
    if let Err(Refused(mut job)) = submitted {
        count(Counter::EngineCoresRefused);
        count(Bypass::Refused.counter());
        count_job(kind, JobEvent::InPlace, 1);
        job.call.run();
        return Some(job.call);
    }
    count_job(kind, JobEvent::Submitted, 1);
    let inline = !capabilities.asynchronous;
    count(if inline { Counter::EngineInlineSubmitted } else { Counter::EngineCoresSubmitted });
    let call = match thread.settings.mode {
        Mode::Coroutine if !inline => scheduler::park_for_job(thread),
        Mode::Spin => Some(wait(thread, |_| hint::spin_loop())),
        _ => Some(wait(thread, |thread| {
            thread.with_engine(|engine| engine.sleep());
        })),
    };
    count(if inline { Counter::EngineInlineCompleted } else { Counter::EngineCoresCompleted });
    count_job(kind, JobEvent::Completed, 1);
    call
}

/// Waits for the thread's only job in flight.
fn wait(thread: &Thread, pause: impl Fn(&Thread)) -> Box<dyn Call> {
    let mut done: Vec<Completion> = Vec::with_capacity(1);
    // A lock that had to be waited for leaves its trace there.
    let errno = hook::errno();
    loop {
        thread.with_engine(|engine| engine.poll(1, &mut done));
        match done.pop() {
            Some(completion) => {
                hook::set_errno(errno);
                return completion.call;
            }
            None => pause(thread),
        }
    }
}
