//! What goes into a pass, and when. Skipped, and said so, where there is no vector unit.

mod helpers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlude_simd::Secret;

use super::*;
use crate::{JobKind, Operation, Task, Ticket};

struct Bench {
    engine: Simd,
    works: Vec<Arc<Work<Lane>>>,
}

impl Bench {
    fn open() -> Option<Self> {
        Self::with(fill, None)
    }

    fn with(random: RandomSource, port: Option<CoresPort>) -> Option<Self> {
        let opened = match port {
            Some(port) => Simd::open_over(port, random),
            None => Simd::open(random),
        };
        match opened {
            Ok(engine) => Some(Self { engine, works: Vec::new() }),
            Err(missing) => {
                println!("skipped: {missing}");
                None
            }
        }
    }

    fn submit(&mut self, operation: Operation) {
        let work = Arc::new(Work::new(Lane::new(operation)));
        let ticket = Ticket(self.works.len() as u64);
        let job = Job { ticket, kind: JobKind::Derive, bytes: 32, task: work.clone() };
        assert!(self.engine.submit(job).is_ok());
        self.works.push(work);
    }

    fn poll(&mut self) -> Vec<(u64, bool)> {
        let mut done = Vec::new();
        self.engine.poll(usize::MAX, &mut done);
        done.into_iter().map(|done| (done.ticket.0, done.is_declined())).collect()
    }

    fn passes(&mut self) -> Vec<(LaneKind, usize, Reason)> {
        let mut passes = Vec::new();
        self.engine.take_passes(&mut passes);
        passes.into_iter().map(|pass| (pass.kind, pass.lanes, pass.reason)).collect()
    }

    fn outcome(&self, index: usize) -> Option<Result<(), interlude_simd::Fault>> {
        self.works[index].take().and_then(|done| done.call.outcome)
    }
}

/// Not secret, and never the same twice.
fn fill(into: &mut [u8]) -> bool {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    into.fill(NEXT.fetch_add(1, Ordering::Relaxed));
    true
}

fn keygen() -> Operation {
    Operation::X25519Keygen { private: Box::new(Secret::zeros()), public: [0; 32] }
}

fn agreement() -> Operation {
    let mut private = Box::new(Secret::zeros());
    private.fill(0x40);
    let shared = Box::new(Secret::zeros());
    Operation::X25519 { private, peer: [9; 32], shared }
}

#[test]
fn eight_are_computed_at_once_and_a_ninth_waits() {
    let Some(mut bench) = Bench::open() else { return };
    (0..9).for_each(|_| bench.submit(agreement()));
    assert_eq!(bench.poll(), (0..8).map(|ticket| (ticket, false)).collect::<Vec<_>>());
    assert_eq!(bench.passes(), [(LaneKind::X25519, 8, Reason::Full)]);
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.outcome(7), Some(Ok(())));
    let secrets: Vec<[u8; 32]> = (0..2)
        .filter_map(|index| bench.works[index].take())
        .filter_map(|done| match done.call.operation {
            Operation::X25519 { shared, .. } => Some(**shared),
            _ => None,
        })
        .collect();
    assert!(secrets.len() == 2 && secrets[0] == secrets[1] && secrets[0] != [0; 32]);
}

#[test]
fn what_waits_is_computed_as_it_is_when_there_is_nothing_else_to_do() {
    let Some(mut bench) = Bench::open() else { return };
    (0..3).for_each(|_| bench.submit(agreement()));
    bench.engine.flush();
    assert!(!bench.engine.arm());
    assert_eq!(bench.poll(), [(0, false), (1, false), (2, false)]);
    assert_eq!(bench.passes(), [(LaneKind::X25519, 3, Reason::Idle)]);
}

#[test]
fn too_few_are_left_to_the_submitter_and_not_touched() {
    let Some(mut bench) = Bench::open() else { return };
    bench.submit(agreement());
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, true)]);
    assert_eq!(bench.passes(), [(LaneKind::X25519, 1, Reason::TooFew)]);
    assert_eq!(bench.outcome(0), None);
}

/// Those who made a key go on to agree on a secret.
#[test]
fn the_cheapest_goes_first_and_alone() {
    let Some(mut bench) = Bench::open() else { return };
    (0..2).for_each(|_| bench.submit(agreement()));
    (0..3).for_each(|_| bench.submit(keygen()));
    bench.engine.flush();
    bench.engine.flush();
    assert_eq!(bench.poll(), [(2, false), (3, false), (4, false)]);
    bench.submit(agreement());
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, false), (1, false), (5, false)]);
    let passes = [(LaneKind::X25519Keygen, 3, Reason::Idle), (LaneKind::X25519, 3, Reason::Idle)];
    assert_eq!(bench.passes(), passes);
}

#[test]
fn what_was_given_up_leaves_its_lane_empty() {
    let Some(mut bench) = Bench::open() else { return };
    (0..3).for_each(|_| bench.submit(agreement()));
    assert_eq!(bench.works[1].give_up(), crate::Left::NotRun);
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, false), (1, false), (2, false)]);
    assert_eq!(bench.passes(), [(LaneKind::X25519, 2, Reason::Idle)]);
    assert_eq!((bench.outcome(0), bench.outcome(1)), (Some(Ok(())), None));
}

/// Whoever waits would wait for as long as a job may take.
#[test]
fn a_pass_that_panics_answers_all_of_its_jobs() {
    let Some(mut bench) = Bench::with(|_| panic!("no random numbers"), None) else { return };
    (0..3).for_each(|_| bench.submit(keygen()));
    let flushed = catch_unwind(AssertUnwindSafe(|| bench.engine.flush()));
    assert!(flushed.is_err());
    assert_eq!(bench.poll(), [(0, false), (1, false), (2, false)]);
    assert_eq!((bench.passes(), bench.outcome(0)), (vec![], None));
}

#[test]
fn a_job_that_is_no_lane_is_refused() {
    struct Other;
    impl crate::Call for Other {
        fn run(&mut self) {}
    }
    let Some(mut bench) = Bench::open() else { return };
    let task = Arc::new(Work::new(Other));
    let job = Job { ticket: Ticket(1), kind: JobKind::Sign, bytes: 1, task };
    assert!(bench.engine.submit(job).is_err());
}
