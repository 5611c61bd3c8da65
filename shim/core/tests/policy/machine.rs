//! One CPU with an event loop, and a device, in made-up nanoseconds.
//!
//! ```text
//! connection: asks --think--> asks ...
//! CPU:  [request] [in place   ] [answer]  or  [request] [set-up][park]  others  [resume] [answer]
//! device:                                                      [ wait ][ latency ]
//! ```
//!
//! The CPU does one thing at a time, those that can go on first, as the scheduler does; it sees a completion when
//! it is through with what it is at. What the policy is told is what the library could measure.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use interlude_core::cost::Size;
use interlude_core::policy::{Asked, Choice, Class, Policy, Seen, Terms};

/// What a switch and the scheduler's turn take, twice for a park.
const SWITCH: u64 = 500;
const KIND: usize = 0;

/// What a call takes in place.
#[derive(Debug, Clone)]
pub(crate) struct Software {
    pub(crate) base: u64,
    pub(crate) per_kib: u64,
}

/// What does it elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// Of the CPU's time.
    pub(crate) setup: u64,
    pub(crate) base: u64,
    pub(crate) per_kib: u64,
    pub(crate) units: usize,
    /// In percent, either way.
    pub(crate) jitter: u64,
    pub(crate) queue: usize,
    /// So many jobs of the same size are another thread's, which has another one done as soon as one is.
    pub(crate) others: usize,
    /// From when, until when, and by what factor it is slower.
    pub(crate) slow: Option<(u64, u64, u64)>,
}

/// What the policy is told nothing of, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unseen {
    /// A look at the clock and the engine.
    pub(crate) look: u64,
    /// What the CPU's sleep makes slower after it,
    pub(crate) slept: u64,
    /// what a park does,
    pub(crate) parked: u64,
    /// and what that does to its client.
    pub(crate) client: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// In turn.
    pub(crate) sizes: Vec<u32>,
    pub(crate) software: Software,
    pub(crate) device: Device,
    pub(crate) connections: u32,
    pub(crate) think: u64,
    /// What the CPU does for a request besides.
    pub(crate) besides: u64,
    pub(crate) unseen: Unseen,
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) in_place: u32,
    pub(crate) parked: u32,
    pub(crate) waited: u32,
    pub(crate) refused: u32,
    /// When each was answered.
    answered: Times,
}

#[derive(Default)]
struct Times(Vec<u64>);

impl std::fmt::Debug for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} answers", self.0.len())
    }
}

impl Outcome {
    pub(crate) fn elapsed(&self) -> u64 {
        self.answered.0.last().copied().unwrap_or_default()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.answered.0.len() as f64 * 1e9 / self.elapsed().max(1) as f64
    }

    /// The same of the last answers alone.
    pub(crate) fn last_per_second(&self, answers: u32) -> f64 {
        let before = self.answered.0.len().saturating_sub(answers as usize + 1);
        let since = self.elapsed() - self.answered.0.get(before).copied().unwrap_or_default();
        f64::from(answers) * 1e9 / since.max(1) as f64
    }
}

/// Who says where a call is made, and is told what comes of it.
pub(crate) trait Chooses {
    /// Jobs that are `out` may be done, and not answered.
    fn choose(&mut self, size: u32, seen: &Seen, out: usize) -> Choice;
    /// Was it more than a glance?
    fn has_looked(&self) -> bool {
        false
    }
    fn took(&mut self, _size: u32, _ns: u64) {}
    fn submitted(
        &mut self,
        _ticket: u64,
        _size: u32,
        _seen: &Seen,
        _times: (u64, u64),
        _waits: bool,
    ) {
    }
    fn answered(&mut self, _ticket: u64, _now: u64) {}
    fn looked(&mut self, _now: u64) {}
}

/// The same for all calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fixed {
    InPlace,
    Park,
    Wait,
}

impl Chooses for Fixed {
    fn choose(&mut self, _: u32, _: &Seen, _: usize) -> Choice {
        match self {
            Self::InPlace => Choice::InPlace(interlude_core::policy::Why::Small),
            Self::Park => Choice::Park,
            Self::Wait => Choice::Wait,
        }
    }
}

/// As the policy says, with nothing known at the beginning.
pub(crate) struct Policed {
    policy: Policy,
    class: Class,
    /// It was clear at a glance where the latest call is made.
    is_clear: bool,
}

impl Policed {
    pub(crate) fn new(class: Class) -> Self {
        // No call is too small by itself.
        let terms = Terms { least: Duration::from_nanos(1), ..Terms::default() };
        Self { policy: Policy::new(vec![terms], true), class, is_clear: false }
    }

    fn asked(&self, size: u32) -> Asked {
        let bytes = u64::from(size);
        Asked { kind: KIND, size: Size::of_input(size as usize), bytes, class: self.class }
    }
}

impl Chooses for Policed {
    fn choose(&mut self, size: u32, seen: &Seen, out: usize) -> Choice {
        let asked = self.asked(size);
        let choice = self.policy.at_a_glance(&asked, out, seen.waiting, seen.parallel);
        self.is_clear = choice.is_some();
        choice.unwrap_or_else(|| self.policy.choose(&asked, seen))
    }

    fn has_looked(&self) -> bool {
        !self.is_clear
    }

    fn took(&mut self, size: u32, ns: u64) {
        self.policy.took(KIND, Size::of_input(size as usize), Duration::from_nanos(ns));
    }

    fn submitted(&mut self, ticket: u64, size: u32, seen: &Seen, times: (u64, u64), waits: bool) {
        if !self.is_clear {
            self.policy.submitted(ticket, &self.asked(size), seen, times, waits);
        }
    }

    fn answered(&mut self, ticket: u64, now: u64) {
        self.policy.answered(ticket, now, true);
    }

    fn looked(&mut self, now: u64) {
        self.policy.looked(now);
    }
}

/// The same, if it is not told of other threads' jobs.
pub(crate) struct Unaware(pub(crate) Policed);

impl Chooses for Unaware {
    fn choose(&mut self, size: u32, seen: &Seen, out: usize) -> Choice {
        let own = Seen { depth: seen.depth - seen.others, others: 0, ..*seen };
        self.0.choose(size, &own, out)
    }

    fn took(&mut self, size: u32, ns: u64) {
        self.0.took(size, ns);
    }

    fn submitted(&mut self, ticket: u64, size: u32, seen: &Seen, times: (u64, u64), waits: bool) {
        let own = Seen { depth: seen.depth - seen.others, others: 0, ..*seen };
        self.0.submitted(ticket, size, &own, times, waits);
    }

    fn answered(&mut self, ticket: u64, now: u64) {
        self.0.answered(ticket, now);
    }

    fn looked(&mut self, now: u64) {
        self.0.looked(now);
    }
}

impl Device {
    pub(crate) fn latency(&self, size: u32) -> u64 {
        self.base + self.per_kib * u64::from(size) / 1024
    }
}

/// A machine at work.
struct Run<'a> {
    machine: &'a Machine,
    now: u64,
    /// What the kernel had when it was asked, in its order: it is asked again when that is served.
    fetched: VecDeque<u32>,
    last_fetch: usize,
    /// For how long it had nothing to do.
    slept: u64,
    /// By when they come: connections that ask.
    asking: BinaryHeap<Reverse<(u64, u32)>>,
    /// By when they are done: tickets, and whose.
    device: BinaryHeap<Reverse<(u64, u64, u32)>>,
    busy_until: Vec<u64>,
    /// When the other thread's jobs are done.
    others: BinaryHeap<Reverse<u64>>,
    resumable: VecDeque<u32>,
    asked: u64,
    outcome: Outcome,
}

impl Machine {
    pub(crate) fn run(&self, chooses: &mut dyn Chooses, calls: u32) -> Outcome {
        let mut run = Run {
            machine: self,
            now: 0,
            fetched: VecDeque::new(),
            last_fetch: 0,
            slept: 0,
            asking: (0..self.connections).map(|number| Reverse((0, number))).collect(),
            device: BinaryHeap::new(),
            busy_until: vec![0; self.device.units],
            others: (0..self.device.others).map(|_| Reverse(0)).collect(),
            resumable: VecDeque::new(),
            asked: 0,
            outcome: Outcome::default(),
        };
        while run.outcome.answered.0.len() < calls as usize {
            run.step(chooses);
        }
        run.outcome
    }
}

impl Run<'_> {
    fn step(&mut self, chooses: &mut dyn Chooses) {
        self.collect(chooses);
        if let Some(connection) = self.resumable.pop_front() {
            self.now += SWITCH + self.machine.unseen.parked;
            self.answer(connection, self.machine.unseen.client);
            return;
        }
        if self.fetched.is_empty() {
            self.fetch();
        }
        match self.fetched.pop_front() {
            Some(connection) => self.serve(connection, chooses),
            None => {
                let asks = self.asking.peek().map(|Reverse((at, _))| *at);
                let done = self.device.peek().map(|Reverse((at, ..))| *at);
                let next = asks.into_iter().chain(done).min().expect("somebody is out");
                self.slept += next - self.now;
                self.now = next + self.machine.unseen.slept;
                // Whatever it is that has come, it has just come.
                chooses.looked(next);
            }
        }
    }

    fn fetch(&mut self) {
        while let Some(Reverse((at, connection))) = self.asking.peek().copied() {
            if at > self.now {
                break;
            }
            self.asking.pop();
            self.fetched.push_back(connection);
        }
        self.last_fetch = self.fetched.len();
    }

    fn collect(&mut self, chooses: &mut dyn Chooses) {
        while let Some(Reverse((at, ticket, connection))) = self.device.peek().copied() {
            if at > self.now {
                break;
            }
            self.device.pop();
            chooses.answered(ticket, self.now);
            self.resumable.push_back(connection);
        }
        chooses.looked(self.now);
    }

    fn serve(&mut self, connection: u32, chooses: &mut dyn Chooses) {
        let machine = self.machine;
        self.now += machine.besides / 2;
        let drawn = random(machine.seed, self.asked);
        self.asked += 1;
        let size = machine.sizes[drawn as usize % machine.sizes.len()];
        self.others_ask(size);
        let own = self.device.iter().filter(|Reverse((at, ..))| *at > self.now).count();
        let others = self.others.len();
        let seen = Seen {
            depth: own + others,
            others,
            parallel: machine.device.units,
            gathers: false,
            has_own_cpus: true,
            waiting: self.last_fetch - 1,
            now: self.now,
            slept: self.slept,
        };
        let choice = chooses.choose(size, &seen, self.device.len());
        if chooses.has_looked() {
            self.now += machine.unseen.look;
        }
        match choice {
            Choice::InPlace(_) => self.in_place(connection, size, chooses),
            _ if seen.depth >= machine.device.queue => {
                self.outcome.refused += 1;
                self.in_place(connection, size, chooses);
            }
            choice => {
                let since = self.now;
                self.now += machine.device.setup;
                let done = self.submit(size, drawn >> 8);
                let waits = choice == Choice::Wait;
                chooses.submitted(self.asked, size, &seen, (since, self.now), waits);
                if waits {
                    self.outcome.waited += 1;
                    self.now = self.now.max(done);
                    chooses.looked(self.now);
                    chooses.answered(self.asked, self.now);
                    self.answer(connection, 0);
                } else {
                    self.outcome.parked += 1;
                    self.device.push(Reverse((done, self.asked, connection)));
                    self.now += SWITCH;
                }
            }
        }
    }

    fn in_place(&mut self, connection: u32, size: u32, chooses: &mut dyn Chooses) {
        let Software { base, per_kib } = self.machine.software;
        let took = base + per_kib * u64::from(size) / 1024;
        self.now += took;
        chooses.took(size, took);
        self.outcome.in_place += 1;
        self.answer(connection, 0);
    }

    /// `late`: by so much is the client later than after another answer.
    fn answer(&mut self, connection: u32, late: u64) {
        self.now += self.machine.besides / 2;
        self.outcome.answered.0.push(self.now);
        let (seed, answers) = (!self.machine.seed, self.outcome.answered.0.len() as u64);
        // Never in step with anything.
        let think = self.machine.think / 2 + random(seed, answers) % (self.machine.think + 1000);
        self.asking.push(Reverse((self.now + late + think, connection)));
    }

    /// Until now.
    fn others_ask(&mut self, size: u32) {
        while let Some(Reverse(done)) = self.others.peek().copied()
            && done <= self.now
        {
            self.others.pop();
            let done = self.begin(size, 0, done);
            self.others.push(Reverse(done));
        }
    }

    /// When it is done.
    fn submit(&mut self, size: u32, drawn: u64) -> u64 {
        self.others_ask(size);
        self.begin(size, drawn, self.now)
    }

    fn begin(&mut self, size: u32, drawn: u64, now: u64) -> u64 {
        let device = &self.machine.device;
        let mut latency =
            device.latency(size) * (100 - device.jitter + drawn % (2 * device.jitter + 1)) / 100;
        let unit = self.busy_until.iter_mut().min().expect("a device has a unit");
        let starts = (*unit).max(now);
        if let Some((from, until, factor)) = device.slow
            && (from..until).contains(&starts)
        {
            latency *= factor;
        }
        *unit = starts + latency;
        *unit
    }
}

/// That place in SplitMix64's sequence.
fn random(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
