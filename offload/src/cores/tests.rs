//! The pool: every job comes back once, the queue is bounded, a sleeper is woken.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{Completion, Cores, CoresConfig, CoresPort, Engine, Job, Refused};
use crate::{Call, JobKind, Ticket, Work};

struct Square {
    number: u64,
    gate: Option<Receiver<()>>,
    panics: bool,
    result: Option<u64>,
}

impl Square {
    fn job(number: u64) -> Job {
        Self::with_work(number, false).0
    }

    fn with_work(number: u64, panics: bool) -> (Job, Arc<Work<Self>>) {
        Self { number, gate: None, panics, result: None }.into_job()
    }

    fn gated(number: u64) -> (Job, Sender<()>) {
        let (open, gate) = channel();
        (Self { number, gate: Some(gate), panics: false, result: None }.into_job().0, open)
    }

    fn into_job(self) -> (Job, Arc<Work<Self>>) {
        let ticket = Ticket(self.number);
        let work = Arc::new(Work::new(self));
        let task = work.clone();
        (Job { ticket, kind: JobKind::Sign, bytes: 8, task }, work)
    }
}

impl Call for Square {
    fn run(&mut self) {
        assert!(!self.panics, "a call that panics");
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
        self.result = Some(self.number * self.number);
    }
}

fn result(work: &Work<Square>) -> Option<u64> {
    work.take()?.call.result
}

fn cores(threads: usize, queue: usize) -> (Cores, CoresPort) {
    let cores = Cores::new(CoresConfig { threads, queue, nice: 0 });
    let port = cores.port().unwrap();
    (cores, port)
}

fn wait_for(port: &mut CoresPort, count: usize) -> Vec<Completion> {
    let mut done = Vec::new();
    while done.len() < count {
        port.sleep(None);
        port.poll(usize::MAX, &mut done);
    }
    done
}

#[test]
fn every_job_comes_back_once_with_its_result() {
    let (cores, mut port) = cores(3, 1000);
    let mut works = Vec::new();
    for number in 0..500 {
        let (job, work) = Square::with_work(number, false);
        assert!(port.submit(job).is_ok());
        works.push(work);
    }
    let mut tickets = Vec::new();
    for completion in wait_for(&mut port, 500) {
        let number = completion.ticket.0;
        assert_eq!(result(&works[number as usize]), Some(number * number));
        tickets.push(number);
    }
    tickets.sort_unstable();
    assert_eq!(tickets, (0..500).collect::<Vec<_>>());
    assert_eq!(port.completed(), 0);
    cores.close();
}

#[test]
fn two_ports_get_only_their_own() {
    let (cores, mut first) = cores(2, 100);
    let mut second = cores.port().unwrap();
    for number in 0..50 {
        let port = if number % 2 == 0 { &mut first } else { &mut second };
        assert!(port.submit(Square::job(number)).is_ok());
    }
    assert!(wait_for(&mut first, 25).iter().all(|c| c.ticket.0.is_multiple_of(2)));
    assert!(wait_for(&mut second, 25).iter().all(|c| !c.ticket.0.is_multiple_of(2)));
    cores.close();
}

#[test]
fn how_much_there_is_to_do_counts_every_ports_jobs() {
    let (cores, mut port) = cores(1, 8);
    let other = cores.port().unwrap();
    assert_eq!(other.depth(), Some(0));
    let (first, open_first) = Square::gated(1);
    let (second, open_second) = Square::gated(2);
    assert!(port.submit(first).is_ok() && port.submit(second).is_ok());
    assert_eq!(other.depth(), Some(2));
    open_first.send(()).unwrap();
    open_second.send(()).unwrap();
    wait_for(&mut port, 2);
    cores.close();
    assert_eq!(other.depth(), Some(0));
}

#[test]
fn a_full_queue_hands_the_job_back() {
    let (cores, mut port) = cores(1, 1);
    let (blocker, open) = Square::gated(1);
    assert!(port.submit(blocker).is_ok());
    // The thread holds the first job or is about to; one more may wait, and not a third.
    let mut taken = 1;
    let refused = loop {
        match port.submit(Square::job(2)) {
            Ok(()) => taken += 1,
            Err(Refused(job)) => break job,
        }
        assert!(taken <= 2, "the queue is not bounded");
    };
    assert_eq!(refused.ticket, Ticket(2));
    open.send(()).unwrap();
    assert_eq!(wait_for(&mut port, taken).len(), taken);
    cores.close();
}

#[test]
fn stopping_drops_what_waits_and_ends_what_runs() {
    let (cores, mut port) = cores(1, 10);
    let (blocker, open) = Square::gated(1);
    assert!(port.submit(blocker).is_ok());
    assert!(port.submit(Square::job(2)).is_ok());
    open.send(()).unwrap();
    cores.stop();
    // The first one may have ended before the second was dropped, or it was dropped itself.
    assert!(port.completed() <= 2);
    assert!(port.submit(Square::job(3)).is_err());
}

#[test]
fn arming_is_refused_while_a_completion_waits() {
    let (cores, mut port) = cores(1, 10);
    assert!(port.arm());
    port.disarm();
    assert!(port.submit(Square::job(3)).is_ok());
    port.sleep(None);
    assert!(!port.arm());
    cores.close();
}

#[test]
fn an_armed_port_is_woken_through_its_fd() {
    let (cores, mut port) = cores(1, 10);
    let (job, open) = Square::gated(4);
    assert!(port.submit(job).is_ok());
    assert!(port.arm());
    open.send(()).unwrap();
    let mut fds = [libc::pollfd { fd: port.wake_fd().unwrap(), events: libc::POLLIN, revents: 0 }];
    // SAFETY: one valid pollfd.
    assert_eq!(unsafe { libc::poll(fds.as_mut_ptr(), 1, 10_000) }, 1);
    port.disarm();
    assert_eq!(port.completed(), 1);
    cores.close();
}

#[test]
fn a_call_that_panics_comes_back_without_a_result() {
    let (cores, mut port) = cores(1, 10);
    let (job, work) = Square::with_work(5, true);
    let (next, next_work) = Square::with_work(6, false);
    assert!(port.submit(job).is_ok());
    assert!(port.submit(next).is_ok());
    wait_for(&mut port, 2);
    assert_eq!(result(&next_work), Some(36));
    assert_eq!(result(&work), None);
    cores.close();
}

#[test]
fn a_sleep_with_a_limit_ends_without_a_completion() {
    let (cores, mut port) = cores(1, 10);
    port.sleep(Some(std::time::Duration::from_millis(1)));
    assert_eq!(port.completed(), 0);
    cores.close();
}
