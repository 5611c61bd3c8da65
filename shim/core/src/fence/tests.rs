//! The fence, driven by made-up clocks; and a server of timers that nothing may fire beside a
//! parked coroutine.

use super::*;
use proptest::prelude::*;

/// Real clocks: what each is ahead of the monotonic one, and how coarse it is.
#[derive(Clone, Copy)]
struct Clocks {
    now: i64,
}

impl Clocks {
    fn read(self, clock: Clock) -> i64 {
        let real = 1_700_000_000 * SECOND + 123_456_789;
        match clock {
            Clock::Monotonic => self.now,
            Clock::MonotonicCoarse => down(self.now, 4 * MILLISECOND),
            Clock::MonotonicRaw => self.now - 5 * MILLISECOND,
            Clock::Boot => self.now + 77 * SECOND + 1,
            Clock::Real => self.now + real,
            Clock::RealCoarse => down(self.now, 4 * MILLISECOND) + real,
            Clock::Tai => self.now + real + 37 * SECOND,
            Clock::Seconds => down(self.now + real, SECOND),
        }
    }
}

/// A fence and its clocks.
struct Bench {
    fence: Fence,
    clocks: Clocks,
    beside: bool,
}

impl Bench {
    fn at(millis: i64) -> Self {
        let clocks = Clocks { now: 1000 * SECOND + millis * MILLISECOND };
        let mut bench = Self { fence: Fence::default(), clocks, beside: false };
        bench.turn().announce(None).turn();
        bench
    }

    fn pass(&mut self, millis: i64) -> &mut Self {
        self.clocks.now += millis * MILLISECOND;
        self
    }

    fn turn(&mut self) -> &mut Self {
        self.fence.turn(self.clocks.now);
        self
    }

    fn park(&mut self) -> &mut Self {
        let clocks = self.clocks;
        self.fence.parked(!self.beside, |clock| clocks.read(clock));
        self.beside = true;
        self
    }

    fn announce(&mut self, millis: Option<u64>) -> &mut Self {
        let clocks = self.clocks;
        let timeout = millis.map(Duration::from_millis);
        self.fence.announce(timeout, self.beside, |clock| clocks.read(clock));
        self
    }

    /// What a clock shows, in milliseconds after 1000 s of its own count.
    fn see(&mut self, clock: Clock) -> i64 {
        let zero = Clocks { now: 1000 * SECOND }.read(clock);
        let clocks = self.clocks;
        let value = self.fence.show(clock, clocks.read(clock), self.beside, || clocks.now);
        (value - zero).div_euclid(MILLISECOND)
    }

    fn is_due(&self) -> bool {
        self.fence.is_due(self.clocks.now)
    }

    fn is_reached(&self) -> bool {
        self.fence.is_reached(|| self.clocks.now)
    }
}

/// A loop that nobody has looked at: where its clocks are not seen, its turn counts from when that has begun, and
/// what it does in that turn waits until nobody is parked.
#[test]
fn after_a_rest_the_first_turn_is_a_timers_and_not_late() {
    let mut bench = Bench::at(0);
    bench.fence = Fence::of_turn_since(bench.clocks.now);
    bench.announce(Some(500)).pass(10).turn();
    assert!(bench.fence.is_reached(|| bench.clocks.now));
    bench.park();
    assert_eq!(bench.fence.lateness(bench.clocks.now), 0);
    bench.pass(700);
    assert!(bench.fence.lateness(bench.clocks.now) > 0);
}

#[test]
fn with_nobody_parked_clocks_are_real() {
    let mut bench = Bench::at(0);
    for clock in Clock::ALL {
        assert_eq!(bench.see(clock), 0, "{clock:?}");
    }
    bench.announce(Some(3)).pass(8).turn();
    assert_eq!((bench.see(Clock::Monotonic), bench.see(Clock::MonotonicCoarse)), (8, 8));
}

#[test]
fn from_a_park_on_clocks_stand_until_something_is_announced() {
    let mut bench = Bench::at(0);
    bench.announce(Some(500)).pass(10).turn();
    let before = bench.see(Clock::Real);
    bench.pass(1).park().pass(50).turn();
    assert_eq!(bench.see(Clock::Real), before);
    // One that the server has not used shows the time at which the turn began that was parked.
    assert_eq!(bench.see(Clock::Boot), 10);
    bench.announce(Some(500)).pass(10).turn();
    assert_eq!(bench.see(Clock::Real), 71);
}

#[test]
fn beside_a_parked_coroutine_no_clock_reaches_the_announced_time() {
    for clock in Clock::ALL {
        let mut bench = Bench::at(100);
        let seen = bench.see(clock);
        bench.park().announce(Some(700)).pass(650).turn();
        let later = bench.see(clock);
        assert!((seen..seen + 1000).contains(&later), "{clock:?}: {later}");
        assert!(!bench.is_reached(), "{clock:?}");
        bench.announce(Some(50)).pass(2000).turn();
        let end = bench.see(clock);
        assert!((later..later.max(seen + 699) + 51).contains(&end), "{clock:?}: {end}");
        assert!(bench.is_due(), "{clock:?}");
        // One that a library reads, too, is not taken for the only one.
        assert_eq!(bench.is_reached(), clock == Clock::Seconds, "{clock:?}");
        bench.beside = false;
        bench.announce(Some(1)).turn();
        assert!(bench.see(clock) > 1700, "{clock:?} catches up");
    }
}

#[test]
fn in_one_turn_a_clock_stands_beside_parked_coroutines() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.park().announce(Some(100)).pass(5).turn();
    assert_eq!(bench.see(Clock::Monotonic), 5);
    bench.pass(5);
    assert_eq!(bench.see(Clock::Monotonic), 5, "it may have set a timer for 6");
    bench.announce(Some(1)).pass(5).turn();
    assert_eq!(bench.see(Clock::Monotonic), 5, "it has");
}

#[test]
fn a_server_that_counts_seconds_sees_no_other_one_than_it_announced() {
    for clock in [Clock::Monotonic, Clock::Seconds] {
        let mut bench = Bench::at(900);
        let zero = bench.see(clock).div_euclid(1000);
        bench.park().announce(Some(1000)).pass(400).turn();
        assert_eq!(bench.see(clock).div_euclid(1000), zero, "{clock:?}");
        assert!(bench.is_due(), "{clock:?}");
    }
}

#[test]
fn a_timeout_is_a_millisecond_shorter_than_it_says() {
    let mut bench = Bench::at(10);
    bench.clocks.now += MILLISECOND - 1;
    assert_eq!(bench.see(Clock::Monotonic), 10, "cut down");
    bench.park().announce(Some(2)).pass(2).turn();
    assert_eq!(bench.see(Clock::Monotonic), 11, "due at 12");
    bench.announce(Some(1)).pass(1).turn();
    assert_eq!(bench.see(Clock::Monotonic), 11);
}

#[test]
fn a_coroutine_that_parks_when_a_timer_is_due_is_alone() {
    let mut bench = Bench::at(0);
    bench.see(Clock::MonotonicCoarse);
    bench.announce(Some(20)).pass(24).turn();
    assert!(!bench.is_reached());
    bench.see(Clock::MonotonicCoarse);
    assert!(bench.is_reached());
    bench.park();
    assert!(bench.is_due());
    bench.beside = false;
    bench.announce(Some(20));
    assert!(!bench.is_due());
}

#[test]
fn a_turn_that_has_seen_time_pass_parks_alone() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.announce(None).turn();
    bench.see(Clock::Monotonic);
    bench.pass(1);
    bench.see(Clock::Monotonic);
    bench.park();
    assert!(bench.is_due(), "it may have set a timer by what it saw first");
}

#[test]
fn whoever_sees_time_pass_after_a_park_parks_alone() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.announce(Some(500)).turn();
    bench.see(Clock::Monotonic);
    bench.park().announce(Some(500)).pass(1).turn();
    bench.announce(Some(500));
    // Nobody else is parked any more.
    bench.beside = false;
    bench.fence.resumes();
    assert_eq!(bench.see(Clock::Monotonic), 1);
    bench.park();
    assert!(bench.is_due(), "it may have set a timer for 1, before it was parked");
    bench.beside = false;
    bench.announce(Some(500)).turn();
    assert!(!bench.is_reached());
}

#[test]
fn no_time_at_all_lets_clocks_stand_for_milliseconds_and_no_longer() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.park();
    let mut turns = 0;
    while !bench.is_due() {
        bench.announce(Some(0)).turn();
        assert_eq!(bench.see(Clock::Monotonic), 0);
        bench.clocks.now += MILLISECOND / 10;
        turns += 1;
    }
    assert_eq!(turns, 30);
}

#[test]
fn without_timers_or_without_seen_clocks() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.park().announce(None).pass(100_000).turn();
    assert_eq!((bench.see(Clock::Monotonic), bench.is_due()), (100_000, false));
    assert_eq!(bench.fence.left(bench.clocks.now), None);

    let mut unseen = Bench::at(0);
    unseen.park().announce(Some(100)).pass(99);
    assert_eq!((unseen.is_due(), unseen.is_reached()), (false, false));
    let left = Duration::from_nanos(1 + GRACE.0.unsigned_abs());
    assert_eq!(unseen.fence.left(unseen.clocks.now), Some(left));
    unseen.pass(1);
    assert!(unseen.is_due() && unseen.is_reached());
    unseen.announce(Some(0)).pass(100);
    assert!(!unseen.is_due());
}

#[test]
fn in_its_first_turn_a_server_may_reckon_by_readings_that_nobody_saw() {
    let mut bench = Bench { fence: Fence::default(), ..Bench::at(0) };
    bench.turn().park();
    assert!(bench.is_due());
}

#[test]
fn a_turn_that_waits_for_the_clock_sees_it_go_on_in_the_end() {
    let mut bench = Bench::at(0);
    bench.see(Clock::Monotonic);
    bench.park().turn();
    let waited = (0..).find(|_| bench.pass(1).see(Clock::Monotonic) > 1);
    assert!(waited.is_some_and(|readings| (1000..2000).contains(&readings)), "{waited:?}");
    assert!(bench.is_due());
}

/// How a made-up server keeps its time.
#[derive(Debug, Clone, Copy)]
struct Server {
    clock: Clock,
    /// It cuts readings down to so much.
    unit: i64,
    /// It reads its clock after it has waited.
    after: bool,
    /// It reads its clock before it waits.
    before: bool,
    /// It wakes at least so often; lighttpd: every second.
    beat: Option<i64>,
}

const SERVERS: [Server; 6] = [
    // nginx
    Server {
        clock: Clock::MonotonicCoarse,
        unit: MILLISECOND,
        after: true,
        before: false,
        beat: None,
    },
    // libevent, Redis
    Server { clock: Clock::Monotonic, unit: 1000, after: true, before: true, beat: None },
    Server { clock: Clock::Boot, unit: 1, after: false, before: true, beat: None },
    Server { clock: Clock::Real, unit: MILLISECOND, after: true, before: true, beat: None },
    // lighttpd
    Server { clock: Clock::Monotonic, unit: SECOND, after: false, before: true, beat: Some(1000) },
    Server { clock: Clock::Seconds, unit: SECOND, after: false, before: true, beat: Some(1000) },
];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Real time passes, in microseconds.
    Pass(i64),
    /// The running turn sets a timer for so many units, from what the server has cached.
    Set(i64),
    /// Something else reads a clock.
    Read(usize),
    /// The running turn is parked.
    Park,
    /// It ends, and another one begins; 0: it is announced that there is more work.
    End(bool),
    /// The oldest of the parked goes on, once the running turn has ended.
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..3000i64).prop_map(Step::Pass),
        1 => (1000..2_000_000i64).prop_map(Step::Pass),
        3 => (1..40i64).prop_map(Step::Set),
        2 => (0..Clock::ALL.len()).prop_map(Step::Read),
        3 => Just(Step::Park),
        4 => any::<bool>().prop_map(Step::End),
        3 => Just(Step::Resume),
    ]
}

/// A server, its timers and its parked turns.
struct Model {
    server: Server,
    bench: Bench,
    /// What the server thinks is now, cut down.
    cached: i64,
    timers: Vec<i64>,
    parked: usize,
    last: [i64; Clock::ALL.len()],
}

impl Model {
    fn see(&mut self, clock: Clock) -> i64 {
        let clocks = self.bench.clocks;
        let real = clocks.read(clock);
        let value = self.bench.fence.show(clock, real, self.parked > 0, || clocks.now);
        assert!(value <= real, "{clock:?} is ahead");
        assert!(value >= self.last[clock as usize], "{clock:?} runs backwards");
        assert!(self.parked > 0 || value == real, "{clock:?} does not catch up");
        self.last[clock as usize] = value;
        value
    }

    /// The server looks at its clock, and runs its timers.
    fn update(&mut self) {
        self.cached = down(self.see(self.server.clock), self.server.unit);
        let due = self.timers.iter().filter(|timer| **timer <= self.cached).count();
        assert!(due == 0 || self.parked == 0, "a timer fires beside a parked coroutine");
        self.timers.retain(|timer| *timer > self.cached);
    }

    /// A turn begins: the server has its events.
    fn begin(&mut self) {
        self.bench.turn();
        if self.server.after {
            self.update();
        }
        self.bench.fence.acts();
    }

    /// The running turn ends: the server says when its next timer is due.
    fn end(&mut self, more: bool) {
        if self.server.before {
            self.update();
        }
        let next = self.timers.iter().min().map(|timer| (timer - self.cached).max(0));
        let next = next.map(|nanos| up(nanos, MILLISECOND) / MILLISECOND);
        let next = if more { Some(0) } else { self.server.beat.or(next) };
        self.bench.beside = self.parked > 0;
        self.bench.announce(next.map(i64::unsigned_abs));
    }

    /// As the scheduler: all that is parked ends before anything new if a timer is due.
    fn deliver(&mut self) {
        if self.parked > 0 && self.bench.is_due() {
            while self.parked > 0 {
                self.resume(false);
            }
        }
        self.begin();
    }

    /// A parked turn goes on, sets perhaps a timer, and ends.
    fn resume(&mut self, sets: bool) {
        self.parked -= 1;
        self.bench.fence.resumes();
        if sets {
            self.timers.push(self.cached + self.server.unit.max(MILLISECOND));
        }
        self.end(false);
    }
}

proptest! {
    #[test]
    fn no_timer_fires_beside_a_parked_coroutine(
        server in prop::sample::select(&SERVERS[..]),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let bench = Bench::at(123);
        let last = [i64::MIN; Clock::ALL.len()];
        let mut model = Model { server, bench, cached: 0, timers: Vec::new(), parked: 0, last };
        model.update();
        model.begin();
        for step in steps {
            match step {
                Step::Pass(micros) => model.bench.clocks.now += micros * 1000,
                Step::Set(units) => {
                    let unit = model.server.unit.max(MILLISECOND);
                    model.timers.push(model.cached + units * unit);
                }
                Step::Read(clock) => {
                    let clock = Clock::ALL[clock];
                    // What a library reads of a clock that the server reads late is taken for the
                    // server's own: see the module's text.
                    if model.server.after || clock != model.server.clock {
                        model.see(clock);
                    }
                }
                Step::Park => {
                    model.bench.beside = model.parked > 0;
                    model.bench.park();
                    model.parked += 1;
                    model.deliver();
                }
                Step::End(more) => {
                    model.end(more && model.server.unit >= MILLISECOND);
                    model.deliver();
                }
                Step::Resume if model.parked > 0 => {
                    model.end(false);
                    model.resume(true);
                    model.deliver();
                }
                Step::Resume => {}
            }
        }
    }
}

#[test]
fn after_a_long_drain_it_serves_for_as_long() {
    let left_after = |drained: i64| {
        let mut bench = Bench::at(0);
        bench.see(Clock::Monotonic);
        let (since, until) = (bench.clocks.now, bench.clocks.now + drained);
        bench.fence.drained(since, since + drained / 2);
        bench.fence.drained(until - drained / 2, until);
        bench.park().announce(Some(100));
        bench.fence.left(bench.clocks.now).unwrap()
    };
    let most = left_after(SECOND);
    for (drained, grace) in [(0, GRACE.0), (20 * MILLISECOND, 20 * MILLISECOND)] {
        let less = Duration::from_nanos((GRACE.1 - grace).unsigned_abs());
        assert_eq!(left_after(drained), most - less);
    }
}
