//! Between a thread and its engine, which is not trusted: deadlines, answers that come twice or for
//! nobody, and quarantine.
//!
//! ```text
//! submit --> Guard --(its own number as ticket)--> engine
//!              |  flights: what is out, and since when
//! poll   <-- Guard <------------ completion --------- engine
//!              |<-- deadline: given up, or its results found in its memory
//!              |<-- recall:   taken back before it was begun, because the submitter has time
//! ```
//!
//! Invariants: every job that `submit` takes comes out of `poll` exactly once, when the engine
//! answers or when its deadline has passed, unless it is being run just then; what comes out was run
//! ([`Work::take`](crate::Work::take) gives the results) or will never be (the submitter runs the
//! call itself). An engine's tickets are never used twice, so a late answer is nobody's.
//!
//! **When is a job late?** Not because it waits in a queue behind others: an engine that is busy
//! would get less done if its jobs were taken from it. So a job's time counts from the latest answer
//! of any job, as long as none that was submitted after it has been answered. One that was overtaken
//! counts from when it was submitted. A call that is being run is not given up: it will return no
//! later than the same call made again would.
//!
//! Must not: read a clock. The submitter says what time it is.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{
    Capabilities, Completion, Emulated, Engine, Job, JobKind, Left, Outcome, Pass, Refused, Run,
    Task, Ticket,
};

/// Faults of one kind of job in a row until the engine is put into quarantine. One fault may be a
/// machine under load or a single lost answer; five are not chance, and cost five deadlines at most
/// where they are borne one after another.
pub const STRIKES: u8 = 5;

/// Jobs taken back of which the engine may yet say something, at most: an engine that hangs never does.
const RECALLED: usize = 1024;

/// What a guard allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the engine may take.
    pub deadline: Duration,
    /// For how long an engine in quarantine gets no jobs; 0: it is never left alone.
    pub quarantine: Duration,
}

/// What has happened, each a number of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Jobs that were answered without having been run.
    pub failed: u64,
    /// Jobs that were not answered in time.
    pub late: u64,
    /// Answers for nobody: late ones, second ones, ones that nobody asked for.
    pub dropped: u64,
    /// Jobs whose results the submitter found wrong.
    pub wrong: u64,
    /// Times that the engine was put into quarantine.
    pub quarantined: u64,
    /// Times that it came back from there.
    pub returned: u64,
    /// What an emulated device has done.
    pub emulated: Emulated,
    /// Answers of a plugin's for jobs that it did not have.
    pub unknown: u64,
}

/// A job that the engine has.
struct Flight {
    number: u64,
    ticket: Ticket,
    kind: JobKind,
    since: Instant,
    task: Arc<dyn Task>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// It gets every job.
    Full,
    /// It gets none until then.
    None(Instant),
    /// It gets one, to see; true: it has it.
    Trial(bool),
}

/// An engine, and what is out of its thread's jobs.
pub struct Guard<E: Engine + ?Sized> {
    terms: Terms,
    /// By number, which is the order in which they were submitted.
    flights: VecDeque<Flight>,
    next: u64,
    /// Jobs taken back whose answers are yet to come.
    recalled: BTreeSet<u64>,
    /// No flight is late before this.
    earliest: Instant,
    /// The highest number that was answered, and when the latest answer came.
    answered: Option<(u64, Instant)>,
    trust: Trust,
    /// Was a job given up since the latest answer came?
    is_silent: bool,
    strikes: [u8; JobKind::ALL.len()],
    tally: Tally,
    done: Vec<Completion>,
    engine: Box<E>,
}

impl<E: Engine + ?Sized> Guard<E> {
    /// Guards an engine that has no jobs yet.
    #[must_use]
    pub fn new(engine: Box<E>, terms: Terms, now: Instant) -> Self {
        Self {
            terms,
            flights: VecDeque::new(),
            next: 0,
            recalled: BTreeSet::new(),
            earliest: now,
            answered: None,
            trust: Trust::Full,
            is_silent: false,
            strikes: [0; JobKind::ALL.len()],
            tally: Tally::default(),
            done: Vec::new(),
            engine,
        }
    }

    /// What the engine can do.
    pub fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    /// As [`Engine::accepts`].
    pub fn accepts(&self, kind: JobKind, bytes: usize) -> bool {
        self.engine.accepts(kind, bytes)
    }

    /// How many jobs the engine has and has not done, as far as that is known.
    pub fn depth(&self) -> usize {
        self.engine.depth().unwrap_or(self.flights.len())
    }

    /// As [`Engine::others`].
    pub fn others(&self) -> usize {
        self.engine.others()
    }

    /// How many jobs of the submitter's are out: done or not, they have not been answered.
    pub fn out(&self) -> usize {
        self.flights.len()
    }

    /// Would it be given a job now? Not in quarantine.
    pub fn is_open(&mut self, now: impl FnOnce() -> Instant) -> bool {
        match self.trust {
            Trust::Full => true,
            Trust::Trial(is_out) => !is_out,
            Trust::None(until) => {
                let is_over = now() >= until;
                if is_over {
                    self.trust = Trust::Trial(false);
                }
                is_over
            }
        }
    }

    /// Has it been silent for so long that a job was given up? Whoever is in haste had better give it
    /// none: the next one may take as long, and so on until it is in quarantine.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Is it silent, and has it a job all the same that will show whether it stays so? Until then no other is
    /// to wait for it (unless the terms are that it is never left alone).
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.is_silent && !self.flights.is_empty() && !self.terms.quarantine.is_zero()
    }

    /// Hands a job over.
    ///
    /// # Errors
    /// The engine is full, or in quarantine; the job comes back unchanged.
    pub fn submit(&mut self, mut job: Job, now: Instant) -> Result<(), Refused> {
        if !self.is_open(|| now) {
            return Err(Refused(job));
        }
        let (number, ticket) = (self.next, job.ticket);
        let flight =
            Flight { number, ticket, kind: job.kind, since: now, task: Arc::clone(&job.task) };
        job.ticket = Ticket(number);
        let mut submitted = self.engine.submit(job);
        if self.flights.is_empty()
            && let Err(Refused(job)) = submitted
        {
            // It may be full of answers to jobs that were given up: nobody takes those otherwise.
            self.poll(now, usize::MAX, &mut Vec::new());
            submitted = self.engine.submit(job);
        }
        if let Err(Refused(mut job)) = submitted {
            job.ticket = ticket;
            return Err(Refused(job));
        }
        if self.flights.is_empty() {
            self.earliest = now + self.terms.deadline;
        }
        self.next += 1;
        self.flights.push_back(flight);
        if self.trust == Trust::Trial(false) {
            self.trust = Trust::Trial(true);
        }
        Ok(())
    }

    /// Appends the jobs that are done, that failed or that are late, each once. Takes at most `max`
    /// answers of the engine.
    pub fn poll(&mut self, now: Instant, max: usize, into: &mut Vec<Completion>) {
        let mut done = std::mem::take(&mut self.done);
        self.engine.poll(max, &mut done);
        for completion in done.drain(..) {
            self.answer(completion, now, into);
        }
        self.done = done;
        if now >= self.earliest && !self.flights.is_empty() {
            self.expire(now, into);
        }
    }

    fn answer(&mut self, completion: Completion, now: Instant, into: &mut Vec<Completion>) {
        let number = completion.ticket.0;
        let Ok(index) = self.flights.binary_search_by_key(&number, |flight| flight.number) else {
            self.tally.dropped += u64::from(!self.recalled.remove(&number));
            return;
        };
        // An answer to a call that is being run tells nothing.
        let left = self.flights.get(index).map_or(Left::Running, |flight| flight.task.give_up());
        if left == Left::Running {
            self.tally.dropped += 1;
            return;
        }
        let highest = self.answered.map_or(number, |(highest, _)| highest.max(number));
        self.answered = Some((highest, now));
        self.is_silent = false;
        if let Some(flight) = self.flights.remove(index) {
            let outcome = match (left, completion.is_declined()) {
                (Left::NotRun, true) => Outcome::Declined,
                (Left::NotRun, false) => Outcome::GivenUp,
                _ => Outcome::Done,
            };
            into.push(Completion { ticket: flight.ticket, outcome });
            if outcome == Outcome::Declined && self.trust == Trust::Trial(true) {
                // Nothing was learnt of it, and one job alone may never be worth its while.
                self.trust = Trust::Full;
                self.tally.returned += 1;
                self.strikes = [STRIKES - 1; JobKind::ALL.len()];
            }
            if outcome == Outcome::GivenUp {
                self.tally.failed += 1;
                self.strike(flight.kind, now);
            }
        }
    }

    /// When is it late?
    fn due(&self, flight: &Flight) -> Instant {
        let since = match self.answered {
            Some((highest, latest)) if highest < flight.number => latest.max(flight.since),
            _ => flight.since,
        };
        since + self.terms.deadline
    }

    fn expire(&mut self, now: Instant, into: &mut Vec<Completion>) {
        let mut index = 0;
        while let Some(flight) = self.flights.get(index) {
            if self.due(flight) > now {
                index += 1;
                continue;
            }
            let left = flight.task.give_up();
            if left == Left::Running {
                // It is looked at again when as much time has passed.
                if let Some(flight) = self.flights.get_mut(index) {
                    flight.since = now;
                }
                index += 1;
            } else if self.engine.capabilities().has_lanes {
                // It works only where the submitter lets it: this is not its fault.
                if let Some(Flight { ticket, .. }) = self.flights.remove(index) {
                    into.push(Completion::declined(ticket));
                }
            } else if let Some(flight) = self.flights.remove(index) {
                self.tally.late += 1;
                self.is_silent = true;
                let is_run = left != Left::NotRun;
                let outcome = if is_run { Outcome::Done } else { Outcome::GivenUp };
                into.push(Completion { ticket: flight.ticket, outcome });
                self.strike(flight.kind, now);
            }
        }
        let since = self.flights.iter().map(|flight| flight.since).min();
        self.earliest = since.map_or(now, |since| since + self.terms.deadline);
    }

    /// Takes the oldest job back that is not being run: the submitter has nothing else to do, and does
    /// it itself, if its results are not there already. That is no fault of the engine's. Not from one with
    /// lanes: it has begun with whatever will not be joined by others; nor what the engine keeps
    /// ([`Engine::may_recall`]).
    pub fn recall(&mut self) -> Option<Completion> {
        if self.engine.capabilities().has_lanes {
            return None;
        }
        let mut outcome = Outcome::Done;
        let engine = &self.engine;
        let index = self.flights.iter().position(|flight| {
            if !engine.may_recall(Ticket(flight.number)) {
                return false;
            }
            let left = flight.task.give_up();
            outcome = if left == Left::NotRun { Outcome::Declined } else { Outcome::Done };
            left != Left::Running
        })?;
        let flight = self.flights.remove(index)?;
        self.recalled.insert(flight.number);
        if self.recalled.len() > RECALLED {
            self.recalled.pop_first();
        }
        if self.trust == Trust::Trial(true) {
            // Nothing was learnt of it.
            self.trust = Trust::Trial(false);
        }
        Some(Completion { ticket: flight.ticket, outcome })
    }

    /// As [`Engine::take_passes`].
    pub fn take_passes(&mut self, into: &mut Vec<Pass>) {
        self.engine.take_passes(into);
    }

    /// As [`Engine::take_runs`].
    pub fn take_runs(&mut self, into: &mut Vec<Run>) {
        self.engine.take_runs(into);
    }

    /// How long the submitter may sleep before a job is late; `None`: nothing is out.
    #[must_use]
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let due = self.flights.iter().map(|flight| self.due(flight)).min();
        due.map(|due| due.saturating_duration_since(now))
    }

    /// The submitter has a job's results, and found nothing wrong with them.
    pub fn was_right(&mut self, kind: JobKind) {
        if let Some(strikes) = self.strikes.get_mut(kind.index()) {
            *strikes = 0;
        }
        if self.trust == Trust::Trial(true) {
            self.trust = Trust::Full;
            self.tally.returned += 1;
        }
    }

    /// The submitter has a job's results, and they are wrong.
    pub fn was_wrong(&mut self, kind: JobKind, now: Instant) {
        self.tally.wrong += 1;
        self.strike(kind, now);
    }

    fn strike(&mut self, kind: JobKind, now: Instant) {
        let Some(strikes) = self.strikes.get_mut(kind.index()) else { return };
        *strikes = strikes.saturating_add(1);
        let is_out = match self.trust {
            Trust::Full => *strikes >= STRIKES,
            Trust::Trial(is_out) => is_out,
            // What was out when it began.
            Trust::None(_) => false,
        };
        if is_out {
            self.trust = Trust::None(now + self.terms.quarantine);
            self.strikes = [0; JobKind::ALL.len()];
            self.tally.quarantined += 1;
        }
    }

    /// What has happened since this was last asked; `None`: nothing.
    pub fn take_tally(&mut self) -> Option<Tally> {
        let mut tally = std::mem::take(&mut self.tally);
        tally.emulated = self.engine.take_emulated();
        tally.unknown = self.engine.take_unknown();
        (tally != Tally::default()).then_some(tally)
    }

    /// As [`Engine::wake_fd`].
    pub fn wake_fd(&self) -> Option<RawFd> {
        self.engine.wake_fd()
    }

    /// Every fd that the engine has: [`Engine::wake_fd`] and [`Engine::timer_fd`].
    pub fn fds(&self) -> impl Iterator<Item = RawFd> + use<E> {
        self.engine.wake_fd().into_iter().chain(self.engine.timer_fd())
    }

    /// As [`Engine::timer_fd`].
    pub fn timer_fd(&self) -> Option<RawFd> {
        self.engine.timer_fd()
    }

    /// As [`Engine::arm`].
    pub fn arm(&mut self) -> bool {
        self.engine.arm()
    }

    /// As [`Engine::disarm`].
    pub fn disarm(&mut self) {
        self.engine.disarm();
    }

    /// As [`Engine::flush`].
    pub fn flush(&mut self) {
        self.engine.flush();
    }

    /// Puts the calling OS thread to sleep until a completion waits or a job is late.
    pub fn sleep(&mut self, now: Instant) {
        let limit = self.time_left(now);
        self.engine.sleep(limit);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
