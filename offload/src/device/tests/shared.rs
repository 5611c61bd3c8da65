//! Threads and processes that have one device, and compete for it.

use interlude_device::Refusal;

use super::*;
use crate::map_board;

/// Two of one device.
fn two(queue: u32, units: u32) -> (Cores, Fake, [Device<Fake>; 2]) {
    let cores = Cores::new(CoresConfig { threads: 2, queue: 1000, nice: 0 });
    let (clock, description) = (Fake::default(), description(queue, units, LATENCY));
    let board = map_board(&description).unwrap();
    let devices = [(); 2].map(|()| {
        let (described, board, port) = (description.clone(), board.clone(), cores.port().unwrap());
        Device::with_clock(described, Some(board), EAGER, port, clock.clone()).unwrap()
    });
    (cores, clock, devices)
}

#[test]
fn two_threads_get_as_much_done_as_one_device_does() {
    let (cores, clock, mut devices) = two(8, 1);
    assert!(devices.iter().all(|device| device.capabilities().is_shared));
    for number in 0..2 {
        devices.iter_mut().for_each(|device| assert!(device.submit(job(number)).is_ok()));
    }
    devices.iter_mut().for_each(|device| await_results(device, 2));
    assert_eq!(devices.each_ref().map(|device| device.depth()), [Some(4); 2]);
    // When each is done: one after the other, whoever's they are. (Each look takes something, too.)
    let mut done = Vec::new();
    for time in 1..=4 {
        clock.0.set(SETUP + time * LATENCY);
        done.push(devices.each_mut().map(tickets));
        clock.0.set(SETUP + time * LATENCY);
        let left = 4 - time as usize;
        assert_eq!(devices.each_ref().map(|device| device.depth()), [Some(left); 2]);
        // Of each the first is done first.
        assert_eq!(devices.each_ref().map(|device| device.others()), [left.div_ceil(2), left / 2]);
    }
    let of_one = |number: u64| [vec![number], vec![]];
    let of_other = |number: u64| [vec![], vec![number]];
    assert_eq!(done, [of_one(0), of_other(0), of_one(1), of_other(1)]);
    let emulated = devices.each_mut().map(|device| device.take_emulated());
    assert_eq!(emulated.map(|emulated| emulated.busy_ns), [2 * LATENCY; 2]);
    // With devices of their own each would have waited once. (The set-ups are made one after the other here.)
    let waited = [2 * LATENCY - 2 * SETUP, 4 * LATENCY - 4 * SETUP];
    assert_eq!(emulated.map(|emulated| emulated.queued_ns), waited);
    cores.close();
}

#[test]
fn the_queue_is_for_all_and_what_helpers_refuse_has_no_place_there() {
    let (cores, _, [mut one, mut other]) = two(2, 1);
    let full = Cores::new(CoresConfig { threads: 1, queue: 1, nice: 0 });
    let mut blocked = full.port().unwrap();
    let (blocker, open) = gated(0);
    assert!(blocked.submit(blocker).is_ok());
    // The second one waits, while the first is being run.
    while blocked.submit(job(1)).is_err() {}
    other.port = full.port().unwrap();
    assert!(one.submit(job(1)).is_ok());
    assert!(other.submit(job(2)).is_err(), "its helpers are at others' jobs");
    assert_eq!((one.depth(), other.kept.len()), (Some(1), 0));
    assert!(one.submit(job(3)).is_ok());
    other.port = cores.port().unwrap();
    let Err(Refused(refused)) = other.submit(job(4)) else { panic!("there was room") };
    assert_eq!((refused.ticket, other.depth()), (Ticket(4), Some(2)));
    open.send(()).unwrap();
    cores.close();
    full.close();
}

/// In a child: submits for ever, one job after the other, so fast that it is always in the midst of it.
fn submits_for_ever(mut model: Model) -> ! {
    let mut now = 1;
    loop {
        match model.submit(now, Operation::Compress, 1) {
            Ok(accepted) => now = now.max(accepted.at_device),
            Err(Refusal::Full) => now += LATENCY,
            // SAFETY: ends the child, and nothing else.
            Err(Refusal::NotDone) => unsafe { libc::_exit(1) },
        }
        while model.take(now).is_some() {}
    }
}

#[test]
fn a_child_has_its_parents_device_and_leaves_nothing_behind_when_it_is_killed() {
    let description = description(4, 1, LATENCY);
    for _ in 0..20 {
        let board = map_board(&description).unwrap();
        let mut model = Model::over(board.clone(), description.clone());
        // SAFETY: the child uses its own memory and the board, and never returns.
        let child = unsafe { libc::fork() };
        if child == 0 {
            submits_for_ever(Model::over(board, description.clone()));
        }
        assert!(child > 0);
        let is_at_work = || model.expected(0, Operation::Compress, 1) > Some(50 * LATENCY);
        while !is_at_work() {
            std::thread::yield_now();
        }
        // SAFETY: a child of ours.
        unsafe { libc::kill(child, libc::SIGKILL) };
        // SAFETY: as above; nobody asks how it ended.
        assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
        let busy_until = model.expected(0, Operation::Compress, 1).unwrap() - LATENCY;
        let over = busy_until + 2 * LATENCY;
        assert_eq!(model.depth(over), 0);
        for number in 0..4 {
            let accepted = model.submit(over, Operation::Compress, 1).unwrap();
            assert_eq!(accepted.starts_at, over + SETUP + number * LATENCY);
        }
        assert_eq!(model.submit(over, Operation::Compress, 1), Err(Refusal::Full));
    }
}
