//! The loop: begins connections, waits for events, hands each to its connection.
//!
//! Must not: know what a connection does.

use crate::connection::{Connection, Step, World};
use crate::failure::Failure;
use crate::pace::Pace;
use crate::progress::Progress;
use mio::event::Event;
use mio::{Events, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often what no event tells of is looked at: lateness, an interrupt, progress.
const TICK: Duration = Duration::from_millis(250);
/// How long a failed connection's place stays empty, so that a server that refuses everything is
/// not flooded.
const REST: Duration = Duration::from_millis(10);
/// What one read takes at most, in bytes.
const SCRATCH: usize = 64 * 1024;

/// A run under way.
pub(crate) struct Storm<'a> {
    poll: Poll,
    world: World,
    /// By token.
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    resting: VecDeque<(Instant, usize)>,
    pace: Option<Pace>,
    begin: Instant,
    next_tick: Instant,
    interrupted: &'a AtomicBool,
    progress: Progress,
}

/// What is left of a run that has ended.
pub(crate) struct Ended {
    pub(crate) world: World,
    pub(crate) elapsed: Duration,
    pub(crate) interrupted: bool,
    /// Connections that were due and never began.
    pub(crate) missed: u64,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(poll: Poll, world: World, interrupted: &'a AtomicBool) -> Self {
        let begin = Instant::now();
        let places = world.plan.connections;
        Self {
            pace: world.plan.rate.map(|rate| Pace::new(begin, rate)),
            world,
            poll,
            places: std::iter::repeat_with(|| None).take(places).collect(),
            free: (0..places).rev().collect(),
            resting: VecDeque::new(),
            begin,
            next_tick: begin + TICK,
            interrupted,
            progress: Progress::new(begin),
        }
    }

    /// Runs until the budget is spent and all that was begun has ended, or until interrupted.
    pub(crate) fn run(mut self) -> io::Result<Ended> {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; SCRATCH];
        self.world.budget = self.world.plan.budget(self.begin);
        loop {
            let now = Instant::now();
            self.tick(now);
            self.fill(now);
            let idle = self.free.len() + self.resting.len() == self.places.len();
            let interrupted = self.interrupted.load(Ordering::Relaxed);
            if interrupted || (idle && self.world.budget.is_spent(now)) {
                return Ok(self.end(now, interrupted));
            }
            match self.poll.poll(&mut events, Some(self.patience(now))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                self.deliver(event, &mut scratch);
            }
        }
    }

    fn end(mut self, now: Instant, interrupted: bool) -> Ended {
        self.progress.clear();
        let due_until = self.world.budget.until.map_or(now, |until| until.min(now));
        Ended {
            elapsed: now - self.begin,
            interrupted,
            missed: self.pace.map_or(0, |pace| pace.missed(due_until)),
            world: self.world,
        }
    }

    /// Begins what may begin.
    fn fill(&mut self, now: Instant) {
        while self.resting.front().is_some_and(|(until, _)| *until <= now) {
            self.free.extend(self.resting.pop_front().map(|(_, place)| place));
        }
        while let Some(place) = self.free.pop() {
            let due = self.pace.as_ref().map(Pace::due);
            let with_request = self.world.plan.requests_per_connection > 0;
            if due.is_some_and(|due| due > now)
                || !self.world.budget.claim_connection(now, with_request)
            {
                self.free.push(place);
                return;
            }
            if let Some(pace) = &mut self.pace {
                pace.advance();
            }
            let due = due.unwrap_or_else(Instant::now);
            match Connection::open(&mut self.world, Token(place), due) {
                Ok(connection) => self.places[place] = Some(connection),
                Err(failure) => self.fail(place, &failure),
            }
        }
    }

    fn deliver(&mut self, event: &Event, scratch: &mut [u8]) {
        let Token(place) = event.token();
        let Some(connection) = self.places.get_mut(place).and_then(Option::as_mut) else { return };
        match connection.ready(event, scratch, &mut self.world) {
            Ok(Step::Going) => {}
            Ok(Step::Done) => {
                self.places[place] = None;
                self.free.push(place);
            }
            Err(failure) => self.fail(place, &failure),
        }
    }

    fn fail(&mut self, place: usize, failure: &Failure) {
        self.world.tally.failure(failure);
        self.places[place] = None;
        self.resting.push_back((Instant::now() + REST, place));
    }

    fn tick(&mut self, now: Instant) {
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        self.progress.show(now, &self.world.tally);
        let limit = self.world.plan.timeout;
        for place in 0..self.places.len() {
            let late = self.places[place].as_ref().filter(|one| one.is_late(now, limit));
            if let Some(failure) = late.map(Connection::timeout) {
                self.fail(place, &failure);
            }
        }
    }

    /// How long the poll may wait.
    fn patience(&self, now: Instant) -> Duration {
        let due = self.pace.as_ref().filter(|_| !self.free.is_empty()).map(Pace::due);
        let rested = self.resting.front().map(|(until, _)| *until);
        [Some(self.next_tick), due, rested, self.world.budget.until.filter(|until| *until > now)]
            .into_iter()
            .flatten()
            .min()
            .map_or(TICK, |until| until.saturating_duration_since(now))
    }
}
