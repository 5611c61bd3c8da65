//! Where a device stands: until when each of its units is busy, and until when each place in its queue is taken.
//!
//! ```text
//! word  0        1          2          3 ...            3 + units ...
//!      ┌────────┬──────────┬──────────┬──────────────┬───────────────────┐
//!      │ drawn  │ used     │ entered  │ unit: until  │ place: until      │   submitters: threads, processes
//!      └────────┴──────────┴──────────┴──────────────┴───────────────────┘
//! ```
//!
//! It is one model's, or that of all who submit to the same device: then it lies in memory that they share, and each
//! takes units and places by a compare-and-exchange. There is no lock, and nobody has to give anything back: **units
//! and places are taken until a time**, and what is past is free. So what a submitter had queued that was killed ends
//! as it would have, and where it was killed in the midst of a submission its place is free when the job could first
//! have been done.
//!
//! All words are independent of each other: no order between them is relied on.
//!
//! Must not: hold anything that a submitter would have to undo.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[cfg(loom)]
use loom::sync::atomic::AtomicU64;
#[cfg(not(loom))]
use std::sync::atomic::AtomicU64;

use crate::Description;

/// Jobs that have drawn their jitter.
const DRAWN: usize = 0;
/// Places, from the first one on, that were ever taken.
const USED: usize = 1;
/// Submitters that have ever come.
const ENTERED: usize = 2;
const UNITS: usize = 3;

/// A device's units and its queue. A clone is the same board.
#[derive(Clone)]
pub struct Board {
    words: Words,
    /// The first word of the queue.
    places: usize,
    /// All of it.
    end: usize,
}

#[derive(Clone)]
enum Words {
    Own(Arc<[AtomicU64]>),
    #[cfg(not(loom))]
    Shared(&'static [AtomicU64]),
}

/// What a job has of the device.
pub(crate) struct Turn {
    pub(crate) unit: usize,
    pub(crate) starts_at: u64,
    pub(crate) finishes_at: u64,
}

/// A place in the queue, and until when it was taken at first.
pub(crate) struct Place {
    index: usize,
    until: u64,
}

impl Board {
    /// In memory of its own, of a device that has nothing to do.
    #[must_use]
    pub fn new(description: &Description) -> Self {
        let words = (0..Self::len(description)).map(|_| AtomicU64::new(0)).collect();
        Self::of(Words::Own(words), description)
    }

    /// On these words, which were all 0 at first and are nothing else than such a device's board; `None` if they are
    /// too few.
    #[cfg(not(loom))]
    #[must_use]
    pub fn on(words: &'static [AtomicU64], description: &Description) -> Option<Self> {
        let is_enough = words.len() >= Self::len(description);
        is_enough.then(|| Self::of(Words::Shared(words), description))
    }

    /// How many words it takes.
    #[must_use]
    pub fn len(description: &Description) -> usize {
        UNITS + description.units as usize + description.queue as usize
    }

    fn of(words: Words, description: &Description) -> Self {
        let places = UNITS + description.units as usize;
        Self { words, places, end: Self::len(description) }
    }

    fn units(&self) -> &[AtomicU64] {
        self.words.get(UNITS..self.places).unwrap_or_default()
    }

    fn places(&self) -> &[AtomicU64] {
        self.words.get(self.places..self.end).unwrap_or_default()
    }

    /// One more submitter has come.
    pub(crate) fn enter(&self) {
        if let Some(entered) = self.words.get(ENTERED) {
            entered.fetch_add(1, Relaxed);
        }
    }

    /// May there be jobs of more than one? Whoever has left may have left some.
    pub(crate) fn is_shared(&self) -> bool {
        self.words.get(ENTERED).is_some_and(|entered| entered.load(Relaxed) > 1)
    }

    /// Takes the first place that is free now; `None`: the queue is full.
    pub(crate) fn take_place(&self, now: u64, until: u64) -> Option<Place> {
        let is_taken = |place: &AtomicU64| {
            let before = place.load(Relaxed);
            before <= now && place.compare_exchange(before, until, Relaxed, Relaxed).is_ok()
        };
        let index = self.places().iter().position(is_taken)?;
        let used = self.words.get(USED)?;
        if used.load(Relaxed) <= index as u64 {
            used.fetch_max(index as u64 + 1, Relaxed);
        }
        Some(Place { index, until })
    }

    /// Keeps the place until then, which is no earlier. (A submitter that was stopped in between for so long that
    /// its place was free again has it together with another one.)
    pub(crate) fn keep_place(&self, place: &Place, until: u64) {
        if let Some(word) = self.places().get(place.index) {
            word.fetch_max(until, Relaxed);
        }
    }

    /// There will be no job.
    pub(crate) fn leave_place(&self, place: &Place) {
        if let Some(word) = self.places().get(place.index) {
            // Unless it is another one's by now.
            let _ = word.compare_exchange(place.until, 0, Relaxed, Relaxed);
        }
    }

    /// How many jobs the device has and has not done.
    pub(crate) fn depth(&self, now: u64) -> usize {
        let used = self.words.get(USED).map_or(0, |used| used.load(Relaxed));
        let used = usize::try_from(used).unwrap_or(usize::MAX);
        self.places().iter().take(used).filter(|place| place.load(Relaxed) > now).count()
    }

    /// When a job would begin that comes to the device then.
    pub(crate) fn earliest(&self, at_device: u64) -> u64 {
        self.first_free().map_or(at_device, |(_, free_at)| at_device.max(free_at))
    }

    /// Has a job that comes to the device then done by the unit that is free first.
    pub(crate) fn begin(&self, at_device: u64, latency: u64) -> Turn {
        loop {
            let (unit, free_at) = self.first_free().unwrap_or_default();
            let starts_at = at_device.max(free_at);
            let finishes_at = starts_at.saturating_add(latency);
            let taken = self.units().get(unit).map(|busy_until| {
                busy_until.compare_exchange(free_at, finishes_at, Relaxed, Relaxed)
            });
            // Times of units only rise: if this one is as it was, it is still the first.
            if !matches!(taken, Some(Err(_))) {
                return Turn { unit, starts_at, finishes_at };
            }
        }
    }

    fn first_free(&self) -> Option<(usize, u64)> {
        let times = self.units().iter().map(|busy_until| busy_until.load(Relaxed));
        times.enumerate().min_by_key(|(unit, free_at)| (*free_at, *unit))
    }

    /// A number that no other job of the device has drawn.
    pub(crate) fn draw(&self) -> u64 {
        self.words.get(DRAWN).map_or(0, |drawn| drawn.fetch_add(1, Relaxed))
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words) => words,
            #[cfg(not(loom))]
            Self::Shared(words) => words,
        }
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("units", &self.units()).finish_non_exhaustive()
    }
}
