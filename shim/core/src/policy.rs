//! Where a heavy call is made: in place, by the engine while the thread waits for it, or by the engine while
//! the thread serves others.
//!
//! | class | small | large |
//! |---|---|---|
//! | latency | in place | by the engine, waited for, if that ends sooner than in place |
//! | batch | in place | by the engine, parked, if neither the CPU nor the engine gets more done otherwise |
//!
//! (After table 3.1 of A. Vijeev's thesis, UC San Diego, 2023.) What is small is said by a threshold for each
//! engine, kind and class ([`Thresholds`]), or else by what calls of that size take in place. All else is told
//! by three times that are learnt, by kind and size: what a call takes in place, what it takes the thread to
//! hand it over, and what it takes the engine ([`Costs`]: they fall fast and rise slowly).
//!
//! **A call of class batch** is made where all that there are lose least time by it:
//!
//! ```text
//! in place: its own connection, and all whose events wait          parked: its own connection until the engine
//!           lose what the call takes; those whose jobs are                 has done all before it, and it; all
//!           done meanwhile, what is left of it then                        whose events wait, the handing over
//! ```
//!
//! So the thread helps an engine that has much to do, does itself what the engine would do later where there is
//! nothing else to do, and leaves the engine what it can while others wait. (That the engine would begin later than the call
//! would end in place is not enough: the delayed connections ask later, and the engine runs dry.) Not
//! where the engine works on the submitter's own processors: there a call in place only stops the loop.
//!
//! The engine's first jobs of a kind and size are always parked: they tell what it takes to start, too. One that is alone
//! with an idle thread is held against what a park has taken there, with the thread's sleep and its waking.
//!
//! Other threads' jobs at the same engine are in the way, but a call in place keeps none of them waiting, and whether the engine
//! has enough to do is asked of this thread's own: of a shared one, that is its share.
//!
//! Mostly all this need not be asked: [`Policy::at_a_glance`] says what none of the queues that were seen lately would change.
//!
//! **What this does not know** (caches, a client on the other side of a wake-up, what the look itself takes) is not added to
//! it piece by piece: what short calls come to is measured, against all in place and all parked ([`contest`]).
//!
//! **Nothing that was learnt is believed for ever.** A rule that keeps calls from the engine also keeps
//! their times from being learnt. So after 16 of them in a row one is tried, then after 32, ... 8192; and a call of which
//! it was not seen for 16 jobs what it takes in place is made there, then after 32, ... 32768 ([`Why::Unknown`]).
//!
//! Must not: read a clock (the submitter says what time it is, in nanoseconds), or know a coroutine.

mod call;
mod contest;
mod flights;
mod glance;
mod leisure;
mod seen;
mod tries;

use std::time::Duration;

use crate::cost::{Costs, Size};
pub use call::{Asked, Choice, Class, Terms, Thresholds, Why};
use contest::Contest;
use flights::{Flight, Flights};
use leisure::Leisure;
pub use seen::Seen;
use seen::times;
use tries::Tries;

/// What a park takes the thread besides handing the job over: two switches (0.1 us), a turn of the scheduler, a look at
/// the engine.
const PARK: Duration = Duration::from_micros(1);

/// The least, and the most, of [`Policy::margin`].
const MARGIN: (u32, u32) = (64, 64 * 64);

/// At most so many times what a call was thought to take in place is believed at once; and by that much, one in place may
/// seem slower than the engine because it was seldom made lately.
const SLOWER: u32 = 4;
/// One that finds cold caches counts for no more than this part more than was thought.
const COLD: u32 = 4;

/// With each look that part of the most jobs that other threads have had is forgotten.
const OTHERS: usize = 16;

/// At most so many times what was thought of the engine is believed at once.
const OUTLIER: u32 = 16;

/// One thread's, and one engine's.
#[derive(Debug)]
pub struct Policy {
    terms: Vec<Terms>,
    looks_at_load: bool,
    /// What calls take in place.
    costs: Costs,
    /// What it takes to hand them over.
    setups: Costs,
    /// What they take the engine, as far as a thread can tell that looks now and then.
    parked: Costs,
    /// The same, where the thread has waited: that is exact.
    waited: Costs,
    /// What a park takes where there is nothing else to do: the engine's time, and all that it takes the thread to
    /// sleep and to wake. On average.
    alone: Costs,
    flights: Flights,
    /// When it was last known what the engine had answered.
    looked: u64,
    tries: Tries,
    /// How many calls' time in place the engine has to have work for, before a busy thread helps it: more, where it
    /// was found without; in parts of [`MARGIN`]`.0`.
    margin: u32,
    leisure: Leisure,
    contest: Contest,
    /// Was the latest choice a fixed arm's?
    is_measured: bool,
    /// Has there been a call of class latency? Then no contest is held: many short calls in a row would keep it waiting.
    has_latency: bool,
    /// Do the engine's runs tell what calls take in place?
    hears_runs: bool,
    /// The thread's latest call, if it was made in place: the next of its kind and size finds warm caches.
    warm: Option<(usize, Size)>,
    /// Other threads' jobs at the engine: the most of those seen lately.
    others: usize,
}

impl Policy {
    /// Nothing known yet; `terms` by the kinds' numbers.
    #[must_use]
    pub fn new(terms: Vec<Terms>, looks_at_load: bool) -> Self {
        let kinds = terms.len();
        Self {
            terms,
            looks_at_load,
            costs: Costs::new(kinds),
            setups: Costs::new(kinds),
            parked: Costs::new(kinds),
            waited: Costs::new(kinds),
            alone: Costs::new(kinds),
            flights: Flights::default(),
            looked: 0,
            tries: Tries::new(kinds),
            margin: MARGIN.0,
            leisure: Leisure::default(),
            contest: Contest::new(),
            is_measured: false,
            has_latency: false,
            hears_runs: true,
            warm: None,
            others: 0,
        }
    }

    /// For an engine whose runs take something else than the calls would in place, or are not run at all.
    #[must_use]
    pub fn deaf_to_runs(self) -> Self {
        Self { hears_runs: false, ..self }
    }

    /// Does it matter what calls of that kind take?
    #[must_use]
    pub fn measures(&self, kind: usize) -> bool {
        self.terms(kind).least > Duration::ZERO
    }

    /// Does it matter how busy the engine is with calls of that kind?
    #[must_use]
    pub fn looks_at_load(&self, kind: usize) -> bool {
        self.looks_at_load && self.measures(kind)
    }

    /// The engine ran the same function, which took so long.
    pub fn ran(&mut self, kind: usize, size: Size, time: Duration) {
        if self.hears_runs {
            self.learn_cost(kind, size, time);
        }
    }

    /// A call took so long in place. One that comes alone between others that are parked finds cold caches: what it takes
    /// longer than was thought says little of what they would take in a row.
    pub fn took(&mut self, kind: usize, size: Size, time: Duration) {
        let is_cold = self.warm.replace((kind, size)) != Some((kind, size));
        let known = self.costs.estimate(kind, size).filter(|_| is_cold);
        self.learn_cost(kind, size, known.map_or(time, |known| time.min(known + known / COLD)));
    }

    fn learn_cost(&mut self, kind: usize, size: Size, time: Duration) {
        // An interruption may take a thousand times as long, and the next call that tells may be far off.
        let before = self.costs.estimate(kind, size);
        self.costs.took(kind, size, at_most(before, time, SLOWER));
        self.tries.known(kind, size);
    }

    /// Is it too small for the engine, whatever that is doing? For one that `gathers`, what a call
    /// takes alone says nothing.
    #[must_use]
    pub fn is_small(&self, asked: &Asked, gathers: bool) -> bool {
        let Terms { thresholds, least_bytes, .. } = self.terms(asked.kind);
        let from = match asked.class {
            Class::Batch => thresholds.batch_from,
            Class::Latency => thresholds.latency_from,
        };
        match from {
            Some(from) => asked.bytes < from,
            None if asked.bytes < least_bytes => true,
            None if gathers => false,
            None => self.is_short(asked.kind, asked.size),
        }
    }

    /// Does such a call take less than an engine is worth, as far as that is known?
    #[must_use]
    pub fn is_short(&self, kind: usize, size: Size) -> bool {
        let least = self.terms(kind).least;
        self.costs.estimate(kind, size).is_some_and(|cost| cost < least)
    }

    /// Where a call is made that is not small.
    pub fn choose(&mut self, asked: &Asked, seen: &Seen) -> Choice {
        self.is_measured = false;
        self.has_latency |= asked.class == Class::Latency;
        match asked.class {
            // One call that waits has no company.
            Class::Latency if seen.gathers => Choice::InPlace(Why::Class),
            Class::Latency if !self.looks_at_load(asked.kind) => Choice::Wait,
            Class::Latency => self.for_latency(asked, seen),
            Class::Batch if seen.gathers || !self.looks_at_load(asked.kind) => Choice::Park,
            Class::Batch => {
                self.by_contest(asked, seen).unwrap_or_else(|| self.for_batch(asked, seen))
            }
        }
    }

    fn for_latency(&mut self, asked: &Asked, seen: &Seen) -> Choice {
        let Asked { kind, size, .. } = *asked;
        let Some(inline) = self.costs.estimate(kind, size) else {
            return Choice::InPlace(Why::Unknown);
        };
        if self.tries.is_stale(kind, size) {
            return Choice::InPlace(Why::Unknown);
        }
        let wait = seen.wait(self.between(asked, seen));
        let Some(service) = self.waited.estimate(kind, size) else {
            return if wait > inline { Choice::InPlace(Why::Load) } else { Choice::Wait };
        };
        if wait + service <= inline {
            self.tries.gains(kind, size);
            return Choice::Wait;
        }
        if service <= inline {
            return Choice::InPlace(Why::Load);
        }
        let tries = wait.is_zero() && self.tries.is_due(kind, size);
        if tries { Choice::Wait } else { Choice::InPlace(Why::Class) }
    }

    fn for_batch(&mut self, asked: &Asked, seen: &Seen) -> Choice {
        let Asked { kind, size, .. } = *asked;
        if self.tries.is_stale(kind, size) {
            return Choice::InPlace(Why::Unknown);
        }
        // As long as that is not known, jobs may tell it; and the engine's first ones tell what it takes to start it.
        let Some(inline) = self.costs.estimate(kind, size) else { return Choice::Park };
        self.look(seen);
        if !self.is_sure(kind, size) {
            return Choice::Park;
        }
        let Parked { setup, apart, wait, service, delays } = self.parked(asked, seen);
        let is_better = seen.has_own_cpus && seen.in_place_delays(inline, apart) < delays;
        // Others' jobs are a part of what the engine takes; of this thread's own it is to have enough.
        let own_wait = seen.own_wait(apart);
        let service = service + wait.saturating_sub(own_wait);
        let has_time = self.has_time(inline, service, own_wait);
        if setup < inline && !(is_better && has_time) {
            if is_better && service > inline {
                self.leisure.saves(inline - setup);
            }
            self.tries.gains(kind, size);
            return Choice::Park;
        }
        if self.tries.is_due(kind, size) {
            return Choice::Park;
        }
        Choice::InPlace(match wait {
            _ if setup >= inline => Why::Small,
            Duration::ZERO => Why::Class,
            _ => Why::Load,
        })
    }

    /// Has the engine done others than the first ones?
    fn is_sure(&self, kind: usize, size: Size) -> bool {
        self.parked.is_sure(kind, size) || self.waited.is_sure(kind, size)
    }

    /// What it would come to.
    fn parked(&self, asked: &Asked, seen: &Seen) -> Parked {
        let Asked { kind, size, .. } = *asked;
        let setup = self.setups.estimate(kind, size).map_or(Duration::ZERO, |setup| setup + PARK);
        let apart = self.between(asked, seen);
        let wait = seen.wait(apart);
        let mut service = self.service(kind, size).unwrap_or_default();
        if seen.is_alone() {
            service = service.max(self.alone.estimate(kind, size).unwrap_or_default());
        }
        // (Handing it over is a part of what it takes.)
        let delays = wait + service + PARK + times(setup, seen.waiting);
        Parked { setup, apart, wait, service, delays }
    }

    /// Looks at the thread and the engine, which is to be given so much more, the less it has.
    fn look(&mut self, seen: &Seen) {
        self.leisure.look(seen.now, seen.slept);
        self.others = seen.others.max(self.others - self.others.div_ceil(OTHERS));
        self.margin = match seen.own() < seen.parallel {
            true => (self.margin * 2).min(MARGIN.1),
            false => (self.margin - self.margin / MARGIN.0).max(MARGIN.0),
        };
    }

    /// Has the thread time for a call in place? For one that the engine does sooner, and if it is busy all the time, only
    /// where that has more to do than the call takes, again and again: it would run dry meanwhile.
    fn has_time(&self, inline: Duration, service: Duration, wait: Duration) -> bool {
        let has_leisure = service > inline && !self.leisure.is_none();
        has_leisure || wait * MARGIN.0 > inline * self.margin
    }

    /// How long it is from one job's end to the next one's, while the engine has enough of them.
    fn between(&self, asked: &Asked, seen: &Seen) -> Duration {
        let one = self.flights.mean().or_else(|| self.service(asked.kind, asked.size));
        one.unwrap_or_default() / u32::try_from(seen.parallel.max(1)).unwrap_or(u32::MAX)
    }

    /// What a call takes the engine; `None`: it has done none of that size.
    fn service(&self, kind: usize, size: Size) -> Option<Duration> {
        let estimates = [&self.parked, &self.waited].map(|known| known.estimate(kind, size));
        estimates.into_iter().flatten().min()
    }

    /// Is such a call done sooner by the engine, with nobody else's and all that a park takes, than in place, as far as both
    /// are known? What is tried does not tell.
    #[must_use]
    pub fn is_sped_up(&self, kind: usize, size: Size) -> bool {
        let known = self.service(kind, size).zip(self.costs.estimate(kind, size));
        known.filter(|_| !self.contest.is_trial()).is_some_and(|(service, in_place)| {
            let alone = self.alone.estimate(kind, size).unwrap_or_default();
            let setup = self.setups.estimate(kind, size).unwrap_or_default();
            setup + PARK + service.max(alone) < in_place
        })
    }

    /// A job was handed over, which took from `since` until `now`, to an engine that was as `seen` before.
    /// `waits`: the thread waits for it.
    pub fn submitted(
        &mut self,
        ticket: u64,
        asked: &Asked,
        seen: &Seen,
        (since, now): (u64, u64),
        waits: bool,
    ) {
        let Asked { kind, size, .. } = *asked;
        let setup = Duration::from_nanos(now.saturating_sub(since));
        let was_in_the_way = self.setups.estimate(kind, size) >= self.costs.estimate(kind, size);
        if learn(&mut self.setups, (kind, size), setup) && was_in_the_way {
            self.tries.improves(kind, size);
        }
        let wait = seen.wait(self.between(asked, seen));
        let service = self.service(kind, size);
        let is_alone = seen.is_alone();
        self.warm = None;
        self.flights.begin(ticket, Flight { kind, size, since, wait, service, waits, is_alone });
    }

    /// A job has come back; `is_done`: the engine has done it, at some time between the look before this one and
    /// now. What is within that is no news.
    pub fn answered(&mut self, ticket: u64, now: u64, is_done: bool) {
        let Some(flight) = self.flights.end(ticket).filter(|_| is_done) else { return };
        let learnt = if flight.waits { &mut self.waited } else { &mut self.parked };
        let of = (flight.kind, flight.size);
        let seen = |known: &Costs, by: fn(&Flight, u64) -> Duration| {
            let (least, most) = (by(&flight, self.looked), by(&flight, now));
            let known = known.estimate(flight.kind, flight.size);
            known.map_or(most, |known| known.clamp(least.min(most), most))
        };
        let time = seen(learnt, Flight::service_by);
        let before = learnt.estimate(flight.kind, flight.size);
        if before.is_some_and(|before| time > before * 2) {
            self.tries.doubts(flight.kind, flight.size);
        }
        let mut improves = learn(learnt, of, time);
        if flight.is_alone && !flight.waits {
            // By that it is told whether the next one is parked.
            let time = seen(&self.alone, Flight::elapsed);
            improves = average(&mut self.alone, of, time);
        }
        if improves {
            self.tries.improves(flight.kind, flight.size);
        }
    }

    /// Until now the engine has answered no other jobs than those which have come back.
    pub fn looked(&mut self, now: u64) {
        self.looked = now;
    }

    /// What was to be parked could not be: its thread's loop has to come by the scheduler first.
    pub fn missed(&mut self, asked: &Asked) {
        if !self.is_measured {
            self.tries.missed(asked.kind, asked.size);
        }
    }

    /// Is any job out that tells something?
    #[must_use]
    pub fn has_flights(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Whatever was out is another process's.
    pub fn forget_flights(&mut self) {
        self.flights = Flights::default();
        self.contest = Contest::new();
    }

    fn terms(&self, kind: usize) -> Terms {
        self.terms.get(kind).copied().unwrap_or_default()
    }
}

/// What a call would take that is parked.
struct Parked {
    /// The thread, to hand it over and to switch.
    setup: Duration,
    /// How long it is from one job's end to the next one's.
    apart: Duration,
    /// Until the engine begins with it, and what that takes then.
    wait: Duration,
    service: Duration,
    /// By how much it delays all that there are.
    delays: Duration,
}

/// A time of the engine's. True if it is much less than was thought; one that is much more may be an interruption's,
/// and does not count for more than so many times as much.
fn learn(times: &mut Costs, (kind, size): (usize, Size), time: Duration) -> bool {
    let before = times.estimate(kind, size);
    times.took(kind, size, at_most(before, time, OUTLIER));
    before.is_some_and(|before| time < before * 3 / 4)
}

/// The same of an average, which some are always below.
fn average(times: &mut Costs, (kind, size): (usize, Size), time: Duration) -> bool {
    let before = times.estimate(kind, size);
    times.took_on_average(kind, size, at_most(before, time, OUTLIER));
    before.is_some_and(|before| time < before / 4)
}

fn at_most(before: Option<Duration>, time: Duration, most: u32) -> Duration {
    before.map_or(time, |before| time.min(before * most))
}

#[cfg(test)]
mod tests;
