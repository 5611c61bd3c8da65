//! A job's way: what a thread asks its engine and its policy about a call, in which order, and when it reads the
//! clock.
//!
//! ```text
//! View::of ──> View::choice ──> job ──> submit ──> engine ──> poll ──> Work::take ──> settle
//!    └ clear: made at a glance   ┘        └ what the policy learns ┘                    ┘
//! ```
//!
//! The shim goes this way with a server's calls, and `interlude bench job` with none.
//!
//! Must not: park, count, or know what a call does. Invariant: no borrow of the policy outlives a function here.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlude_core::cost::Size;
use interlude_core::policy::{Asked, Choice, Policy, Seen};
use interlude_offload::{
    Call, Capabilities, Completion, Engine, Guard, Job, JobKind, Outcome, Ticket, Work,
};

/// The clock of the thread.
pub trait Clock {
    /// Nanoseconds since whenever.
    fn now(&self) -> u64;

    /// That time, as the guard has it.
    fn instant(&self, now: u64) -> Instant;
}

/// What matters of the thread besides its engine and its policy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Events that wait, as far as it knows.
    pub waiting: usize,
    /// For how many nanoseconds it has had nothing to do.
    pub slept: u64,
}

/// A call that could be a job, as the engine sees it now.
#[derive(Debug)]
pub struct View {
    /// Does it do such calls?
    pub does: bool,
    /// Not in quarantine.
    pub is_open: bool,
    /// Has a job been given up since it answered last?
    pub is_silent: bool,
    /// As [`Guard::is_waited_for`].
    pub is_waited_for: bool,
    /// Where the call is made, however much the engine has done by now.
    clear: Option<Choice>,
    /// Is it learnt what such jobs take?
    learns: bool,
    seen: Seen,
}

impl View {
    /// What changes is looked at only where the policy wants to know, and it is not clear without.
    #[inline]
    pub fn of(
        engine: &mut Guard<dyn Engine>,
        policy: &RefCell<Policy>,
        (kind, bytes): (JobKind, usize),
        asked: &Asked,
        Surroundings { waiting, slept }: Surroundings,
        clock: &impl Clock,
    ) -> Self {
        let Capabilities { parallel, has_lanes, own_cpus, is_shared, .. } = engine.capabilities();
        let is_open = engine.is_open(|| clock.instant(clock.now()));
        let mut policy = policy.borrow_mut();
        let learns = policy.looks_at_load(asked.kind);
        // (Others' jobs the policy has seen at its last close looks.)
        let may_be_clear = learns && own_cpus && !has_lanes;
        let clear = may_be_clear
            .then(|| policy.at_a_glance(asked, engine.out(), waiting, parallel))
            .flatten();
        let looks = learns && clear.is_none();
        let (depth, now) = if looks { (engine.depth(), clock.now()) } else { (0, 0) };
        Self {
            does: engine.accepts(kind, bytes),
            is_open,
            is_silent: engine.is_silent(),
            is_waited_for: engine.is_waited_for(),
            clear,
            learns: looks,
            seen: Seen {
                depth,
                others: if looks && is_shared { engine.others() } else { 0 },
                parallel,
                gathers: has_lanes,
                has_own_cpus: own_cpus,
                waiting,
                now,
                slept,
            },
        }
    }

    /// Where the call is made.
    #[inline]
    pub fn choice(&self, policy: &RefCell<Policy>, asked: &Asked) -> Choice {
        self.clear.unwrap_or_else(|| policy.borrow_mut().choose(asked, &self.seen))
    }

    /// What was seen, where something is learnt from it.
    #[inline]
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.learns.then_some(self.seen)
    }
}

/// Makes a job of a call: who waits for it keeps the one, the engine gets the other.
#[inline]
pub fn job<C: Call + 'static>(
    call: C,
    ticket: Ticket,
    (kind, bytes): (JobKind, usize),
) -> (Arc<Work<C>>, Job) {
    let work = Arc::new(Work::new(call));
    let task = Arc::clone(&work);
    (work, Job { ticket, kind, bytes, task })
}

/// Gives a job to the engine; `None` if that does not take it. Where it is learnt what such jobs take: what was asked
/// and seen, and whether the thread waits for it.
#[inline]
pub fn submit(
    engine: &mut Guard<dyn Engine>,
    policy: &RefCell<Policy>,
    job: Job,
    learns: Option<(&Asked, &Seen, bool)>,
    clock: &impl Clock,
) -> Option<Capabilities> {
    let ticket = job.ticket;
    // Whoever had to wait since it was chosen has done so for others.
    let begun = clock.now();
    engine.submit(job, clock.instant(begun)).ok()?;
    if let Some((asked, seen, waits)) = learns {
        policy.borrow_mut().submitted(ticket.0, asked, seen, (begun, clock.now()), waits);
    }
    Some(engine.capabilities())
}

/// Asks the engine which jobs are done or will not be done.
#[inline]
pub fn poll(
    engine: &mut Guard<dyn Engine>,
    policy: &RefCell<Policy>,
    max: usize,
    done: &mut Vec<Completion>,
    clock: &impl Clock,
) {
    let (before, now) = (done.len(), clock.now());
    engine.poll(clock.instant(now), max, done);
    let mut policy = policy.borrow_mut();
    if policy.has_flights() {
        for completion in done.get(before..).unwrap_or(&[]) {
            policy.answered(completion.ticket.0, now, completion.outcome == Outcome::Done);
        }
        policy.looked(now);
    }
}

/// A job's results are there, after the call has taken so long.
#[inline]
pub fn settle(policy: &RefCell<Policy>, kind: JobKind, size: Size, took: Duration) {
    // What was done by other means says nothing of what the call takes.
    if !took.is_zero() {
        policy.borrow_mut().ran(kind.index(), size, took);
    }
}
