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
//! Calls come in the order of their `now`; one that goes back in time is dealt with as if set-ups had been
//! made one after the other, which the submitter's one CPU does.

use std::collections::BTreeSet;

use crate::{Description, Operation};

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

/// A device in the course of time.
#[derive(Debug, Clone)]
pub struct Model {
    description: Description,
    /// By unit: until when it is busy.
    busy_until: Vec<u64>,
    /// When the latest job came to the device.
    doorbell: u64,
    /// By when they are done: jobs that were not taken.
    jobs: BTreeSet<(u64, JobNumber)>,
    next: u64,
}

/// Where a job would be done, and when.
struct Slot {
    setup: u64,
    at_device: u64,
    unit: usize,
    starts_at: u64,
    latency: u64,
}

impl Model {
    /// A device that has nothing to do.
    #[must_use]
    pub fn new(description: Description) -> Self {
        Self {
            busy_until: vec![0; description.units as usize],
            doorbell: 0,
            jobs: BTreeSet::new(),
            next: 0,
            description,
        }
    }

    /// What it is a model of.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
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
        let slot = self.slot(now, operation, bytes).ok_or(Refusal::NotDone)?;
        if self.is_full(now) {
            return Err(Refusal::Full);
        }
        let number = JobNumber(self.next);
        let finishes_at = slot.starts_at.saturating_add(self.jittered(slot.latency, number));
        self.next += 1;
        self.doorbell = slot.at_device;
        if let Some(busy_until) = self.busy_until.get_mut(slot.unit) {
            *busy_until = finishes_at;
        }
        self.jobs.insert((finishes_at, number));
        let Slot { setup, unit, starts_at, .. } = slot;
        Ok(Accepted { number, setup, unit, starts_at, finishes_at })
    }

    /// Would it refuse a job now?
    #[must_use]
    pub fn is_full(&self, now: u64) -> bool {
        let Description { queue, ring, .. } = self.description;
        // Only where it matters is it counted how many of them are done.
        self.jobs.len() >= ring as usize
            || (self.jobs.len() >= queue as usize
                && self.jobs.len() - self.completed(now) >= queue as usize)
    }

    /// When a job that is submitted now would be done, if jitter did not change it; `None` for an
    /// operation that it does not do.
    #[must_use]
    pub fn expected(&self, now: u64, operation: Operation, bytes: u64) -> Option<u64> {
        let slot = self.slot(now, operation, bytes)?;
        Some(slot.starts_at.saturating_add(slot.latency))
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

    /// How many jobs it has that were not taken.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.jobs.len()
    }

    fn slot(&self, now: u64, operation: Operation, bytes: u64) -> Option<Slot> {
        let cost = self.description.cost(operation)?;
        let setup = cost.setup_ns.at(bytes);
        let at_device = now.max(self.doorbell).saturating_add(setup);
        // The first of those that are free first.
        let (unit, free_at) =
            self.busy_until.iter().enumerate().min_by_key(|(unit, free_at)| (**free_at, *unit))?;
        let starts_at = at_device.max(*free_at);
        Some(Slot { setup, at_device, unit, starts_at, latency: cost.latency_ns.at(bytes) })
    }

    /// Longer or shorter, as drawn for this job.
    fn jittered(&self, latency: u64, number: JobNumber) -> u64 {
        let percent = u64::from(self.description.jitter_percent);
        if percent == 0 {
            return latency;
        }
        // In parts of a million, from `percent` below to `percent` above.
        let widest = percent * 10_000;
        let drawn = random(self.description.seed, number.0) % (2 * widest + 1);
        let factor = u128::from(1_000_000 - widest + drawn);
        u64::try_from(u128::from(latency) * factor / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// The number of that place in SplitMix64's sequence (Steele, Lea, Flood, 2014).
fn random(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
