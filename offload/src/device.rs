//! The `device` engine: an emulated accelerator, for studies of scheduling.
//!
//! When a job is done is what a model says (`interlude-device`); its result is real, and computed by a helper
//! thread meanwhile. The completion is given when both are there:
//!
//! ```text
//! submit --> model: takes it, or is full --> set-up, on the submitter's CPU
//!    \-----> a helper thread runs the call ----> computed ──┐
//!  poll  --> a look at the ring: what is done by the model ─┴─> both: a completion
//!                                                 └─ not computed yet: behind, and counted
//! ```
//!
//! So nothing is faster than a helper thread, and where jobs are *behind*, it was not the device that was
//! studied. Where results are *remembered* ([`DeviceConfig::remembered`]), an equal call is not computed again: it has
//! the first one's results at once, and only the model's time counts. What is looked up is then part of the set-up
//! (for many kilobytes it may take longer). What is not emulated: the memory that a device reads and writes takes no time of anybody's.
//!
//! Each thread that submits has a [`Device`]. Where these stand on the same [`Board`], they are one device's
//! submitters, in one process or in several ([`map_board`]): they compete for its units and its queue.
//!
//! It has a clock, other than all engines and [`crate::Guard`]: a device is one. In tests that is made up.
//!
//! Must not: give a completion before the model says so, or a result that is not the call's own; burn the
//! submitter's CPU but for what the description says.

mod clock;
#[cfg(not(loom))]
mod map;
mod timer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use interlude_device::{Accepted, Board, Description, JobNumber, Model, Operation};

use crate::{
    Capabilities, Completion, CoresPort, Engine, Job, JobKind, Memory, Refused, Task, Ticket,
};
pub use clock::{Clock, Monotonic};
#[cfg(not(loom))]
pub use map::map_board;
use timer::Timer;

/// How the submitter looks after the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Completions taken with one look at the ring, at most.
    pub dequeue: usize,
    /// No two looks are closer to each other, in nanoseconds.
    pub poll_interval: u64,
    /// Bytes of remembered results and of what they answer, at most; 0: every result is computed.
    pub remembered: usize,
}

/// What an emulated device has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emulated {
    /// Jobs that it would have done before their results were there.
    pub behind: u64,
    /// Jobs that it has answered with remembered results.
    pub remembered: u64,
    /// For how long its units work on the jobs that it was given, in nanoseconds of its own time,
    pub busy_ns: u64,
    /// and how long these wait for a unit.
    pub queued_ns: u64,
}

/// An emulated device as one thread has it, and the helpers that compute for it.
pub struct Device<C = Monotonic> {
    config: DeviceConfig,
    clock: C,
    model: Model,
    port: CoresPort,
    timer: Timer,
    /// Jobs that the model has.
    flights: BTreeMap<JobNumber, Ticket>,
    /// The same jobs.
    kept: BTreeSet<Ticket>,
    /// Jobs whose results are there, and that were not answered.
    computed: BTreeSet<Ticket>,
    /// Jobs that the model has done before their results were there.
    behind: VecDeque<Ticket>,
    emulated: Emulated,
    /// Results of before, where equal calls get them.
    memory: Option<Memory>,
    /// Calls that are computed, and whose results will be remembered.
    lessons: BTreeMap<Ticket, Arc<dyn Task>>,
    /// The ring is not looked at before.
    next_look: u64,
    is_port_armed: bool,
    arrived: Vec<Completion>,
}

/// What a device calls that.
#[must_use]
pub const fn operation(kind: JobKind) -> Operation {
    match kind {
        JobKind::Sign => Operation::Sign,
        JobKind::Derive => Operation::Derive,
        JobKind::Keygen => Operation::Keygen,
        JobKind::Decrypt => Operation::Decrypt,
        JobKind::Deflate | JobKind::Compress => Operation::Compress,
        JobKind::Infer => Operation::Infer,
    }
}

impl Device {
    /// The device of that description, over a way into a pool that nobody else uses: the one whose board it is, for
    /// one more submitter, or, without a board, one that is this thread's alone.
    ///
    /// # Errors
    /// The process has no fd left for the timer.
    pub fn open(
        description: Description,
        board: Option<Board>,
        config: DeviceConfig,
        port: CoresPort,
    ) -> io::Result<Self> {
        Self::with_clock(description, board, config, port, Monotonic)
    }
}

impl<C: Clock> Device<C> {
    /// As [`Device::open`], by another clock.
    ///
    /// # Errors
    /// As there.
    pub fn with_clock(
        description: Description,
        board: Option<Board>,
        config: DeviceConfig,
        port: CoresPort,
        clock: C,
    ) -> io::Result<Self> {
        let board = board.unwrap_or_else(|| Board::new(&description));
        Ok(Self {
            config,
            clock,
            model: Model::over(board, description),
            port,
            timer: Timer::new()?,
            flights: BTreeMap::new(),
            kept: BTreeSet::new(),
            computed: BTreeSet::new(),
            behind: VecDeque::new(),
            emulated: Emulated::default(),
            memory: (config.remembered > 0).then(|| Memory::new(config.remembered)),
            lessons: BTreeMap::new(),
            next_look: 0,
            is_port_armed: false,
            arrived: Vec::new(),
        })
    }

    /// Notes which results the helpers have.
    fn gather(&mut self) {
        self.port.poll(usize::MAX, &mut self.arrived);
        if let Some(memory) = &mut self.memory {
            let tickets = self.arrived.iter().map(|completion| completion.ticket);
            let lessons = tickets.filter_map(|ticket| self.lessons.remove(&ticket));
            lessons.for_each(|task| task.teach(memory));
        }
        self.computed.extend(self.arrived.drain(..).map(|completion| completion.ticket));
    }

    /// Sees to it that the results will be there: they are remembered, or a helper computes them.
    fn compute(&mut self, job: Job) -> Result<(), Refused> {
        let Some(memory) = &self.memory else { return self.port.submit(job) };
        let (ticket, task) = (job.ticket, Arc::clone(&job.task));
        if task.repeat(memory) {
            self.emulated.remembered += 1;
            self.computed.insert(ticket);
            return Ok(());
        }
        self.port.submit(job)?;
        self.lessons.insert(ticket, task);
        Ok(())
    }

    /// Gives those whose results have come since the model was done with them.
    fn catch_up(&mut self, max: usize, into: &mut Vec<Completion>) {
        let most = into.len() + max;
        self.behind.retain(|ticket| {
            let is_given = into.len() < most && self.computed.remove(ticket);
            if is_given {
                into.push(Completion::done(*ticket));
            }
            !is_given
        });
    }

    /// When a look at the ring would find something, as far as that needs only time.
    fn due(&self, now: u64) -> Option<u64> {
        let is_late_there = self.behind.iter().any(|ticket| self.computed.contains(ticket));
        let due = if is_late_there { Some(now) } else { self.model.next(now) };
        due.map(|due| due.max(self.next_look))
    }
}

impl<C: Clock> Engine for Device<C> {
    fn capabilities(&self) -> Capabilities {
        let description = self.model.description();
        Capabilities {
            name: "device",
            queue: description.queue as usize,
            parallel: description.units as usize,
            own_cpus: true,
            is_shared: self.model.is_shared(),
            ..self.port.capabilities()
        }
    }

    fn accepts(&self, kind: JobKind, _: usize) -> bool {
        self.model.description().cost(operation(kind)).is_some()
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let (operation, bytes) = (operation(job.kind), job.bytes as u64);
        let now = self.clock.now();
        let Ok(reservation) = self.model.reserve(now, operation, bytes) else {
            return Err(Refused(job));
        };
        let ticket = job.ticket;
        if let Err(refused) = self.compute(job) {
            self.model.leave(reservation);
            return Err(refused);
        }
        let Accepted { number, setup, at_device, starts_at, finishes_at, .. } =
            self.model.begin(reservation);
        self.flights.insert(number, ticket);
        self.kept.insert(ticket);
        self.emulated.queued_ns += starts_at - at_device;
        self.emulated.busy_ns += finishes_at - starts_at;
        // Whatever it took to wake a helper is part of it.
        self.clock.spin_until(now.saturating_add(setup));
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        self.gather();
        let now = self.clock.now();
        let is_idle = self.flights.is_empty() && self.behind.is_empty();
        if is_idle || now < self.next_look {
            return 0;
        }
        self.next_look = now.saturating_add(self.config.poll_interval);
        self.clock.spin_until(now + u64::from(self.model.description().dequeue_ns));
        let before = into.len();
        let max = max.min(self.config.dequeue);
        self.catch_up(max, into);
        for _ in into.len() - before..max {
            let Some(ticket) = self.model.take(now).and_then(|number| self.flights.remove(&number))
            else {
                break;
            };
            self.kept.remove(&ticket);
            if self.computed.remove(&ticket) {
                into.push(Completion::done(ticket));
            } else {
                self.emulated.behind += 1;
                self.behind.push_back(ticket);
            }
        }
        into.len() - before
    }

    /// As far as it is known whose results are there.
    fn completed(&self) -> usize {
        let done = self.model.done(self.clock.now());
        let tickets = done.filter_map(|number| self.flights.get(&number)).chain(&self.behind);
        tickets.filter(|ticket| self.computed.contains(ticket)).count()
    }

    /// What waits for a helper is counted, too.
    fn depth(&self) -> Option<usize> {
        Some(self.model.depth(self.clock.now()) + self.behind.len())
    }

    fn others(&self) -> usize {
        let now = self.clock.now();
        let own = self.model.in_flight() - self.model.completed(now);
        self.model.depth(now).saturating_sub(own)
    }

    fn wake_fd(&self) -> Option<RawFd> {
        self.port.wake_fd()
    }

    fn timer_fd(&self) -> Option<RawFd> {
        Some(self.timer.fd())
    }

    /// A helper's answer is no reason to wake before the model's time: the port is armed only for what is
    /// behind. What becomes that later comes by the timer first.
    fn arm(&mut self) -> bool {
        self.gather();
        let now = self.clock.now();
        let due = self.due(now);
        if due.is_some_and(|due| due <= now) {
            return false;
        }
        self.is_port_armed = !self.behind.is_empty();
        if self.is_port_armed && !self.port.arm() {
            self.is_port_armed = false;
            return false;
        }
        self.timer.set(due, now);
        true
    }

    fn disarm(&mut self) {
        if std::mem::take(&mut self.is_port_armed) {
            self.port.disarm();
        } else {
            self.port.settle();
        }
    }

    fn may_recall(&self, ticket: Ticket) -> bool {
        !self.kept.contains(&ticket)
    }

    fn take_emulated(&mut self) -> Emulated {
        std::mem::take(&mut self.emulated)
    }

    fn sleep(&mut self, limit: Option<Duration>) {
        if self.arm() {
            self.timer.wait(self.port.wake_fd(), limit);
            self.disarm();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
