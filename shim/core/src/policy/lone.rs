//! What calls cost a thread that has one at a time, with an engine that has nothing else to do: all the time from one
//! call to the next. Who sleeps until the engine is done wakes with cold caches, and so does its client; both go on more
//! slowly than the engine's time and two switches tell. (Where most of that time is a client's that thinks, the policy does
//! not go by it.)

use std::time::Duration;

use crate::cost::{Costs, Size};

use super::seen::Seen;
use super::{Asked, at_most};

/// So many of a row tell nothing.
const FIRST: u8 = 3;

/// At most so many times what was thought is believed at once: other processes use the CPU, too.
const OUTLIER: u32 = 2;

/// The latest call, if it was alone.
#[derive(Debug, Clone, Copy)]
struct Latest {
    kind: usize,
    size: Size,
    /// When it came, in nanoseconds.
    at: u64,
    /// Was it parked? `None`: it was to be, and is not known to have been.
    parked: Option<bool>,
}

/// So many calls in a row are alone, at first and at most: then the thread has one connection, or serves one at a time.
/// (Or makes calls in place and sees of the others only that they come one by one. Each time that turns out to be so, it
/// takes twice as many.)
const LONE: (u32, u32) = (8, 32_768);

#[derive(Debug)]
pub(super) struct Lone {
    /// So many in a row were alone, of those that are counted.
    streak: u32,
    needed: u32,
    latest: Option<Latest>,
    /// Were those before it parked? `None`: that is not known.
    before: Option<bool>,
    /// How many were, or were not, in a row: the first ones find other caches than those that follow.
    row: u8,
    /// From one that was made in place to the next,
    in_place: Costs,
    /// and from one that was parked.
    parked: Costs,
}

impl Lone {
    pub(super) fn new(kinds: usize) -> Self {
        Self {
            streak: 0,
            needed: LONE.0,
            latest: None,
            before: None,
            row: 0,
            in_place: Costs::new(kinds),
            parked: Costs::new(kinds),
        }
    }

    /// A call comes.
    pub(super) fn comes(&mut self, seen: &Seen) {
        self.goes_by(seen.is_alone(), 1);
        let Some(Latest { kind, size, at, parked: Some(parked) }) = self.latest.take() else {
            return;
        };
        self.goes(parked);
        if self.row > FIRST && seen.is_alone() {
            let known = if parked { &mut self.parked } else { &mut self.in_place };
            let time = Duration::from_nanos(seen.now.saturating_sub(at));
            let time = at_most(known.estimate(kind, size), time, OUTLIER);
            known.took_on_average(kind, size, time);
        }
    }

    /// It goes on in place, or is to be parked.
    pub(super) fn goes_on(&mut self, asked: &Asked, seen: &Seen, in_place: bool) {
        let &Asked { kind, size, .. } = asked;
        let parked = in_place.then_some(false);
        self.latest = seen.is_alone().then_some(Latest { kind, size, at: seen.now, parked });
    }

    /// It was parked.
    pub(super) fn parked(&mut self) {
        if let Some(latest) = &mut self.latest {
            latest.parked = Some(true);
        }
    }

    /// One comes that is parked, at which nobody looks.
    pub(super) fn passes(&mut self, is_alone: bool) {
        self.latest = None;
        self.goes(true);
        self.goes_by(is_alone, 0);
    }

    /// One comes that is made as all are for now: nothing is learnt from those around it.
    pub(super) fn skips(&mut self) {
        (self.latest, self.before) = (None, None);
    }

    fn goes(&mut self, parked: bool) {
        let before = self.before.replace(parked);
        self.row = if before == Some(parked) { self.row.saturating_add(1) } else { 0 };
    }

    fn goes_by(&mut self, is_alone: bool, counts: u32) {
        if is_alone {
            self.streak = self.streak.saturating_add(counts);
            if self.streak > LONE.1 {
                // So long that it may be sooner believed the next time.
                self.needed = (self.needed / 2).max(LONE.0);
                self.streak = self.needed;
            }
        } else if std::mem::take(&mut self.streak) >= self.needed {
            self.needed = (self.needed * 2).min(LONE.1);
        }
    }

    /// Has the thread nobody else to serve?
    pub(super) fn is_so(&self) -> bool {
        self.streak >= self.needed
    }

    /// What it takes from one call to the next, if they are made in place, and if they are parked; `None` as long as one
    /// of the two is not known well, or where others are served meanwhile.
    pub(super) fn both(&self, kind: usize, size: Size) -> Option<(Duration, Duration)> {
        let known =
            |costs: &Costs| costs.estimate(kind, size).filter(|_| costs.is_sure(kind, size));
        let both = known(&self.in_place).zip(known(&self.parked));
        both.filter(|_| self.is_so())
    }
}
