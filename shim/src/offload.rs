//! A heavy call of the server becomes a job, or is run in place.
//!
//! A handler first asks for a [`plan`], since only a job needs memory of its own; then it either
//! runs the original on the caller's arguments ([`Watch::over`]) or builds a `Call` and has it
//! carried out. What that means is the mode's choice: `block` puts the thread to sleep, `spin`
//! keeps it busy, `coroutine` parks the coroutine.
//!
//! The engine is not trusted: what it did not do, or not in time, the handler does in place, with
//! the caller's arguments ([`carry_out`] says that it was not run). What it did wrong, only the
//! handler can see, and says so ([`was_wrong`]).

mod counted;

use std::hint;
use std::sync::OnceLock;
use std::time::Instant;

use interlude_core::cost::Size;
use interlude_core::policy::{Asked, Choice, Class, Seen, Why};
use interlude_offload::{Call, Engine, Guard, Job, JobKind, Ticket};
use interlude_settings::{Check, EngineName, Mode};
use interlude_submission::{self as submission, View};

use crate::bypass::Bypass;
use crate::cancel::NotCancelled;
use crate::clocks::{self, Monotonic};
use crate::context;
use crate::counters::{Counter, JobEvent, count, count_job};
use crate::ending;
use crate::fail;
use crate::hook;
use crate::original;
use crate::policy;
use crate::scheduler;
use crate::thread::Thread;

use counted::{counters, surroundings, wait, with_counted_engine};
pub(crate) use counted::{flush, poll, taken_back};

/// The deepest stack that is sliced, in bytes. A server's own processing takes some
/// kilobytes; what is deeper runs on another stack (an alternate signal stack, a coroutine of the
/// server's own) or would cost more to move than it gains.
const DEEPEST: usize = 512 * 1024;

/// Where a heavy call is to run.
pub(crate) enum Plan {
    /// On the caller's arguments, now: in [`Watch::over`].
    InPlace(Watch),
    /// As a job of this thread, with more of what it is to be.
    Job(&'static Thread, Load),
}

/// A heavy call, as far as it matters where it is to run.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) kind: JobKind,
    /// How large it is among those of its kind.
    pub(crate) size: Size,
    /// The same in bytes: of its input, or of the key.
    extent: usize,
    /// Bytes of input.
    pub(crate) bytes: usize,
    /// Does the thread wait for the engine, in a mode in which it could serve others?
    waits: bool,
    /// What was seen when that was chosen, where it is learnt what jobs take.
    seen: Option<Seen>,
}

impl Load {
    /// A call that takes as long as its input is large.
    pub(crate) fn of_input(kind: JobKind, bytes: usize) -> Self {
        Self { kind, size: Size::of_input(bytes), extent: bytes, bytes, waits: false, seen: None }
    }

    /// One that takes as long as its key (or a signature or secret, which are as long) is large.
    pub(crate) fn of_key(kind: JobKind, key: usize, bytes: usize) -> Self {
        Self { kind, size: Size::of_key(key), extent: key, bytes, waits: false, seen: None }
    }

    fn asked(self, class: Class) -> Asked {
        let Self { kind, size, extent, .. } = self;
        Asked { kind: kind.index(), size, bytes: extent as u64, class }
    }

    /// A run of the model at that address.
    pub(crate) fn of_model(address: usize, bytes: usize) -> Self {
        let size = Size::of_model(address, bytes);
        Self { kind: JobKind::Infer, size, extent: bytes, bytes, waits: false, seen: None }
    }
}

/// Measures a call in place, where that tells whether the next one is worth a job.
pub(crate) struct Watch(Option<(&'static Thread, Load)>);

impl Watch {
    /// Over a call that was to be a job.
    pub(crate) fn of(thread: &'static Thread, load: Load) -> Self {
        let measures = thread.policy.borrow().measures(load.kind.index());
        Self(Some((thread, load)).filter(|_| measures))
    }

    /// Makes the call.
    pub(crate) fn over<T>(self, call: impl FnOnce() -> T) -> T {
        let Some((thread, load)) = self.0 else { return call() };
        let begun = Instant::now();
        let result = call();
        // Its own time, as long as nobody else can have run meanwhile.
        thread.policy.borrow_mut().took(load.kind.index(), load.size, begun.elapsed());
        result
    }
}

/// Decides about a call, and counts the reason if it stays in place.
pub(crate) fn plan(load: Load) -> Plan {
    match choose(load) {
        Ok((thread, waits, seen)) => Plan::Job(thread, Load { waits, seen, ..load }),
        Err(reason) => in_place(load, reason),
    }
}

/// The call stays in place, for that reason, which is counted.
pub(crate) fn in_place(load: Load, reason: Bypass) -> Plan {
    count(reason.counter());
    count_job(load.kind, JobEvent::InPlace, 1);
    count_job(load.kind, JobEvent::Bytes, load.bytes);
    let tells = matches!(
        reason,
        Bypass::Small
            | Bypass::NoLoop
            | Bypass::Load
            | Bypass::Class
            | Bypass::Unknown
            | Bypass::Measured
    );
    let thread = context::thread().filter(|_| tells);
    Plan::InPlace(thread.map_or(Watch(None), |thread| Watch::of(thread, load)))
}

/// Whose job it becomes, whether that thread waits for it, and what was seen.
fn choose(load: Load) -> Result<(&'static Thread, bool, Option<Seen>), Bypass> {
    let Load { kind, bytes, .. } = load;
    let thread = context::thread().ok_or(Bypass::NoLoop)?;
    if context::is_stopped() {
        return Err(Bypass::Panicked);
    }
    if ending::has_begun() {
        return Err(Bypass::WindingDown);
    }
    let jobs = &thread.settings.jobs;
    let wanted = match kind {
        JobKind::Sign => jobs.sign,
        JobKind::Derive => jobs.derive,
        JobKind::Keygen => jobs.keygen,
        JobKind::Decrypt => jobs.decrypt,
        JobKind::Deflate | JobKind::Compress => jobs.deflate,
        JobKind::Infer => jobs.infer,
    };
    let is_done = match thread.settings.engine {
        EngineName::Simd => !kind.answers(),
        EngineName::Onnx => kind == JobKind::Infer,
        EngineName::Plugin => kind.compresses(),
        // A device: as the engine says, below.
        EngineName::Inline | EngineName::Cores | EngineName::Device | EngineName::Chaos => true,
    };
    if !wanted || !is_done {
        return Err(Bypass::Settings);
    }
    let asked = load.asked(class(thread)?);
    // Whether it is worth it to do several at once is the engine's to say.
    let gathers = policy::gathers(thread.settings.engine);
    if thread.policy.borrow().is_small(&asked, gathers) {
        return Err(Bypass::Small);
    }
    // An engine that cannot be made takes nothing.
    let view = {
        let _whole = NotCancelled::new();
        let around = surroundings(thread);
        let view = |engine: &mut Guard<dyn Engine>| {
            View::of(engine, &thread.policy, (kind, bytes), &asked, around, &Monotonic)
        };
        thread.with_engine(view).ok_or(Bypass::Refused)?
    };
    if !view.does {
        return Err(Bypass::Settings);
    }
    if !view.is_open {
        return Err(Bypass::Quarantine);
    }
    match thread.settings.mode {
        Mode::Off | Mode::Inline => Err(Bypass::Settings),
        Mode::Block | Mode::Spin => Ok((thread, false, None)),
        Mode::Coroutine if thread.winding_down.is_on() => Err(Bypass::WindingDown),
        Mode::Coroutine
            if thread.catches_up.get()
                || view.is_waited_for
                || (view.is_silent && thread.drains.get()) =>
        {
            // Not parked for in the turn that ends a rest: in the next, then.
            thread.wanted.set(thread.wanted.get() || thread.resting.get());
            Err(Bypass::Late)
        }
        Mode::Coroutine => {
            let seen = view.seen();
            match view.choice(&thread.policy, &asked) {
                Choice::InPlace(why) => Err(why.into()),
                // Nobody else runs meanwhile. So nothing is concerned but a lock that a parked coroutine holds (C3),
                // which the call itself may take; and a silent engine is waited for by one connection, not by all.
                Choice::Wait if !view.is_silent && !thread.claims.borrow().is_any_lock_held() => {
                    Ok((thread, true, seen))
                }
                Choice::Wait | Choice::Park => {
                    // Beside others it does not matter.
                    let is_sped_up = thread.parked.get() == 0
                        && thread.policy.borrow().is_sped_up(asked.kind, asked.size);
                    thread.sped_up.set(is_sped_up);
                    let may_park = may_park_for_job(thread, kind);
                    if matches!(may_park, Err(Bypass::NoLoop)) {
                        thread.policy.borrow_mut().missed(&asked);
                    }
                    may_park.map(|()| (thread, false, seen))
                }
            }
        }
    }
}

/// May the running coroutine be parked for a job of that kind?
fn may_park_for_job(thread: &Thread, kind: JobKind) -> Result<(), Bypass> {
    let (compresses, answers) = (kind.compresses(), kind.answers());
    if compresses && shares_buffers() {
        return Err(Bypass::Shared);
    }
    // Its siblings, which this call keeps waiting, had better not be read from before they have events of their own,
    // even if it cannot be parked (for a crowd of them, say, whose first bytes were all there: it would be so again).
    if let Some(early) = thread.claims.borrow().early() {
        thread.habits.borrow_mut().parked(early);
    }
    if context::local().in_event() && is_unowned(thread, answers) {
        return Err(Bypass::Unowned);
    }
    {
        let claims = thread.claims.borrow();
        if claims.is_postponed(answers) {
            return Err(Bypass::Postponed);
        }
        if answers && claims.is_multiplexed() {
            return Err(Bypass::Multiplexed);
        }
        if claims.has_stray() {
            return Err(Bypass::Linked);
        }
    }
    may_park(thread)?;
    is_alone(thread)
}

/// What matters of the running coroutine's calls.
fn class(thread: &Thread) -> Result<Class, Bypass> {
    let set = &thread.settings.policy;
    let has_choice = thread.settings.mode == Mode::Coroutine && !set.ports.is_empty();
    if has_choice && thread.resting.get() && !thread.armed.get() {
        // Whosever it is: should it be worth a park, the thread is armed, and the next one's is known.
        return Ok(Class::Batch);
    }
    // Only of an armed thread is it known what its events are about.
    if has_choice && !thread.arm() {
        return Err(Bypass::NoLoop);
    }
    let of_connection = if has_choice && context::local().in_event() {
        thread.claims.borrow().class()
    } else {
        None
    };
    Ok(of_connection.unwrap_or(policy::class(set.class)))
}

impl From<Why> for Bypass {
    fn from(why: Why) -> Self {
        match why {
            Why::Small => Self::Small,
            Why::Load => Self::Load,
            Why::Class => Self::Class,
            Why::Unknown => Self::Unknown,
            Why::Measured => Self::Measured,
        }
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
/// before; a compression or an inference names none. It belongs to the coroutine's event if that is of a connection,
/// but not if it may come from a timer of the server's (a delayed or throttled answer), which runs
/// after the event in the same turn of the loop, or from an event that stands for many connections
/// (nginx's thread pools tell by one eventfd).
fn is_unowned(thread: &Thread, answers: bool) -> bool {
    let claims = thread.claims.borrow();
    if claims.is_crowded() || !claims.uses_any() {
        return true;
    }
    answers && (!claims.owns_any() || claims.is_anonymous() || clocks::may_run_timers(thread))
}

/// Not if the server has yet to begin with some of its events: next time they go alone.
fn is_alone(thread: &Thread) -> Result<(), Bypass> {
    if !thread.claims.borrow().has_more_events() {
        return Ok(());
    }
    let mut habits = thread.habits.borrow_mut();
    thread.delivery.borrow().iter().for_each(|event| habits.parked(event.fd));
    Err(Bypass::Batch)
}

/// Can the running coroutine of this thread be parked here?
pub(crate) fn may_park(thread: &Thread) -> Result<(), Bypass> {
    if !thread.arm() {
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

/// Has a call carried out as a job; returns it with its results, or `None` if it was not run and
/// will not be: then the caller runs the original.
pub(crate) fn carry_out<C: Call + 'static>(
    thread: &'static Thread,
    load: Load,
    call: C,
) -> Option<C> {
    let _whole = NotCancelled::new();
    let Load { kind, size, bytes, .. } = load;
    count_job(kind, JobEvent::Bytes, bytes);
    let (work, job) = submission::job(call, Ticket(thread.current.get()), (kind, bytes));
    // Should it panic on the way: the call has been run, or is not run any more once it is taken.
    let way = hook::guarded(|| run(thread, job, load)).unwrap_or(Way::Answered);
    let done = work.take();
    hook::guarded(|| {
        fail::point("job.taken");
        let Some(done) = &done else {
            count_job(kind, JobEvent::InPlace, 1);
            match way {
                Way::Refused => {}
                Way::Answered => redone(),
                Way::Returned => {}
            }
            return;
        };
        count_job(kind, JobEvent::Completed, 1);
        submission::settle(&thread.policy, kind, size, done.took);
    });
    done.map(|done| done.call)
}

/// What the engine did with a job.
#[derive(Clone, Copy)]
enum Way {
    /// It did not take it.
    Refused,
    /// It has done it, or will not.
    Answered,
    /// It gave it back, or it was taken back before it had begun.
    Returned,
}

/// Gives a job to the engine and waits until it is done, or will not be done.
fn run(thread: &'static Thread, job: Job, load: Load) -> Way {
    let (kind, ticket) = (job.kind, job.ticket);
    let asked = load.asked(Class::default());
    let learns = load.seen.as_ref().map(|seen| (&asked, seen, load.waits));
    let submitted = thread
        .with_engine(|engine| submission::submit(engine, &thread.policy, job, learns, &Monotonic));
    let Some(submitted) = submitted else { return Way::Refused };
    let counters = counters(thread.settings.engine_in_use());
    let Some(capabilities) = submitted else {
        counters.refused.into_iter().for_each(count);
        count(Bypass::Refused.counter());
        return Way::Refused;
    };
    count_job(kind, JobEvent::Submitted, 1);
    fail::point("job.submitted");
    let inline = !capabilities.asynchronous;
    count(counters.submitted);
    let is_returned = match thread.settings.mode {
        Mode::Coroutine if load.waits => {
            count_job(kind, JobEvent::Waited, 1);
            wait(thread, ticket, |engine| match capabilities.own_cpus {
                true => hint::spin_loop(),
                false => engine.sleep(Instant::now()),
            })
        }
        Mode::Coroutine if !inline => scheduler::park_for_job(thread),
        Mode::Spin => wait(thread, ticket, |_| hint::spin_loop()),
        _ => wait(thread, ticket, |engine| engine.sleep(Instant::now())),
    };
    count(counters.completed);
    if is_returned { Way::Returned } else { Way::Answered }
}

/// How much the results of this thread's engine are believed. Those of the original function in this
/// process are, unless everything is to be checked: libcrypto verifies what it has signed with RSA
/// itself, and doing it again cost a tenth of a handshake.
pub(crate) fn check(thread: &Thread) -> Check {
    let check = thread.settings.jobs.check;
    let own_results = || thread.with_engine(|engine| engine.capabilities().own_results);
    if check == Check::Rsa && own_results() == Some(false) { Check::None } else { check }
}

/// By how much results of an inference may differ from those of the same one elsewhere, as a share of the
/// largest.
pub(crate) fn tolerance(thread: &Thread) -> f32 {
    thread.settings.onnx.tolerance_ppm as f32 / 1e6
}

/// The results of a job are right, as far as anybody has looked.
pub(crate) fn was_right(thread: &Thread, kind: JobKind) {
    with_counted_engine(thread, |engine| engine.was_right(kind));
}

/// The results of a job are wrong.
#[cold]
pub(crate) fn was_wrong(thread: &Thread, kind: JobKind) {
    with_counted_engine(thread, |engine| engine.was_wrong(kind, Instant::now()));
}

/// What the engine did not do, or not rightly, is done in place.
pub(crate) fn redone() {
    count(Counter::EngineRedone);
}
