//! Passes on helper threads. Skipped, and said so, where there is no vector unit.

use std::sync::{Condvar, Mutex};

use super::{Bench, RandomSource, agreement, fill, keygen};
use crate::{Cores, CoresConfig, Engine, LaneKind, Reason};

/// A bench over one helper.
fn helped(random: RandomSource) -> Option<(Cores, Bench)> {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 8, nice: 0 });
    let bench = Bench::with(random, Some(cores.port().unwrap()))?;
    Some((cores, bench))
}

/// What comes, once anything has.
fn wait_for(bench: &mut Bench) -> Vec<(u64, bool)> {
    loop {
        let done = bench.poll();
        if !done.is_empty() {
            return done;
        }
        bench.engine.sleep(None);
    }
}

#[test]
fn helpers_make_the_passes() {
    let Some((cores, mut bench)) = helped(fill) else { return };
    (0..3).for_each(|_| bench.submit(agreement()));
    bench.engine.flush();
    assert_eq!(wait_for(&mut bench), [(0, false), (1, false), (2, false)]);
    assert_eq!(bench.passes(), [(LaneKind::X25519, 3, Reason::Idle)]);
    assert_eq!(bench.outcome(2), Some(Ok(())));
    (0..8).for_each(|_| bench.submit(keygen()));
    assert_eq!(wait_for(&mut bench), (3..11).map(|ticket| (ticket, false)).collect::<Vec<_>>());
    assert_eq!(bench.passes(), [(LaneKind::X25519Keygen, 8, Reason::Full)]);
    cores.close();
}

#[test]
fn a_helper_that_is_through_wakes_who_has_armed() {
    let Some((cores, mut bench)) = helped(fill) else { return };
    (0..2).for_each(|_| bench.submit(agreement()));
    bench.engine.flush();
    if bench.engine.arm() {
        let fd = bench.engine.wake_fd().unwrap();
        let mut fds = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
        // SAFETY: one valid pollfd.
        assert_eq!(unsafe { libc::poll(fds.as_mut_ptr(), 1, 10_000) }, 1);
    }
    bench.engine.disarm();
    assert_eq!(bench.poll(), [(0, false), (1, false)]);
    cores.close();
}

#[test]
fn too_few_are_left_to_the_submitter_by_a_helper_that_is_free() {
    let Some((cores, mut bench)) = helped(fill) else { return };
    bench.submit(agreement());
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, true)]);
    cores.close();
}

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn fill_when_open(into: &mut [u8]) -> bool {
    let is_closed = |is_open: &mut bool| !*is_open;
    drop(GATE.1.wait_while(GATE.0.lock().unwrap(), is_closed).unwrap());
    fill(into)
}

#[test]
fn lanes_fill_while_the_helper_is_busy() {
    let Some((cores, mut bench)) = helped(fill_when_open) else { return };
    (0..2).for_each(|_| bench.submit(keygen()));
    bench.engine.flush();
    bench.submit(agreement());
    bench.engine.flush();
    // It would have been declined.
    assert_eq!((bench.poll(), bench.passes()), (vec![], vec![]));
    bench.submit(agreement());
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
    loop {
        let done = bench.poll();
        if !done.is_empty() {
            assert_eq!(done, [(0, false), (1, false)]);
            break;
        }
        std::thread::yield_now();
    }
    bench.engine.flush();
    assert_eq!(wait_for(&mut bench), [(2, false), (3, false)]);
    let kinds = [LaneKind::X25519Keygen, LaneKind::X25519];
    assert_eq!(bench.passes(), kinds.map(|kind| (kind, 2, Reason::Idle)));
    cores.close();
}

#[test]
fn a_pass_that_panics_on_a_helper_answers_all_of_its_jobs() {
    let Some((cores, mut bench)) = helped(|_| panic!("no random numbers")) else { return };
    (0..3).for_each(|_| bench.submit(keygen()));
    bench.engine.flush();
    assert_eq!(wait_for(&mut bench), [(0, false), (1, false), (2, false)]);
    assert_eq!((bench.passes(), bench.outcome(0)), (vec![], None));
    // And the next one is made.
    (0..2).for_each(|_| bench.submit(agreement()));
    bench.engine.flush();
    assert_eq!(wait_for(&mut bench), [(3, false), (4, false)]);
    assert_eq!(bench.outcome(3), Some(Ok(())));
    cores.close();
}

#[test]
fn without_a_helper_the_passes_are_made_here() {
    let Some((cores, mut bench)) = helped(fill) else { return };
    cores.stop();
    (0..2).for_each(|_| bench.submit(agreement()));
    bench.engine.flush();
    assert!(!bench.engine.arm());
    assert_eq!(bench.poll(), [(0, false), (1, false)]);
    assert_eq!(bench.passes(), [(LaneKind::X25519, 2, Reason::Idle)]);
}
