//! A completion takes the model's time and the helper's result, whichever comes later; wake-ups for either.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::*;
use crate::{Call, Cores, CoresConfig, Guard, Terms, Work};

/// Far more than any of it takes, on a machine that does much else.
const PATIENCE_MS: i32 = 60_000;

const SETUP: u64 = 100;
const LATENCY: u64 = 10_000;

#[derive(Clone, Default)]
struct Fake(Rc<Cell<u64>>);

impl Fake {
    fn advance(&self, by: u64) {
        self.0.set(self.0.get() + by);
    }
}

impl Clock for Fake {
    fn now(&self) -> u64 {
        self.0.get()
    }

    fn spin_until(&self, at: u64) {
        self.0.set(self.0.get().max(at));
    }
}

struct Square {
    number: u64,
    gate: Option<Receiver<()>>,
    result: Option<u64>,
}

impl Call for Square {
    fn run(&mut self) {
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
        self.result = Some(self.number * self.number);
    }
}

fn square(number: u64, gate: Option<Receiver<()>>) -> (Job, Arc<Work<Square>>) {
    let work = Arc::new(Work::new(Square { number, gate, result: None }));
    let task = work.clone();
    (Job { ticket: Ticket(number), kind: JobKind::Compress, bytes: 100, task }, work)
}

fn job(number: u64) -> Job {
    square(number, None).0
}

fn gated(number: u64) -> (Job, Sender<()>) {
    let (open, gate) = channel();
    (square(number, Some(gate)).0, open)
}

fn description(queue: u32, units: u32, latency: u64) -> Description {
    let text = format!(
        "name = \"test\"\nqueue = {queue}\nunits = {units}\nring = 1000\ndequeue_ns = 7\n\
         [operations.compress]\nsetup_ns = {SETUP}\nlatency_ns = {latency}\n"
    );
    Description::parse("test", &text).unwrap()
}

const EAGER: DeviceConfig = DeviceConfig { dequeue: usize::MAX, poll_interval: 0, remembered: 0 };

fn device(queue: u32, units: u32, config: DeviceConfig) -> (Cores, Fake, Device<Fake>) {
    let cores = Cores::new(CoresConfig { threads: 2, queue: 1000, nice: 0 });
    let clock = Fake::default();
    let description = description(queue, units, LATENCY);
    let port = cores.port().unwrap();
    let device = Device::with_clock(description, None, config, port, clock.clone()).unwrap();
    (cores, clock, device)
}

/// Until the helpers have so many results that were not answered.
fn await_results(device: &mut Device<Fake>, count: usize) {
    while device.computed.len() < count {
        device.port.sleep(None);
        device.gather();
    }
}

fn tickets(device: &mut impl Engine) -> Vec<u64> {
    let mut done = Vec::new();
    assert_eq!(device.poll(usize::MAX, &mut done), done.len());
    done.iter().map(|completion| completion.ticket.0).collect()
}

/// Does one of the engine's fds become readable within `limit` milliseconds?
fn is_woken(engine: &impl Engine, limit: i32) -> bool {
    let fd = |fd: Option<RawFd>| libc::pollfd { fd: fd.unwrap(), events: libc::POLLIN, revents: 0 };
    let mut fds = [fd(engine.wake_fd()), fd(engine.timer_fd())];
    // SAFETY: two valid pollfds.
    unsafe { libc::poll(fds.as_mut_ptr(), 2, limit) > 0 }
}

#[test]
fn what_is_computed_is_answered_when_the_model_says_so_and_not_before() {
    let (cores, clock, mut device) = device(8, 1, EAGER);
    clock.advance(1000);
    let (job, work) = square(3, None);
    assert!(device.submit(job).is_ok());
    assert_eq!(clock.now(), 1000 + SETUP, "the set-up is the submitter's");
    await_results(&mut device, 1);
    clock.0.set(1000 + SETUP + LATENCY - 1);
    assert_eq!((tickets(&mut device), device.timer.at()), (vec![], None));
    // A look costs something.
    assert_eq!(clock.now(), 1000 + SETUP + LATENCY + 6);
    assert_eq!(device.completed(), 1);
    assert_eq!((tickets(&mut device), device.take_emulated().behind), (vec![3], 0));
    assert_eq!(work.take().unwrap().call.result, Some(9));
    let now = clock.now();
    assert_eq!(tickets(&mut device), []);
    assert_eq!(clock.now(), now, "nobody looks at the ring of a device that has nothing to do");
    cores.close();
}

#[test]
fn what_is_computed_late_is_answered_then_and_counted_once() {
    let (cores, clock, mut device) = device(8, 2, EAGER);
    let (late, open) = gated(1);
    assert_eq!(device.depth(), Some(0));
    assert!(device.submit(late).is_ok() && device.submit(job(2)).is_ok());
    assert_eq!(device.depth(), Some(2));
    await_results(&mut device, 1);
    clock.advance(5 * LATENCY);
    assert_eq!((tickets(&mut device), device.completed()), (vec![2], 0));
    assert_eq!(device.depth(), Some(1), "it waits for its result");
    assert_eq!(tickets(&mut device), []);
    assert!(device.arm(), "it is for the helper's answer that one sleeps");
    open.send(()).unwrap();
    assert!(is_woken(&device, PATIENCE_MS));
    device.disarm();
    // The other helper may have rung, late.
    let mut answered = tickets(&mut device);
    while answered.is_empty() {
        if device.arm() {
            assert!(is_woken(&device, PATIENCE_MS));
            device.disarm();
        }
        answered = tickets(&mut device);
    }
    assert_eq!((answered, device.take_emulated().behind), (vec![1], 1));
    assert_eq!(device.take_emulated().behind, 0);
    cores.close();
}

#[test]
fn a_full_device_hands_the_job_back_and_takes_it_later() {
    let (cores, clock, mut device) = device(2, 1, EAGER);
    assert!(device.submit(job(1)).is_ok() && device.submit(job(2)).is_ok());
    let now = clock.now();
    let Err(Refused(refused)) = device.submit(job(3)) else { panic!("there was room") };
    assert_eq!((refused.ticket, clock.now()), (Ticket(3), now), "no set-up for nothing");
    await_results(&mut device, 2);
    clock.advance(LATENCY);
    assert_eq!(tickets(&mut device), [1]);
    assert!(device.submit(refused).is_ok());
    await_results(&mut device, 2);
    clock.advance(2 * LATENCY);
    assert_eq!(tickets(&mut device), [2, 3]);
    cores.close();
}

#[test]
fn helpers_that_are_full_leave_the_model_as_it_was() {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 1, nice: 0 });
    let port = cores.port().unwrap();
    let clock = Fake::default();
    let made = Device::with_clock(description(99, 1, LATENCY), None, EAGER, port, clock.clone());
    let mut device = made.unwrap();
    let (blocker, open) = gated(0);
    assert!(device.submit(blocker).is_ok());
    let taken = (1..).take_while(|number| device.submit(job(*number)).is_ok()).count() + 1;
    assert!(taken <= 2, "the pool is not bounded");
    assert_eq!(device.model.in_flight(), taken);
    assert_eq!((device.flights.len(), device.kept.len()), (taken, taken));
    open.send(()).unwrap();
    cores.close();
}

#[test]
fn what_the_device_does_not_do_it_does_not_take() {
    let (cores, _, mut device) = device(8, 1, EAGER);
    assert!(device.accepts(JobKind::Deflate, 1) && !device.accepts(JobKind::Sign, 1));
    assert!(device.submit(Job { kind: JobKind::Sign, ..job(1) }).is_err());
    assert_eq!(device.model.in_flight(), 0);
    cores.close();
}

#[test]
fn a_look_takes_so_many_and_the_next_one_waits() {
    let config = DeviceConfig { dequeue: 2, poll_interval: 1000, ..EAGER };
    let (cores, clock, mut device) = device(8, 8, config);
    for number in 1..=5 {
        assert!(device.submit(job(number)).is_ok());
    }
    await_results(&mut device, 5);
    clock.advance(2 * LATENCY);
    let first_look = clock.now();
    assert_eq!((tickets(&mut device), tickets(&mut device)), (vec![1, 2], vec![]));
    assert!(device.arm(), "the next look is not due");
    assert_eq!(device.timer.at(), Some(first_look + 1000));
    device.disarm();
    clock.advance(1000);
    assert!(!device.arm());
    assert_eq!(tickets(&mut device), [3, 4]);
    clock.advance(1000);
    assert_eq!(tickets(&mut device), [5]);
    cores.close();
}

#[test]
fn a_result_before_its_time_wakes_nobody() {
    let (cores, clock, mut device) = device(8, 1, EAGER);
    clock.advance(Monotonic.now() + 3_600_000_000_000);
    let due = clock.now() + SETUP + LATENCY;
    let (job, open) = gated(1);
    assert!(device.submit(job).is_ok());
    assert!(device.arm());
    assert_eq!(device.timer.at(), Some(due));
    open.send(()).unwrap();
    device.port.sleep(None);
    assert!(!is_woken(&device, 0));
    device.disarm();
    clock.0.set(due);
    assert!(!device.arm());
    assert_eq!(tickets(&mut device), [1]);
    cores.close();
}

/// A helper that has swapped `armed` may ring when nobody sleeps any more (`Inbox`). That is read at the end of
/// the next sleep, whatever that was for.
#[test]
fn a_late_ring_disturbs_one_sleep_at_most() {
    let (cores, clock, mut device) = device(8, 1, EAGER);
    clock.advance(Monotonic.now() + 3_600_000_000_000);
    let (job, open) = gated(1);
    assert!(device.submit(job).is_ok());
    // As if a helper had swapped, and has yet to ring.
    device.port.disarm();
    assert!(device.port.arm());
    device.port.complete(Completion::done(Ticket(99)));
    assert!(device.arm() && is_woken(&device, 0));
    device.disarm();
    assert!(device.arm() && !is_woken(&device, 0));
    device.disarm();
    open.send(()).unwrap();
    cores.close();
}

#[test]
fn the_submitter_takes_nothing_back_that_the_device_is_at() {
    let (cores, clock, device) = device(8, 1, EAGER);
    let terms = Terms { deadline: Duration::from_secs(60), quarantine: Duration::ZERO };
    let begun = Instant::now();
    let mut guard = Guard::new(Box::new(device), terms, begun);
    // Both helpers are at others' jobs.
    let mut other = cores.port().unwrap();
    let blockers = [gated(8), gated(9)].map(|(job, open)| {
        assert!(other.submit(job).is_ok());
        open
    });
    assert!(guard.submit(job(5), begun).is_ok());
    assert_eq!(guard.recall(), None);
    clock.advance(2 * LATENCY);
    let mut done = Vec::new();
    guard.poll(begun, 8, &mut done);
    assert_eq!((done.len(), guard.take_tally().unwrap().emulated.behind), (0, 1));
    // The device would have it by now: it is the helpers that are late.
    assert_eq!(guard.recall(), Some(Completion::declined(Ticket(5))));
    blockers.iter().for_each(|open| open.send(()).unwrap());
    cores.close();
    guard.poll(begun, 8, &mut done);
    assert_eq!((done.len(), guard.take_tally()), (0, None));
}

/// By a real clock: helpers and model finish at about the same time, in any order.
#[test]
fn no_wake_up_is_lost_between_the_timer_and_the_helpers() {
    let cores = Cores::new(CoresConfig { threads: 2, queue: 1000, nice: 0 });
    for latency in [1000, 20_000, 200_000] {
        let port = cores.port().unwrap();
        let mut device = Device::open(description(64, 4, latency), None, EAGER, port).unwrap();
        let (mut submitted, mut answered) = (0u64, Vec::new());
        let mut works = Vec::new();
        while answered.len() < 400 {
            while submitted < 400 && submitted - (answered.len() as u64) < 3 {
                let (job, work) = square(submitted, None);
                assert!(device.submit(job).is_ok());
                works.push(work);
                submitted += 1;
            }
            let news = tickets(&mut device);
            if news.is_empty() && device.arm() {
                assert!(is_woken(&device, PATIENCE_MS), "nobody was woken: {answered:?}");
                device.disarm();
            }
            answered.extend(news);
        }
        answered.sort_unstable();
        assert_eq!(answered, (0..400).collect::<Vec<_>>());
        for (number, work) in works.iter().enumerate() {
            assert_eq!(work.take().unwrap().call.result, Some((number * number) as u64));
        }
    }
    cores.close();
}

#[test]
fn who_sleeps_is_woken_when_the_device_is_done() {
    let cores = Cores::new(CoresConfig { threads: 1, queue: 8, nice: 0 });
    let port = cores.port().unwrap();
    let latency = 3_000_000;
    let mut device = Device::open(description(8, 1, latency), None, EAGER, port).unwrap();
    let before = Monotonic.now();
    assert!(device.submit(job(7)).is_ok());
    let patience = Duration::from_millis(PATIENCE_MS as u64);
    let mut done = Vec::new();
    while device.poll(1, &mut done) == 0 {
        device.sleep(Some(patience));
    }
    let took = Monotonic.now() - before;
    assert!(took >= latency && u128::from(took) < patience.as_nanos(), "{took} ns");
    assert_eq!(done, [Completion::done(Ticket(7))]);
    device.sleep(Some(Duration::from_millis(1)));
    cores.close();
}

mod remembered;
mod shared;
