//! Every order in which a port and its helpers may meet at the inbox.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p interlude-offload --release --test 'loom_*'`; without
//! that cfg there is nothing here. A wake-up that is lost is a deadlock, which loom reports.
#![cfg(loom)]

use interlude_offload::{Completion, Cores, CoresConfig, CoresPort, Engine, Ticket};
use loom::model::Builder;
use loom::thread;

fn port() -> CoresPort {
    Cores::new(CoresConfig { threads: 1, queue: 1, nice: 0 }).port().unwrap()
}

/// All orders with at most three switches at places where a thread could have gone on: those in
/// which queues are known to go wrong. (`LOOM_MAX_PREEMPTIONS` sets another bound.)
fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(body);
}

/// A thread that answers these tickets, in this order.
fn helper(port: &CoresPort, tickets: &'static [u64]) -> thread::JoinHandle<()> {
    let helper = port.model_helper();
    thread::spawn(move || {
        for ticket in tickets {
            helper.push(Completion::done(Ticket(*ticket)));
        }
    })
}

/// As the scheduler waits: take, and sleep beside the server's fds if there was nothing.
fn collect(port: &mut CoresPort, count: usize) -> Vec<u64> {
    let mut done = Vec::new();
    loop {
        port.poll(usize::MAX, &mut done);
        if done.len() >= count {
            break;
        }
        if port.arm() {
            port.model_poll();
            port.disarm();
        }
    }
    let mut tickets: Vec<u64> = done.iter().map(|completion| completion.ticket.0).collect();
    tickets.sort_unstable();
    tickets
}

#[test]
fn an_armed_port_is_woken() {
    model(|| {
        let mut port = port();
        let helper = helper(&port, &[1]);
        assert_eq!(collect(&mut port, 1), [1]);
        helper.join().unwrap();
        assert_eq!(port.completed(), 0);
    });
}

#[test]
fn of_two_helpers_no_completion_is_lost() {
    model(|| {
        let mut port = port();
        let helpers = [helper(&port, &[1]), helper(&port, &[2])];
        assert_eq!(collect(&mut port, 2), [1, 2]);
        helpers.into_iter().for_each(|helper| helper.join().unwrap());
        assert_eq!(port.completed(), 0);
    });
}

#[test]
fn a_port_that_disarms_for_another_reason_is_woken_later() {
    model(|| {
        let mut port = port();
        let helper = helper(&port, &[1, 2]);
        if port.arm() {
            // An event came, and nobody looked at the wake fd.
            port.disarm();
        }
        assert_eq!(collect(&mut port, 2), [1, 2]);
        helper.join().unwrap();
    });
}

/// A port whose helper has done one job, and may have rung when it was disarmed already.
fn rung_late() -> CoresPort {
    let mut port = port();
    let helper = helper(&port, &[1]);
    if port.arm() {
        port.disarm();
    }
    helper.join().unwrap();
    port
}

#[test]
fn a_late_ring_wakes_one_sleep_for_nothing_and_not_more() {
    model(|| {
        let mut port = rung_late();
        assert_eq!(port.poll(usize::MAX, &mut Vec::new()), 1);
        assert!(port.arm());
        port.disarm();
        assert!(port.arm());
        assert!(!port.model_is_rung(), "a sleep ends at once, again and again");
        port.disarm();
    });
}

#[test]
fn a_late_ring_is_read_by_a_sleep_that_was_not_armed() {
    model(|| {
        let mut port = rung_late();
        port.model_settle();
        assert!(!port.model_is_rung(), "a sleep ends at once, again and again");
        assert_eq!(port.poll(usize::MAX, &mut Vec::new()), 1);
    });
}

#[test]
fn what_is_taken_one_by_one_is_taken_once() {
    model(|| {
        let mut port = port();
        let helper = helper(&port, &[1, 2]);
        let mut done = Vec::new();
        while done.len() < 2 {
            port.sleep(None);
            assert!(port.poll(1, &mut done) <= 1);
        }
        helper.join().unwrap();
        assert_eq!(done.iter().map(|c| c.ticket.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(port.poll(1, &mut done), 0);
    });
}
