//! When each job is done.
//!
//! ```text
//! submit at `now` --set-up--> at the device --a unit is free--> starts_at --latency--> finishes_at --take-->
//!                             └───────────── in the queue: `queue` ──────────────────┘
//!                 └───────────────────── has its place in the ring: `ring` ───────────────────────┘
//! ```
//!
//! Invariants: a unit does one job at a time; jobs begin in the order in which they were submitted; each is
//! taken once, in the order in which they are done (those done at the same time as they were submitted).
//! Nothing that comes later changes when a job is done, so that is known when it is submitted.
//!
//! Several models over one [`Board`] are several submitters of one device: its units and its queue are theirs
//! together, each has a ring of its own, and makes its own set-ups.
//!
//! Calls come in the order of their `now`; one that goes back in time is dealt with as if set-ups had been
//! made one after the other, which the submitter's one CPU does.

use std::collections::BTreeSet;

use crate::board::{Place, Turn};
use crate::{Board, Description, Operation};

/// A job's number: the first is 0, each has one more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobNumber(pub u64);

/// A job that the device has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its number.
    pub number: JobNumber,
    /// What it costs the submitter's CPU before the device has it.
    pub setup: u64,
    /// When the device has it.
    pub at_device: u64,
    /// Which unit does it.
    pub unit: usize,
    /// When that begins with it.
    pub starts_at: u64,
    /// When its completion can be taken.
    pub finishes_at: u64,
}

/// Why a device does not take a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its queue or its ring is full.
    Full,
    /// It does no such operation.
    NotDone,
}

/// A place in the device's queue: to be given to [`Model::begin`], or to [`Model::leave`].
#[must_use]
pub struct Reservation {
    place: Place,
    setup: u64,
    at_device: u64,
    /// Without jitter.
    latency: u64,
}

/// A device in the course of time, as one submitter has it.
#[derive(Debug)]
pub struct Model {
    description: Description,
    board: Board,
    /// When the latest job came to the device.
    doorbell: u64,
    /// By when they are done: jobs that were not taken.
    jobs: BTreeSet<(u64, JobNumber)>,
    next: u64,
}

impl Model {
    /// A device of its own that has nothing to do.
    #[must_use]
    pub fn new(description: Description) -> Self {
        let board = Board::new(&description);
        Self::over(board, description)
    }

    /// One more submitter of the device whose board that is, by the same description.
    #[must_use]
    pub fn over(board: Board, description: Description) -> Self {
        board.enter();
        Self { description, board, doorbell: 0, jobs: BTreeSet::new(), next: 0 }
    }

    /// What it is a model of.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// May the device have jobs of other submitters?
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.board.is_shared()
    }

    /// Gives it a job; the submitter owes it the set-up.
    ///
    /// # Errors
    /// It takes none of that kind, or none now.
    pub fn submit(
        &mut self,
        now: u64,
        operation: Operation,
        bytes: u64,
    ) -> Result<Accepted, Refusal> {
        let reservation = self.reserve(now, operation, bytes)?;
        Ok(self.begin(reservation))
    }

    /// The first half of [`Model::submit`]: it would take that job, and keeps a place for it.
    ///
    /// # Errors
    /// As there.
    pub fn reserve(
        &self,
        now: u64,
        operation: Operation,
        bytes: u64,
    ) -> Result<Reservation, Refusal> {
        let (setup, latency) = self.costs(operation, bytes).ok_or(Refusal::NotDone)?;
        if self.jobs.len() >= self.description.ring as usize {
            return Err(Refusal::Full);
        }
        let at_device = now.max(self.doorbell).saturating_add(setup);
        let until = at_device.saturating_add(self.varied(latency, 0));
        let place = self.board.take_place(now, until).ok_or(Refusal::Full)?;
        Ok(Reservation { place, setup, at_device, latency })
    }

    /// The second half: the device has the job.
    pub fn begin(&mut self, reservation: Reservation) -> Accepted {
        let Reservation { place, setup, at_device, latency } = reservation;
        let latency = self.jittered(latency);
        let Turn { unit, starts_at, finishes_at } = self.board.begin(at_device, latency);
        self.board.keep_place(&place, finishes_at);
        let number = JobNumber(self.next);
        self.next += 1;
        self.doorbell = at_device;
        self.jobs.insert((finishes_at, number));
        Accepted { number, setup, at_device, unit, starts_at, finishes_at }
    }

    /// The device does not get the job.
    pub fn leave(&self, reservation: Reservation) {
        self.board.leave_place(&reservation.place);
    }

    /// How many jobs the device has and has not done, whoever has submitted them.
    #[must_use]
    pub fn depth(&self, now: u64) -> usize {
        self.board.depth(now)
    }

    /// When a job that is submitted now would be done, if jitter did not change it; `None` for an
    /// operation that it does not do.
    #[must_use]
    pub fn expected(&self, now: u64, operation: Operation, bytes: u64) -> Option<u64> {
        let (setup, latency) = self.costs(operation, bytes)?;
        let at_device = now.max(self.doorbell).saturating_add(setup);
        Some(self.board.earliest(at_device).saturating_add(latency))
    }

    /// How many completions wait to be taken.
    #[must_use]
    pub fn completed(&self, now: u64) -> usize {
        self.done(now).count()
    }

    /// Whose completions wait to be taken, in their order.
    pub fn done(&self, now: u64) -> impl Iterator<Item = JobNumber> + '_ {
        let done = self.jobs.iter().take_while(move |(finishes_at, _)| *finishes_at <= now);
        done.map(|(_, number)| *number)
    }

    /// Takes the completion of the job that was done first, if one is done.
    pub fn take(&mut self, now: u64) -> Option<JobNumber> {
        let (finishes_at, number) = *self.jobs.first()?;
        if finishes_at > now {
            return None;
        }
        self.jobs.pop_first();
        Some(number)
    }

    /// When there is a completion to be taken: now, or later; `None` if it has nothing to do.
    #[must_use]
    pub fn next(&self, now: u64) -> Option<u64> {
        self.jobs.first().map(|(finishes_at, _)| (*finishes_at).max(now))
    }

    /// How many jobs of this submitter's it has that were not taken.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.jobs.len()
    }

    /// Set-up and latency, without jitter.
    fn costs(&self, operation: Operation, bytes: u64) -> Option<(u64, u64)> {
        let cost = self.description.cost(operation)?;
        Some((cost.setup_ns.at(bytes), cost.latency_ns.at(bytes)))
    }

    /// Longer or shorter, as drawn for this job.
    fn jittered(&self, latency: u64) -> u64 {
        if self.description.jitter_percent == 0 {
            return latency;
        }
        let drawn = random(self.description.seed, self.board.draw());
        self.varied(latency, drawn % (2 * self.widest() + 1))
    }

    /// From `widest` below to `widest` above, in parts of a million, by what was drawn.
    fn varied(&self, latency: u64, drawn: u64) -> u64 {
        let factor = u128::from(1_000_000 - self.widest() + drawn);
        u64::try_from(u128::from(latency) * factor / 1_000_000).unwrap_or(u64::MAX)
    }

    fn widest(&self) -> u64 {
        u64::from(self.description.jitter_percent) * 10_000
    }
}

/// The number of that place in SplitMix64's sequence (Steele, Lea, Flood, 2014).
fn random(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
