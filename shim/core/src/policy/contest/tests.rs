//! One thread whose calls come one after the other, each arm at a rate of its own.

use super::*;

/// How long each of the three takes from one call to the next, in nanoseconds.
struct Thread {
    contest: Contest,
    by_arm: [u64; 3],
    now: u64,
    /// Calls of each.
    calls: [u64; 3],
    /// Its turns as a challenger.
    trials: [u32; 3],
}

impl Thread {
    fn new(by_arm: [u64; 3]) -> Self {
        Self { contest: Contest::new(), by_arm, now: 0, calls: [0; 3], trials: [0; 3] }
    }

    fn call(&mut self, out: usize, waiting: usize) -> Arm {
        let Self { contest, now, .. } = self;
        let before = contest.runs;
        let arm = contest.arm().unwrap_or_else(|| contest.look(*now, out, waiting));
        let runs = contest.runs;
        self.trials[runs] += u32::from(runs != before && runs != contest.incumbent);
        let number = ARMS.iter().position(|other| *other == arm).unwrap();
        self.calls[number] += 1;
        self.now += self.by_arm[number];
        arm
    }

    /// Of so many calls, those of each arm, in percent.
    fn percent(&mut self, calls: u64) -> [u64; 3] {
        self.calls = [0; 3];
        for _ in 0..calls {
            self.call(0, 0);
        }
        self.calls.map(|number| number * 100 / calls)
    }
}

#[test]
fn who_gets_most_done_is_the_incumbent() {
    for (best, by_arm) in
        [[20_000, 12_000, 18_000], [20_000, 22_000, 18_000], [9000, 20_000, 10_000]]
            .into_iter()
            .enumerate()
            .map(|(place, by_arm)| ([1, 2, 0][place], by_arm))
    {
        let mut thread = Thread::new(by_arm);
        thread.percent(20_000);
        let percent = thread.percent(50_000);
        assert!(percent[best] >= 90, "{by_arm:?}: {percent:?}");
        // And what was learnt is not believed for ever.
        thread.by_arm.swap(best, (best + 1) % 3);
        thread.by_arm[(best + 1) % 3] /= 2;
        thread.percent(50_000);
        let percent = thread.percent(50_000);
        assert!(percent[(best + 1) % 3] >= 90, "{by_arm:?}, later: {percent:?}");
    }
}

#[test]
fn where_all_get_the_same_done_the_model_stays() {
    let mut thread = Thread::new([10_000, 10_050, 9_950]);
    thread.percent(200_000);
    let percent = thread.percent(100_000);
    assert!(percent[0] >= 90, "{percent:?}");
}

/// Pauses in the incumbent's epochs are no merit of the challengers' between them.
#[test]
fn pauses_are_nobodys_merit() {
    let mut thread = Thread::new([10_000; 3]);
    let mut of_model = 0;
    for call in 0..1_000_000_u64 {
        of_model += u32::from(thread.call(0, 0) == Arm::Model);
        if call % 251 == 0 {
            thread.now += 50_000_000;
        }
    }
    assert!(of_model > 700_000, "{of_model}");
}

/// A load that comes in bursts: a challenger that is much worse is found out as soon after a pause as otherwise.
#[test]
fn a_pause_makes_no_trial_dear() {
    let mut thread = Thread::new([10_000, 150_000, 10_000]);
    let mut in_place = 0_u64;
    for call in 1..=1_000_000_u64 {
        in_place += u64::from(thread.call(0, 0) == Arm::InPlace);
        if call % 20_000 == 0 {
            thread.now += 500_000_000;
        }
    }
    // Of 10 seconds of calls, and as much again as all the pauses allow for.
    assert!(in_place < 1000, "{in_place}");
}

/// However its bursts fall into the epochs.
#[test]
fn bursts_keep_nobody_from_his_turn() {
    for (burst, pause) in [(64, 10_000_000), (120, 10_000_000), (128, 10_000_000), (164, 2_000_000)]
    {
        let mut thread = Thread::new([10_000; 3]);
        thread.percent(50_000);
        thread.trials = [0; 3];
        for call in 1..=400_000_u64 {
            thread.call(0, 0);
            if call % burst == 0 {
                thread.now += pause;
            }
        }
        let trials = thread.trials.iter().sum::<u32>();
        assert!(trials >= 8, "{burst}, {pause}: {trials}");
    }
}

/// Calls that come as they come, whoever makes the one before: of the thread it does not depend how many are done.
#[test]
fn what_comes_as_it_comes_is_the_models() {
    let mut all = 0;
    for seed in 1..=8_u64 {
        let mut random = seed;
        let mut comes = || {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let drawn = ((random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            (-drawn.ln() * 100_000.0) as u64
        };
        // A fixed arm was better, before.
        let mut thread = Thread::new([20_000, 12_000, 18_000]);
        thread.percent(50_000);
        thread.by_arm = [0; 3];
        let mut of_model = 0;
        for call in 0..600_000 {
            let arm = thread.call(0, 0);
            of_model += u32::from(arm == Arm::Model && call >= 200_000);
            thread.now += comes();
        }
        println!("{seed}: {of_model} of 400,000");
        all += of_model;
    }
    assert!(all > 8 * 340_000, "{all}");
}

/// However long the calls: a turn's cost is not a pause.
#[test]
fn trials_of_slow_loops_cost_little_too() {
    let mut thread = Thread::new([5_500_000, 7_500_000, 7_500_000]);
    thread.percent(100_000);
    let lost = thread.now as f64 / (100_000.0 * 5_500_000.0) - 1.0;
    assert!(lost < 0.01, "{lost}");
}

/// What each may cost of all the time, and at first.
#[test]
fn trials_cost_little_however_bad_a_challenger_is() {
    for slower in [2, 10, 40] {
        let mut thread = Thread::new([10_000, 10_000 * slower, 10_000 * slower]);
        let calls = 400_000;
        thread.percent(calls);
        let lost = (thread.now - calls * 10_000) as f64;
        let all = thread.now as f64;
        assert!(lost < 2.0 * (CREDIT + all * SHARE * 1.5), "{slower}: {lost} of {all}");
        assert_eq!(thread.contest.incumbent, 0, "{slower}");
    }
}

/// Clients pause in a challenger's second trial, and in each twentieth after it.
#[test]
fn a_pause_is_nobodys_fault() {
    let mut thread = Thread::new([10_000, 9200, 20_000]);
    let mut paused = 0;
    for _ in 0..1_000_000 {
        thread.call(0, 0);
        let Thread { contest, trials: [_, trials, _], .. } = &thread;
        if *trials > paused && trials % 20 == 2 && contest.runs == 1 && contest.incumbent == 0 {
            paused = *trials;
            thread.now += 1_000_000_000;
        }
    }
    assert!(paused >= 2);
    assert_eq!(ARMS[thread.contest.incumbent], Arm::InPlace);
}

/// A minute in the middle of a trial is not what the next one may cost.
#[test]
fn after_a_pause_it_goes_on() {
    let mut thread = Thread::new([10_000, 11_000, 11_000]);
    while thread.contest.runs == 0 {
        thread.call(0, 0);
    }
    let hit = thread.contest.runs;
    thread.now += 60_000_000_000;
    thread.percent(300_000);
    thread.by_arm[hit] = 5000;
    thread.percent(300_000);
    assert_eq!(thread.contest.incumbent, hit);
}

/// However bad.
#[test]
fn a_challenger_is_never_given_up() {
    let mut thread = Thread::new([10_000, 10_000, 5_000_000]);
    thread.percent(1_000_000);
    thread.by_arm[2] = 5000;
    thread.percent(1_000_000);
    assert_eq!(ARMS[thread.contest.incumbent], Arm::Parked);
}

#[test]
fn what_was_worse_for_long_is_found_to_be_better_before_long() {
    let mut thread = Thread::new([10_000, 14_000, 14_000]);
    thread.percent(3_000_000);
    assert!(thread.contest.records[1].trials >= TRIALS.1, "{:?}", thread.contest.records);
    thread.by_arm[1] = 7000;
    thread.percent(100_000);
    assert_eq!(ARMS[thread.contest.incumbent], Arm::InPlace);
}

#[test]
fn no_times_and_no_calls_are_no_trouble() {
    let mut contest = Contest::new();
    for call in 0..10_000_usize {
        if contest.arm().is_none() {
            // The clock may stand still, or go back; and anything may be out.
            contest.look(if call % 251 == 0 { 0 } else { u64::MAX }, call * 977, usize::MAX - call);
        }
    }
}
