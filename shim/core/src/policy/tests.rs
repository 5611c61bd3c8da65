//! Each rule by itself. What they come to together: `tests/policy`.

use super::*;
use crate::cost::FIRST;

const KIND: usize = 1;

fn micros(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn policy(terms: Terms) -> Policy {
    Policy::new(vec![Terms::default(), terms], true)
}

/// Whatever takes longer than that is no small thing.
fn by_time(us: u64) -> Policy {
    policy(Terms { least: micros(us), ..Terms::default() })
}

fn asked(bytes: u64, class: Class) -> Asked {
    Asked { kind: KIND, size: Size::of_input(bytes as usize), bytes, class }
}

const ALONE: Seen = Seen {
    depth: 0,
    others: 0,
    parallel: 1,
    gathers: false,
    has_own_cpus: true,
    waiting: 0,
    now: 0,
    slept: 0,
};

/// Jobs of which all is as `times` say (set-up and the engine's time, in microseconds), the first ones of all.
fn jobs(policy: &mut Policy, asked: &Asked, times: (u64, u64), waits: bool) {
    (0..FIRST).for_each(|_| job(policy, asked, times, waits));
}

/// One more.
fn job(policy: &mut Policy, asked: &Asked, times: (u64, u64), waits: bool) {
    policy.submitted(7, asked, &ALONE, (0, times.0 * 1000), waits);
    policy.answered(7, times.1 * 1000, true);
}

#[test]
fn a_threshold_stands_in_for_what_is_small_otherwise() {
    let thresholds = Thresholds { batch_from: Some(100), latency_from: Some(u64::MAX) };
    let mut told = policy(Terms { thresholds, least_bytes: 4096, least: micros(500) });
    let mut not_told = policy(Terms { thresholds: Thresholds::default(), ..told.terms(KIND) });
    for policy in [&mut told, &mut not_told] {
        policy.took(KIND, Size::of_input(8192), micros(50));
    }
    let small = |policy: &Policy, bytes, class| policy.is_small(&asked(bytes, class), false);
    let sizes = [99, 100, 8192, 1 << 20];
    assert_eq!(sizes.map(|n| small(&told, n, Class::Batch)), [true, false, false, false]);
    assert_eq!(sizes.map(|n| small(&told, n, Class::Latency)), [true; 4]);
    assert_eq!(sizes.map(|n| small(&not_told, n, Class::Batch)), [true, true, true, false]);
    // Among others it is another matter what one takes.
    assert!(!not_told.is_small(&asked(8192, Class::Batch), true));
}

#[test]
fn where_no_times_are_looked_at_the_class_decides() {
    let mut policy = policy(Terms::default());
    let busy = Seen { depth: 1000, ..ALONE };
    policy.took(KIND, Size::of_input(8), micros(1));
    assert_eq!(policy.choose(&asked(8, Class::Batch), &busy), Choice::Park);
    assert_eq!(policy.choose(&asked(8, Class::Latency), &busy), Choice::Wait);
    let mut policy = Policy::new(vec![Terms { least: micros(1), ..Terms::default() }; 2], false);
    assert_eq!(policy.choose(&asked(8, Class::Batch), &busy), Choice::Park);
}

#[test]
fn who_gathers_gets_what_parks_however_much_it_has() {
    let mut policy = by_time(1);
    let lanes = Seen { depth: 1000, gathers: true, ..ALONE };
    assert_eq!(policy.choose(&asked(8, Class::Batch), &lanes), Choice::Park);
    assert_eq!(policy.choose(&asked(8, Class::Latency), &lanes), Choice::InPlace(Why::Class));
}

#[test]
fn batch_is_in_place_while_the_engine_has_enough_to_do() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (1, 9), false);
    let at = |policy: &mut Policy, depth, parallel, has_own_cpus| {
        policy.choose(&call, &Seen { depth, parallel, has_own_cpus, ..ALONE })
    };
    // Parked: 9 us, those before it and 2 for handing it over. In place: 20, and 13 for two that are done meanwhile.
    assert_eq!(at(&mut policy, 2, 1, true), Choice::Park);
    assert_eq!(at(&mut policy, 3, 1, true), Choice::InPlace(Why::Load));
    assert_eq!(at(&mut policy, 3, 2, true), Choice::Park);
    assert_eq!(at(&mut policy, 3, 1, false), Choice::Park);
    // Whose events wait would lose 20 each.
    let mut beside = |waiting| policy.choose(&call, &Seen { depth: 5, waiting, ..ALONE });
    assert_eq!((beside(1), beside(2)), (Choice::InPlace(Why::Load), Choice::Park));
}

#[test]
fn what_is_out_counts_by_its_own_time() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    let large = asked(1 << 20, Class::Batch);
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (1, 9), false);
    jobs(&mut policy, &large, (1, 1000), false);
    policy.submitted(8, &large, &ALONE, (0, 1), false);
    let busy = Seen { depth: 1, ..ALONE };
    assert_eq!(policy.choose(&call, &busy), Choice::InPlace(Why::Load));
    policy.answered(8, 1_000_000, true);
    policy.submitted(9, &call, &ALONE, (0, 1), false);
    assert_eq!(policy.choose(&call, &busy), Choice::Park);
}

#[test]
fn an_idle_thread_does_itself_what_the_engine_would_do_later() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (1, 30), false);
    assert_eq!(policy.choose(&call, &Seen { waiting: 1, ..ALONE }), Choice::Park);
    assert_eq!(policy.choose(&call, &ALONE), Choice::InPlace(Why::Class));
    assert_eq!(policy.choose(&call, &Seen { has_own_cpus: false, ..ALONE }), Choice::Park);
}

#[test]
fn what_takes_longer_to_hand_over_is_small_until_a_try_shows_otherwise() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (400, 500), false);
    let mut tries = 0;
    for place in 0.. {
        match policy.choose(&call, &ALONE) {
            Choice::Park if policy.setups.estimate(KIND, call.size) < Some(micros(19)) => break,
            Choice::Park => {
                tries += 1;
                job(&mut policy, &call, (1, 9), false);
            }
            choice => {
                assert_eq!(choice, Choice::InPlace(Why::Small));
                policy.took(KIND, call.size, micros(20));
            }
        }
        assert!(place < 32, "{tries} tries");
    }
    assert!(tries >= 4);
}

#[test]
fn a_try_in_vain_doubles_the_time_to_the_next() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (400, 500), false);
    let mut apart = Vec::new();
    let mut since = 0;
    for _ in 0..40_000 {
        since += 1;
        if policy.choose(&call, &ALONE) == Choice::Park {
            apart.push(since);
            since = 0;
            job(&mut policy, &call, (400, 500), false);
        } else {
            policy.took(KIND, call.size, micros(20));
        }
    }
    assert_eq!(apart, [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 8192, 8192]);
}

#[test]
fn one_interruption_is_not_what_the_engine_takes() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(500));
    jobs(&mut policy, &call, (1, 40), false);
    job(&mut policy, &call, (20_000, 40_000), false);
    assert_eq!(policy.choose(&call, &ALONE), Choice::Park);
    for _ in 0..9 {
        job(&mut policy, &call, (20_000, 40_000), false);
    }
    assert_ne!(policy.choose(&call, &ALONE), Choice::Park);
}

#[test]
fn latency_waits_for_the_engine_where_that_ends_sooner() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Latency));
    assert_eq!(policy.choose(&call, &ALONE), Choice::InPlace(Why::Unknown));
    policy.took(KIND, call.size, micros(20));
    assert_eq!(policy.choose(&call, &ALONE), Choice::Wait);
    job(&mut policy, &call, (1, 9), true);
    assert_eq!(policy.choose(&call, &ALONE), Choice::Wait);
    let busy = |depth| Seen { depth, ..ALONE };
    assert_eq!(policy.choose(&call, &busy(1)), Choice::Wait);
    assert_eq!(policy.choose(&call, &busy(2)), Choice::InPlace(Why::Load));
}

#[test]
fn latency_is_in_place_where_the_engine_is_slower() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Latency));
    policy.took(KIND, call.size, micros(20));
    job(&mut policy, &call, (1, 30), true);
    assert_eq!(policy.choose(&call, &ALONE), Choice::InPlace(Why::Class));
    // What parked coroutines have seen of it is late, and no reason not to.
    let other = asked(100, Class::Latency);
    policy.took(KIND, other.size, micros(20));
    job(&mut policy, &other, (1, 30), false);
    assert_eq!(policy.choose(&other, &ALONE), Choice::Wait);
}

#[test]
fn what_a_call_takes_in_place_is_looked_at_now_and_then() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    let is_unknown =
        |policy: &mut Policy| policy.choose(&call, &ALONE) == Choice::InPlace(Why::Unknown);
    let mut until =
        |most: usize| (0..most).position(|_| is_unknown(&mut policy)).map(|before| before + 1);
    // Every other one is parked; twice as many each time.
    let apart = [(); 13].map(|()| until(40_000).unwrap());
    assert_eq!(apart[..5], [17, 33, 65, 129, 257]);
    assert_eq!(apart[10..], [16_385, 32_769, 32_769]);
    // It begins again with what is seen.
    assert_eq!(until(100), None);
    policy.took(KIND, call.size, micros(20));
    assert!((0..32_768).all(|_| policy.choose(&call, &ALONE) == Choice::Park));
}

#[test]
fn a_call_is_sped_up_where_engine_and_park_take_less() {
    let mut policy = by_time(1);
    let asked = asked(4096, Class::Batch);
    let is_sped_up = |policy: &Policy| policy.is_sped_up(asked.kind, asked.size);
    assert!(!is_sped_up(&policy));
    policy.took(asked.kind, asked.size, micros(100));
    assert!(!is_sped_up(&policy), "the engine's time is not known");
    job(&mut policy, &asked, (0, 20), false);
    assert!(is_sped_up(&policy));
    policy.took(asked.kind, asked.size, micros(20));
    policy.took(asked.kind, asked.size, micros(20));
    assert!(!is_sped_up(&policy), "a park takes time, too");
}

#[test]
fn what_an_engine_runs_elsewhere_tells_nothing_of_a_call_in_place() {
    let (policy, call) = (by_time(1), asked(8192, Class::Batch));
    let mut policy = policy.deaf_to_runs();
    policy.ran(KIND, call.size, micros(900));
    jobs(&mut policy, &call, (1, 9), false);
    // So it is made in place before long.
    let made = |policy: &mut Policy| policy.choose(&call, &ALONE) == Choice::InPlace(Why::Unknown);
    assert!((0..32).any(|_| made(&mut policy)));
}

/// A thread that has one call at a time.
struct Alone {
    policy: Policy,
    call: Asked,
    now: u64,
    slept: u64,
    tickets: u64,
}

impl Alone {
    fn new() -> Self {
        let call = asked(256, Class::Batch);
        Self { policy: by_time(1), call, now: 0, slept: 0, tickets: 0 }
    }

    /// How many of so many calls are parked. In place one takes 8 us, and 13 from one to the next; the engine takes so
    /// long, and from a parked one to the next it is so long.
    fn parks(&mut self, calls: u32, engine: u64, cycle: u64) -> u32 {
        let mut parks = 0;
        for _ in 0..calls {
            let Self { call, now, .. } = *self;
            let policy = &mut self.policy;
            let seen = Seen { now, slept: self.slept, ..ALONE };
            self.tickets += 1;
            let clear = policy.at_a_glance(&call, 0, 0, 1);
            if clear.unwrap_or_else(|| policy.choose(&call, &seen)) == Choice::Park {
                parks += 1;
                policy.submitted(self.tickets, &call, &seen, (now, now + 1000), false);
                policy.looked(now + engine);
                policy.answered(self.tickets, now + engine, true);
                self.slept += engine - 1000;
                self.now += cycle;
            } else {
                policy.took(KIND, call.size, micros(8));
                self.now += 13_000;
            }
        }
        parks
    }
}

/// The engine is sooner done, but whoever waits for it alone goes on more slowly afterwards.
#[test]
fn a_lone_call_is_made_where_it_takes_least_from_one_to_the_next() {
    let mut alone = Alone::new();
    alone.parks(30_000, 6000, 20_000);
    let parks = alone.parks(10_000, 6000, 20_000);
    assert!(parks < 300, "{parks}");
}

#[test]
fn what_was_learnt_of_lone_calls_is_not_believed_for_ever() {
    let mut alone = Alone::new();
    alone.parks(3000, 4000, 8000);
    let before = alone.parks(1000, 4000, 8000);
    alone.parks(3000, 11_000, 24_000);
    let meanwhile = alone.parks(1000, 11_000, 24_000);
    alone.parks(20_000, 4000, 8000);
    let after = alone.parks(1000, 4000, 8000);
    assert!(before > 900 && meanwhile < 100 && after > 900, "{before} {meanwhile} {after}");
}

/// What is parked mostly would be, for good, if it went by single calls with cold caches.
#[test]
fn a_cold_call_hardly_tells_what_others_would_take_in_a_row() {
    let (mut policy, call) = (by_time(1), asked(256, Class::Batch));
    (0..20).for_each(|_| policy.took(KIND, call.size, micros(8)));
    let cold = |policy: &mut Policy| {
        jobs(policy, &call, (1, 9), false);
        policy.took(KIND, call.size, micros(180));
    };
    (0..10).for_each(|_| cold(&mut policy));
    let known = policy.costs.estimate(KIND, call.size).unwrap();
    assert!(known < micros(10), "{known:?}");
    // But it does, in the long run, if there are no others.
    (0..300).for_each(|_| cold(&mut policy));
    assert!(policy.costs.estimate(KIND, call.size).unwrap() > micros(100));
    // And one that was interrupted is not taken for the rule.
    let mut policy = by_time(1);
    (0..20).for_each(|_| policy.took(KIND, call.size, micros(8)));
    policy.took(KIND, call.size, micros(100_000));
    assert!(policy.costs.estimate(KIND, call.size).unwrap() < micros(10));
}

#[test]
fn what_no_queue_would_change_is_clear_but_for_a_close_look_now_and_then() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    let clear = |policy: &mut Policy, call: &Asked, out, waiting| {
        (0..16).filter(|_| policy.at_a_glance(call, out, waiting, 1).is_some()).count()
    };
    assert_eq!(clear(&mut policy, &call, 0, 0), 0);
    policy.took(KIND, call.size, micros(40_000));
    assert_eq!(clear(&mut policy, &call, 0, 0), 0);
    jobs(&mut policy, &call, (1000, 9000), false);
    // (So long that no contest is held.) One takes 9 ms and a park; so do those before it. Others whose events wait lose 2 each; in place, 40.
    assert_eq!(clear(&mut policy, &call, 3, 0), 14);
    assert_eq!(clear(&mut policy, &call, 4, 0), 0);
    policy.took(KIND, call.size, micros(40_000));
    assert_eq!(clear(&mut policy, &call, 7, 1), 14);
    assert_eq!(clear(&mut policy, &call, 8, 1), 0);
    assert_eq!(clear(&mut policy, &asked(8192, Class::Latency), 0, 0), 0);
    // What it takes in place is looked at all the same.
    let asks = |policy: &mut Policy| {
        policy.at_a_glance(&call, 0, 1, 1).is_none()
            && policy.choose(&call, &Seen { waiting: 1, ..ALONE }) == Choice::InPlace(Why::Unknown)
    };
    assert!((0..64).any(|_| asks(&mut policy)));
}

#[test]
fn the_first_jobs_are_parked_whatever_they_take() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    for _ in 1..FIRST {
        job(&mut policy, &call, (5000, 9000), false);
        assert_eq!(policy.choose(&call, &ALONE), Choice::Park);
    }
    job(&mut policy, &call, (1, 9), false);
    assert_eq!(policy.choose(&call, &ALONE), Choice::Park);
}

#[test]
fn a_job_that_is_alone_is_held_against_what_a_park_takes_with_sleep_and_waking() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(20));
    jobs(&mut policy, &call, (1, 5), false);
    assert_eq!(policy.choose(&call, &ALONE), Choice::Park);
    // Now and then it is done at once; mostly the thread has slept, and wakes late.
    for took in [40, 40, 40, 14].repeat(20) {
        policy.submitted(7, &call, &ALONE, (0, 1000), false);
        policy.looked(took * 1000);
        policy.answered(7, took * 1000, true);
    }
    policy.looked(0);
    // That the last was quicker than most is no reason to try the next.
    let choices = [(); 8].map(|()| policy.choose(&call, &ALONE));
    assert_eq!(choices, [Choice::InPlace(Why::Class); 8]);
    let busy = Seen { waiting: 1, ..ALONE };
    assert_eq!(policy.choose(&call, &busy), Choice::Park);
}

#[test]
fn a_job_that_was_not_done_teaches_nothing_and_is_no_longer_out() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.submitted(1, &call, &ALONE, (0, 1), false);
    policy.answered(1, 1_000_000_000, false);
    policy.answered(1, 1_000_000_000, true);
    assert_eq!(policy.service(KIND, call.size), None);
    assert_eq!(policy.flights.mean(), None);
}

#[test]
fn a_job_that_waited_shares_its_time_with_those_before_it() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    jobs(&mut policy, &call, (1, 10), false);
    let behind = Seen { depth: 4, ..ALONE };
    policy.submitted(1, &call, &behind, (0, 1000), false);
    policy.answered(1, 50_000, true);
    assert_eq!(policy.service(KIND, call.size), Some(micros(10)));
}

#[test]
fn no_kind_is_no_trouble() {
    let mut policy = by_time(1);
    let call = Asked { kind: 99, ..asked(8, Class::Latency) };
    assert_eq!(policy.choose(&call, &ALONE), Choice::Wait);
    assert!(!policy.is_small(&call, false) && !policy.measures(99));
    job(&mut policy, &call, (1, 2), true);
}

/// Other threads' jobs are in the way as this one's are, but a call in place keeps none of them waiting.
#[test]
fn a_call_in_place_delays_no_other_threads_jobs() {
    let (mut policy, call) = (by_time(1), asked(8192, Class::Batch));
    policy.took(KIND, call.size, micros(30));
    jobs(&mut policy, &call, (1, 9), false);
    let mut with = |depth, others| policy.choose(&call, &Seen { depth, others, ..ALONE });
    // Parked: 9 us, 36 for those before it, and a park. In place: 30, and 36, 24, or nothing for those of its own that are
    // done meanwhile.
    assert_eq!([with(4, 0), with(4, 1)], [Choice::Park; 2]);
    assert_eq!([with(4, 3), with(4, 4)], [Choice::InPlace(Why::Load); 2]);
    assert_eq!(with(2, 2), Choice::Park);
}
