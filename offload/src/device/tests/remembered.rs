//! Equal calls are computed once, and answered in the device's time all the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Question;

/// Its result is its input, backwards.
struct Reverse {
    input: Vec<u8>,
    runs: Arc<AtomicUsize>,
    result: Option<Vec<u8>>,
}

impl Call for Reverse {
    fn run(&mut self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.result = Some(self.input.iter().rev().copied().collect());
    }

    fn question(&self) -> Option<Question<'_>> {
        Some(Question { terms: [0; 3], input: &self.input })
    }

    fn answer(&self) -> Option<&[u8]> {
        self.result.as_deref()
    }

    fn repeat(&mut self, answer: &[u8]) {
        self.result = Some(answer.to_vec());
    }
}

const REMEMBERS: DeviceConfig = DeviceConfig { remembered: 10_000, ..EAGER };

struct Calls {
    runs: Arc<AtomicUsize>,
    next: u64,
}

impl Calls {
    fn new() -> Self {
        Self { runs: Arc::default(), next: 0 }
    }

    /// Has the device do it, and says what it answers and when, counted from the submission.
    fn make(&mut self, device: &mut Device<Fake>, clock: &Fake, input: &[u8]) -> (Vec<u8>, u64) {
        let call = Reverse { input: input.to_vec(), runs: self.runs.clone(), result: None };
        let work = Arc::new(Work::new(call));
        let ticket = Ticket(self.next);
        self.next += 1;
        let begun = clock.now();
        let (kind, task) = (JobKind::Compress, work.clone());
        assert!(device.submit(Job { ticket, kind, bytes: input.len(), task }).is_ok());
        await_results(device, 1);
        clock.0.set(begun + SETUP + LATENCY - 1);
        assert_eq!(tickets(device), [], "before the device's time");
        clock.0.set(begun + SETUP + LATENCY);
        assert_eq!(tickets(device), [ticket.0]);
        (work.take().unwrap().call.result.unwrap(), self.runs.load(Ordering::SeqCst) as u64)
    }
}

fn remembered(device: &mut Device<Fake>) -> u64 {
    device.take_emulated().remembered
}

#[test]
fn of_equal_calls_one_is_computed_and_all_are_answered_in_the_devices_time() {
    let (cores, clock, mut device) = device(8, 1, REMEMBERS);
    let mut calls = Calls::new();
    assert_eq!(calls.make(&mut device, &clock, b"abcd"), (b"dcba".to_vec(), 1));
    assert_eq!(remembered(&mut device), 0);
    assert_eq!(calls.make(&mut device, &clock, b"abcd"), (b"dcba".to_vec(), 1));
    assert_eq!(calls.make(&mut device, &clock, b"abcd"), (b"dcba".to_vec(), 1));
    assert_eq!((remembered(&mut device), remembered(&mut device)), (2, 0));
    assert_eq!(calls.make(&mut device, &clock, b"abce"), (b"ecba".to_vec(), 2));
    let Emulated { behind, remembered, .. } = device.take_emulated();
    assert_eq!((remembered, behind), (0, 0));
    assert!(device.lessons.is_empty());
    cores.close();
}

#[test]
fn without_a_memory_all_are_computed() {
    let (cores, clock, mut device) = device(8, 1, EAGER);
    let mut calls = Calls::new();
    for runs in 1..=3 {
        assert_eq!(calls.make(&mut device, &clock, b"abcd"), (b"dcba".to_vec(), runs));
    }
    assert_eq!(remembered(&mut device), 0);
    cores.close();
}

#[test]
fn calls_that_cannot_be_given_again_are_computed() {
    let (cores, clock, mut device) = device(8, 1, REMEMBERS);
    for number in 1..=3 {
        let (job, work) = square(5, None);
        assert!(device.submit(Job { ticket: Ticket(number), ..job }).is_ok());
        await_results(&mut device, 1);
        clock.advance(LATENCY);
        assert_eq!(tickets(&mut device), [number]);
        assert_eq!(work.take().unwrap().call.result, Some(25));
    }
    assert_eq!(remembered(&mut device), 0);
    cores.close();
}

#[test]
fn what_was_given_up_is_neither_repeated_nor_learned() {
    let mut memory = Memory::new(1000);
    let make = || {
        let runs = Arc::default();
        Work::new(Reverse { input: b"ab".to_vec(), runs, result: None })
    };
    let given_up = make();
    assert_eq!(given_up.give_up(), crate::Left::NotRun);
    given_up.teach(&mut memory);
    let first = make();
    assert!(!first.repeat(&memory));
    first.run();
    first.teach(&mut memory);
    assert!(!given_up.repeat(&memory) && !first.repeat(&memory));
    let second = make();
    assert!(second.repeat(&memory) && !second.repeat(&memory));
    second.run();
    let done = second.take().unwrap().call;
    assert_eq!((done.result.unwrap(), done.runs.load(Ordering::SeqCst)), (b"ba".to_vec(), 0));
}
