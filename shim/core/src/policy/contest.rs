//! Which gets most done: to go by the model, or to make all short calls alike, in place or parked?
//!
//! The model knows what calls take here and there. It does not know what else they cost: caches that whoever sleeps
//! finds cold, a client that is woken late, the look itself. So it is measured how many calls are done in a second by each of
//! the three *arms*. One of them, at first the model, is the *incumbent*; now and then another one, a *challenger*, has its turn:
//!
//! ```text
//! ... incumbent │ (warm-up) challenger │ (warm-up) incumbent │ incumbent ...
//!        before             with                    after        epochs: a number of calls, by the clock
//! ```
//!
//! and what it is worth is what it got done by the mean of both beside it, whatever the load does in the long run. In
//! the warm-ups what comes is still the other arm's. A challenger that is better, and surely so, is the next incumbent. Where
//! calls come as they come, whoever makes them how, all get the same done: then the model is, and others' turns are rare.
//!
//! What it costs is bounded: a challenger is only tried while what its trials have taken longer, all warm-ups included,
//! is a small part of all the time ([`SHARE`]).
//!
//! Must not: read a clock; be asked about calls that take so long that some of them in a row matter ([`SHORT`]).

use std::time::Duration;

/// Calls that take longer in place are made as the model says: what it does not know is little then, and they would keep others
/// waiting.
pub(super) const SHORT: Duration = Duration::from_micros(500);

/// An epoch has at least so many calls,
const CALLS: u32 = 64;
/// and takes about so long, in nanoseconds, if it is the incumbent's and has more.
const EPOCH: f64 = 1e6;
/// A challenger's turn is over, and so is its warm-up, as soon as it has taken so many times as long for some calls, or so
/// many for a few,
const SLOWER: (f64, f64) = (1.5, 4.0);
/// that is four times as many as these, after which it is looked at.
const CHECKED: u32 = 8;
/// Of all the time, what one challenger's trials may cost.
const SHARE: f64 = 1.0 / 512.0;
/// What they may cost at first, in nanoseconds.
const CREDIT: f64 = 1.5 * EPOCH;
/// What one takes longer than that, and than an epoch, is somebody's pause. So much is saved up for the next one at most.
const PAUSE: f64 = 4.0 * EPOCH;
/// No trial counts for more than that: a pause of the clients' may be a part of it.
const CLAMP: f64 = 0.25;
/// Nothing is concluded from fewer trials; and more than so many are an average of the latest.
const TRIALS: (f64, f64) = (8.0, 64.0);
/// After so many more in vain it is twice as long until the next one, in epochs, up to so many.
const RESTS: (f64, u32) = (8.0, 64);
/// A model that is not surely worse after so many is the incumbent again.
const TIE: f64 = 32.0;
/// A challenger wins that is better by so much,
const BETTER: f64 = 0.01;
/// and by so many times the standard error of that, which is not held to be less than if single trials were so far apart.
const SURE: (f64, f64) = (3.5, 0.02);
/// The best of an incumbent's epochs counts for so much after each.
const FADES: f64 = 0.98;
/// An epoch has at most so many calls.
const MOST: u32 = 1 << 14;

/// How short calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    /// Each as the model says.
    Model,
    InPlace,
    Parked,
}

const ARMS: [Arm; 3] = [Arm::Model, Arm::InPlace, Arm::Parked];

/// What came of an arm's trials.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    trials: f64,
    /// Of the logarithms of its rate by the incumbent's: the mean, and the mean of the squares.
    mean: f64,
    square: f64,
    /// What one has taken longer, on average; nanoseconds.
    lost: f64,
    /// On which side the latest one was, if it was far off.
    off: f64,
    /// Epochs of the incumbent's until the next one.
    rests: u32,
}

impl Record {
    /// `gain`: `None` if what came of it is not to be told.
    fn add(&mut self, gain: Option<f64>, lost: f64) {
        if let Some(gain) = gain {
            self.learn(gain.clamp(-CLAMP, CLAMP));
        }
        let part = self.trials.max(1.0).recip();
        self.lost += (lost - self.lost) * part;
        let is_promising = self.mean > BETTER;
        let doubled = if is_promising { 0.0 } else { self.trials / RESTS.0 };
        self.rests = (1 << doubled as u32).min(RESTS.1);
    }

    fn learn(&mut self, gain: f64) {
        let off = gain - self.mean;
        let is_off = self.trials >= TRIALS.0 && off.abs() > SURE.0 * self.spread().sqrt();
        let side = if is_off { off.signum() } else { 0.0 };
        if is_off && side == self.off {
            // Twice: it is not what it was.
            *self = Self::default();
        } else {
            self.off = side;
        }
        self.trials = (self.trials + 1.0).min(TRIALS.1);
        let part = self.trials.recip();
        self.mean += (gain - self.mean) * part;
        self.square += (gain * gain - self.square) * part;
    }

    /// The mean of the squares by which trials are off their mean.
    fn spread(&self) -> f64 {
        (self.square - self.mean * self.mean).max(SURE.1 * SURE.1)
    }

    fn is_better(&self, arm: Arm) -> bool {
        let error = (self.spread() / (self.trials - 1.0).max(1.0)).sqrt();
        let is_tie = arm == Arm::Model && self.trials >= TIE && self.mean + error > -BETTER;
        is_tie || (self.trials >= TRIALS.0 && self.mean > BETTER.max(SURE.0 * error))
    }
}

/// A trial, and what comes after it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    since: u64,
    /// Calls that were done, all in all.
    done: f64,
    /// The challenger's, by the nanosecond.
    rate: f64,
}

#[derive(Debug)]
pub(super) struct Contest {
    incumbent: usize,
    /// Whose epoch it is.
    runs: usize,
    /// Calls until the next look at the clock, and how many that was from the last one.
    left: u32,
    planned: u32,
    /// When the epoch, or its warm-up, began, and what came in it.
    since: u64,
    calls: u32,
    /// Those of them, and of earlier ones, that are done.
    done: f64,
    /// This thread's jobs that were out at the last look.
    out: usize,
    warms_up: bool,
    /// Calls of an epoch, and of a warm-up.
    length: u32,
    warm_up: u32,
    /// What the incumbent's last epoch got done, by the nanosecond.
    before: Option<f64>,
    /// The best of its epochs, of late.
    best: f64,
    trial: Option<Trial>,
    records: [Record; ARMS.len()],
    /// Who had its turn last.
    turn: usize,
    /// What each one's may cost.
    credits: [f64; ARMS.len()],
}

impl Contest {
    pub(super) fn new() -> Self {
        Self {
            incumbent: 0,
            runs: 0,
            left: 1,
            planned: 0,
            since: 0,
            calls: 0,
            done: 0.0,
            out: 0,
            warms_up: true,
            length: CALLS,
            warm_up: 1,
            before: None,
            best: 0.0,
            trial: None,
            records: Default::default(),
            turn: 0,
            credits: [CREDIT; ARMS.len()],
        }
    }

    /// A short call comes: how is it made? `None`: the clock is to be looked at first ([`Self::look`]).
    pub(super) fn arm(&mut self) -> Option<Arm> {
        self.left = self.left.saturating_sub(1);
        (self.left > 0).then(|| ARMS[self.runs])
    }

    /// The same of a call for which the thread has looked at the clock: of the thread's jobs so many are out, and so many
    /// events wait.
    pub(super) fn look(&mut self, now: u64, out: usize, waiting: usize) -> Arm {
        if self.left == 0 {
            let came = std::mem::take(&mut self.planned);
            self.calls = self.calls.saturating_add(came);
            // Those that have come and are not out are done, or about to be.
            let before = std::mem::replace(&mut self.out, out);
            let done = f64::from(came) + before as f64 - out as f64;
            self.done += done;
            if let Some(trial) = &mut self.trial {
                trial.done += done;
            }
            self.go_on(now, out.saturating_add(waiting));
        }
        ARMS[self.runs]
    }

    /// Is it a challenger's turn?
    pub(super) fn is_trial(&self) -> bool {
        self.runs != self.incumbent
    }

    /// Some calls have come.
    fn go_on(&mut self, now: u64, crowd: usize) {
        if now < self.since {
            // Another clock than before.
            self.begin(now, self.warms_up);
            return;
        }
        let elapsed = now.saturating_sub(self.since).max(1) as f64;
        // A warm-up may be all about having jobs out.
        let done = if self.warms_up { f64::from(self.calls) } else { self.done };
        let rate = done.max(1.0) / elapsed;
        let is_trial = self.is_trial();
        let slower = if self.calls < 4 * CHECKED { SLOWER.1 } else { SLOWER.0 };
        let is_slow = is_trial && self.before.is_some_and(|before| rate * slower < before);
        let length = if self.warms_up { self.warm_up } else { self.length };
        if is_slow {
            self.tried(now, rate, crowd);
        } else if self.calls < length {
            self.plan(length - self.calls);
        } else if self.warms_up {
            self.begin(now, false);
        } else if is_trial {
            self.tried(now, rate, crowd);
        } else {
            self.ended(now, elapsed, rate, crowd);
        }
    }

    /// Until the next look at the clock.
    fn plan(&mut self, calls: u32) {
        let is_trial = self.is_trial();
        self.left = calls.min(if is_trial { CHECKED } else { calls }).max(1);
        self.planned = self.left;
    }

    fn begin(&mut self, now: u64, warms_up: bool) {
        (self.since, self.calls, self.done, self.warms_up) = (now, 0, 0.0, warms_up);
        self.plan(if warms_up { self.warm_up } else { self.length });
    }

    /// The challenger has got so much done.
    fn tried(&mut self, now: u64, rate: f64, crowd: usize) {
        if let Some(trial) = &mut self.trial {
            trial.rate = rate;
        }
        self.run(now, self.incumbent, crowd);
    }

    /// The incumbent has.
    fn ended(&mut self, now: u64, elapsed: f64, rate: f64, crowd: usize) {
        let most = PAUSE.max(elapsed);
        for credit in &mut self.credits {
            *credit = (*credit + elapsed * SHARE).min(most);
        }
        for record in &mut self.records {
            record.rests = record.rests.saturating_sub(1);
        }
        self.length = ((rate * EPOCH) as u32).clamp(CALLS, MOST);
        if let Some((trial, before)) = self.trial.take().zip(self.before) {
            let lost = now.saturating_sub(trial.since) as f64 - trial.done / before;
            // Else there was a pause, or something else began.
            let is_steady = is_near(before, rate);
            let (before, after) = (before.ln(), rate.ln());
            let lost = lost.clamp(if is_steady { -most } else { 0.0 }, most);
            self.credits[self.turn] -= lost;
            let gain = trial.rate.ln() - f64::midpoint(before, after);
            self.records[self.turn].add(is_steady.then_some(gain), lost);
        }
        // An epoch with a pause in it is nothing to measure a challenger by: it would seem good, and go on for long.
        self.best = rate.max(self.best * FADES);
        let is_usual = is_near(self.best, rate);
        self.before = Some(rate);
        if let Some(better) = (0..ARMS.len()).find(|arm| self.records[*arm].is_better(ARMS[*arm])) {
            self.records = Default::default();
            self.incumbent = better;
            (self.before, self.best) = (None, 0.0);
            self.run(now, better, crowd);
        } else if let Some(challenger) = self.challenger().filter(|_| is_usual) {
            self.turn = challenger;
            self.trial = Some(Trial { since: now, done: 0.0, rate });
            self.run(now, challenger, crowd);
        } else {
            self.begin(now, false);
        }
    }

    /// Who is next, of those that can be afforded.
    fn challenger(&self) -> Option<usize> {
        let in_turn = (1..=ARMS.len()).map(|step| (self.turn + step) % ARMS.len());
        in_turn.filter(|arm| *arm != self.incumbent).find(|arm| {
            let Record { trials, lost, rests, .. } = self.records[*arm];
            let expected = if trials > 0.0 { lost } else { EPOCH / 2.0 };
            rests == 0 && expected.min(PAUSE) <= self.credits[*arm]
        })
    }

    /// That arm is the next one's, after a warm-up: as long as the other arm's calls go on.
    fn run(&mut self, now: u64, arm: usize, crowd: usize) {
        self.runs = arm;
        let crowd = u32::try_from(crowd).unwrap_or(MOST).min(MOST);
        self.length = self.length.max(crowd);
        self.warm_up = crowd.max(self.length / 8).max(2 * CHECKED);
        self.begin(now, true);
    }
}

/// May two rates be of the same load?
fn is_near(one: f64, other: f64) -> bool {
    (one.ln() - other.ln()).abs() < 2.0 * CLAMP
}

#[cfg(test)]
mod tests;
