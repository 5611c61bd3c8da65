//! The policy, as a whole, on a machine that is made up: one CPU, one device, connections that each ask again when they are
//! answered. How much gets done is compared with what the best choice for all calls alike would have done.

mod machine;

use std::ops::Range;

use interlude_core::policy::Class;
use machine::{Device, Fixed, Machine, Outcome, Policed, Software, Unaware, Unseen};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};

/// Machines that are made up.
const MACHINES: u32 = 400;
/// Calls in a run.
const CALLS: u32 = 40_000;
/// What a policy that looks at load may lose to the best fixed choice, which it has to find out.
const SHARE: f64 = 0.98;
/// The same where machines and loads are drawn at random: a few connections may keep a CPU just so busy that either choice is
/// better by some hundredths, and then it is not always found out which. (Of 4,500 loads on the device as it is described 14
/// were below 0.98, the least 0.907.)
const SHARE_OF_ANY: f64 = 0.9;

/// The machine's work in a second, by each choice for all calls alike, and by the policy.
fn all(machine: &Machine, class: Class) -> (f64, f64, Outcome) {
    let fixed = match class {
        Class::Batch => Fixed::Park,
        Class::Latency => Fixed::Wait,
    };
    let in_place = machine.run(&mut Fixed::InPlace, CALLS);
    let offloaded = machine.run(&mut { fixed }, CALLS);
    let policed = machine.run(&mut Policed::new(class), CALLS);
    (in_place.per_second(), offloaded.per_second(), policed)
}

/// About ISA-L on one side and an accelerator on the other, each off by much.
fn machines() -> impl Strategy<Value = Machine> {
    let software = (500_u64..5000, 500_u64..20_000);
    let device = (300_u64..11_000, 2000_u64..50_000, 200_u64..4000, 1_usize..5, 0_u64..50);
    (loads(1..4), software, device).prop_map(|(machine, software, device)| Machine {
        software: Software { base: software.0, per_kib: software.1 },
        device: Device {
            setup: device.0,
            base: device.1,
            per_kib: device.2,
            units: device.3,
            jitter: device.4,
            ..machine.device
        },
        ..machine
    })
}

/// ISA-L and BlueField-2, with all kinds of work: calls of so many sizes.
fn loads(sizes: Range<usize>) -> impl Strategy<Value = Machine> {
    let sizes = prop::collection::vec(6_u32..=16, sizes);
    // What a server does besides is at least a system call or two.
    let load = (0_u32..9, 1000_u64..100_000, 2000_u64..40_000, 0_u64..30);
    (sizes, load, any::<u64>()).prop_map(|(sizes, load, seed)| {
        let machine = bluefield(64, 1 << load.0);
        let device = Device { jitter: load.3, ..machine.device };
        let sizes = sizes.into_iter().map(|log| 1 << log).collect();
        Machine { sizes, device, think: load.1, besides: load.2, seed, ..machine }
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_enough(machine: &Machine, class: Class, share: f64) -> Result<(), TestCaseError> {
    let (in_place, offloaded, policed) = all(machine, class);
    let (best, per_second) = (in_place.max(offloaded), policed.per_second());
    prop_assert!(
        per_second >= share * best,
        "in place {in_place:.0}, offloaded {offloaded:.0}, by the policy {per_second:.0}: {policed:?}",
    );
    Ok(())
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn latency_gets_as_much_done_as_the_best_fixed_choice(machine in machines()) {
        is_enough(&machine, Class::Latency, SHARE)?;
    }
}

#[test]
fn on_nearly_any_machine_batch_gets_as_much_done() {
    get_enough(&machines(), Outcome::per_second);
}

#[test]
fn under_nearly_any_load_batch_gets_as_much_done() {
    get_enough(&loads(1..4), Outcome::per_second);
}

/// Neither what a look takes, nor what a sleep or a park does to caches and clients. (The first half of all calls is for
/// finding out.)
#[test]
fn where_much_is_unseen_batch_gets_as_much_done() {
    let unseen = (0_u64..1500, 0_u64..10_000, 0_u64..10_000, 0_u64..20_000);
    let machines = (machines(), unseen).prop_map(|(machine, (look, slept, parked, client))| {
        Machine { unseen: Unseen { look, slept, parked, client }, ..machine }
    });
    get_enough(&machines, |policed| policed.last_per_second(CALLS / 2));
}

/// What was lost before the thread knew when it had looked last ([`Policy::looked`]): what it had noticed late was
/// taken for what the engine took.
///
/// [`Policy::looked`]: interlude_core::policy::Policy::looked
#[test]
fn what_is_noticed_late_is_not_taken_for_slow() {
    let load = |sizes: &[u32], connections, think, besides, jitter| {
        let machine = bluefield(64, connections);
        let device = Device { jitter, ..machine.device };
        Machine { sizes: sizes.to_vec(), think, besides, device, ..machine }
    };
    for machine in [
        load(&[2048], 8, 47_750, 5680, 0),
        load(&[8192, 64], 2, 13_858, 22_244, 0),
        load(&[8192, 2048], 2, 11_284, 17_302, 2),
        load(&[8192], 2, 20_563, 35_538, 24),
    ] {
        is_enough(&machine, Class::Batch, 0.95).unwrap();
    }
}

/// The same ones every time. `by`: what of it is held against the best fixed choice.
fn get_enough(machines: &impl Strategy<Value = Machine>, by: fn(&Outcome) -> f64) {
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(7), ..config(1) };
    let mut runner = TestRunner::new(config);
    let (mut below, mut least) = (0, 1.0_f64);
    for _ in 0..MACHINES {
        let machine = machines.new_tree(&mut runner).unwrap().current();
        let (in_place, parked, policed) = all(&machine, Class::Batch);
        let ratio = by(&policed) / in_place.max(parked);
        below += u32::from(ratio < SHARE);
        least = least.min(ratio);
    }
    println!(
        "simulated: of {MACHINES} machines {below} get less than {SHARE} done, at least {least:.3}"
    );
    assert!(below * 50 <= MACHINES && least > SHARE_OF_ANY, "{below}, {least}");
}

/// BlueField-2 off-chip, about as it is described, and ISA-L.
fn bluefield(size: u32, connections: u32) -> Machine {
    Machine {
        sizes: vec![size],
        software: Software { base: 2500, per_kib: 2170 },
        device: Device {
            setup: 660,
            base: 5000,
            per_kib: 500,
            units: 1,
            jitter: 0,
            queue: 512,
            others: 0,
            slow: None,
        },
        connections,
        think: 20_000,
        besides: 2000,
        unseen: Unseen::default(),
        seed: 1,
    }
}

/// `cargo test -p interlude-core --release --test policy saturated -- --nocapture` prints the table.
#[test]
fn where_the_device_is_saturated_more_gets_done_than_by_either_choice() {
    println!("simulated: calls in a second of one CPU, ISA-L and a device like BlueField-2");
    println!(
        "{:>7} {:>11} {:>9} {:>9} {:>9} {:>6}",
        "bytes", "connections", "in place", "parked", "policy", "ratio"
    );
    let mut more = 0;
    for size in [64, 256, 1024, 4096, 16384, 65536] {
        for connections in [1, 4, 16, 64, 256] {
            let machine = bluefield(size, connections);
            let (in_place, parked, policed) = all(&machine, Class::Batch);
            let ratio = policed.per_second() / in_place.max(parked);
            let policed = policed.per_second();
            println!(
                "{size:>7} {connections:>11} {in_place:>9.0} {parked:>9.0} {policed:>9.0} {ratio:>6.3}"
            );
            assert!(ratio >= SHARE, "{size} bytes, {connections} connections: {ratio}");
            let device = 1e9 / machine.device.latency(size) as f64;
            if parked > 0.97 * device && connections >= 16 {
                more += 1;
                assert!(ratio > 1.04, "{size} bytes, {connections} connections: {ratio}");
            }
        }
    }
    assert!(more >= 5, "{more}");
}

#[test]
fn after_a_bad_spell_of_the_device_it_gets_its_work_back() {
    for class in [Class::Batch, Class::Latency] {
        for connections in [1, 4, 64] {
            let mut machine = bluefield(16384, connections);
            let good = machine.run(&mut Policed::new(class), CALLS);
            let third = good.elapsed() / 3;
            // A hundred times slower for as long as a third of all calls took.
            machine.device.slow = Some((third, 2 * third, 100));
            let spelled = machine.run(&mut Policed::new(class), CALLS);
            // That it was one.
            assert!(spelled.per_second() < SHARE * good.per_second(), "{class:?}, {connections}");
            let (after, good) = (spelled.last_per_second(CALLS / 4), good.per_second());
            assert!(after >= SHARE * good, "{class:?}, {connections}: {after:.0} of {good:.0}");
        }
    }
}

/// `cargo test -p interlude-core --release --test policy beside -- --nocapture` prints the table.
#[test]
fn beside_another_thread_that_has_the_same_device_no_less_gets_done() {
    println!("simulated, beside another thread with so many jobs at the device:");
    println!(
        "{:>7} {:>11} {:>6} {:>9} {:>9} {:>9} {:>6} {:>8}",
        "bytes", "connections", "others", "in place", "parked", "policy", "ratio", "unaware"
    );
    let (mut below, mut most) = (0, 0.0_f64);
    for size in [256, 1024, 4096, 16384, 65536] {
        for (connections, others) in [(1, 4), (4, 1), (4, 4), (4, 16), (16, 4), (64, 16), (64, 64)]
        {
            let machine = bluefield(size, connections);
            let device = Device { others, ..machine.device };
            let machine = Machine { device, ..machine };
            let (in_place, parked, policed) = all(&machine, Class::Batch);
            let unaware = machine.run(&mut Unaware(Policed::new(Class::Batch)), CALLS);
            let (best, policed) = (in_place.max(parked), policed.per_second());
            let [ratio, unaware] = [policed, unaware.per_second()].map(|rate| rate / best);
            println!(
                "{size:>7} {connections:>11} {others:>6} {in_place:>9.0} {parked:>9.0} {policed:>9.0} {ratio:>6.3} {unaware:>8.3}"
            );
            let of = format!("{size} bytes, {connections} and {others}: {ratio}");
            below += u32::from(ratio < SHARE);
            assert!(ratio >= SHARE_OF_ANY, "{of}");
            // A thread that is busy all the time gets its share of the device, whatever it knows of others.
            assert!(connections < 16 || ratio >= SHARE * unaware, "{of}, unaware {unaware}");
            most = most.max(ratio / unaware);
        }
    }
    assert!(below <= 1, "{below}");
    // It is worth knowing of them.
    assert!(most > 1.05, "{most}");
}
