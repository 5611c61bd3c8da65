//! Runs on helper threads.

use interlude_onnx::Way;

use super::{Bench, CONFIG, Onnx, OnnxConfig};
use crate::{Cores, CoresConfig, Engine};

/// A bench over one helper.
fn helped() -> (Cores, Bench) {
    helped_by(CONFIG)
}

fn helped_by(config: OnnxConfig) -> (Cores, Bench) {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 8, nice: 0 });
    let bench = Bench::over(Onnx::over(cores.port().unwrap(), config));
    (cores, bench)
}

/// What comes, until so many have.
fn wait_for(bench: &mut Bench, count: usize) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(bench.poll());
        bench.engine.flush();
        std::thread::yield_now();
    }
    all.sort_unstable();
    all
}

fn done(tickets: std::ops::Range<u64>) -> Vec<(u64, bool)> {
    tickets.map(|ticket| (ticket, false)).collect()
}

#[test]
fn helpers_make_the_runs() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    bench.model.close();
    (0..3).for_each(|_| bench.submit());
    // This thread goes on.
    bench.engine.flush();
    assert_eq!(bench.poll(), []);
    bench.model.open();
    assert_eq!(wait_for(&mut bench, 3), done(0..3));
    assert_eq!((bench.runs(), bench.rows()), (vec![(Way::Together, 3)], vec![3]));
    assert!((0..3).all(|index| bench.is_right(index)));
    cores.close();
}

#[test]
fn a_helper_that_is_through_wakes_who_has_armed() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    (0..2).for_each(|_| bench.submit());
    bench.engine.flush();
    let mut all = bench.poll();
    while all.is_empty() {
        if bench.engine.arm() {
            let fd = bench.engine.wake_fd().unwrap();
            let mut fds = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
            // SAFETY: one valid pollfd.
            assert_eq!(unsafe { libc::poll(fds.as_mut_ptr(), 1, 10_000) }, 1);
            // (It may be for an answer that was taken before: a helper rings when it has answered.)
        }
        bench.engine.disarm();
        all = bench.poll();
    }
    assert_eq!(all, done(0..2));
    cores.close();
}

#[test]
fn requests_join_those_that_wait_while_the_helper_is_busy() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    bench.model.close();
    (0..2).for_each(|_| bench.submit());
    bench.engine.flush();
    bench.submit();
    bench.engine.flush();
    (0..2).for_each(|_| bench.submit());
    bench.engine.flush();
    bench.model.open();
    assert_eq!(wait_for(&mut bench, 5), done(0..5));
    assert_eq!(bench.rows(), [2, 3]);
    cores.close();
}

#[test]
fn what_is_better_run_apart_is_run_by_helpers_one_by_one() {
    let (cores, bench) = helped();
    let mut bench = bench.loses();
    (0..3).for_each(|_| bench.submit());
    bench.engine.flush();
    assert!(bench.profile.rests());
    assert!(bench.submit_alone());
    assert_eq!(wait_for(&mut bench, 4), done(0..4));
    assert_eq!((bench.runs(), bench.rows()), (vec![(Way::Apart, 1); 4], vec![1; 4]));
    assert!((0..4).all(|index| bench.is_right(index)));
    cores.close();
}

/// Those that are run by themselves have a helper only now and then: the others' turn comes.
#[test]
fn many_that_are_alone_do_not_keep_others_waiting_for_ever() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    bench.model.close();
    (0..6).for_each(|_| assert!(bench.submit_alone()));
    (0..2).for_each(|_| bench.submit());
    assert_eq!(bench.poll(), []);
    bench.engine.flush();
    bench.model.open();
    assert_eq!(wait_for(&mut bench, 8), done(0..8));
    // Two were ahead of them.
    assert_eq!(bench.rows(), [1, 1, 2, 1, 1, 1, 1]);
    cores.close();
}

#[test]
fn whoever_sleeps_gets_those_back_that_have_not_begun_and_waits_for_the_others() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    bench.model.close();
    (0..2).for_each(|_| bench.submit());
    bench.engine.flush();
    bench.submit();
    bench.engine.sleep(None);
    assert_eq!(bench.poll(), [(2, true)]);
    bench.model.open();
    bench.engine.sleep(None);
    assert_eq!(bench.poll(), done(0..2));
    cores.close();
}

#[test]
fn a_run_that_panics_on_a_helper_answers_all_of_its_jobs() {
    let (cores, mut bench) = helped_by(OnnxConfig { on_stack: |_| panic!("no stack"), ..CONFIG });
    (0..3).for_each(|_| bench.submit());
    bench.engine.flush();
    assert_eq!(wait_for(&mut bench, 3), done(0..3));
    assert_eq!((bench.runs(), bench.is_right(0)), (vec![], false));
    cores.close();
}

#[test]
fn without_a_helper_the_runs_are_made_here() {
    let (cores, bench) = helped();
    let mut bench = bench.gains();
    cores.stop();
    (0..2).for_each(|_| bench.submit());
    bench.engine.flush();
    assert!(!bench.engine.arm());
    assert_eq!(bench.poll(), done(0..2));
    assert_eq!(bench.rows(), [2]);
}
