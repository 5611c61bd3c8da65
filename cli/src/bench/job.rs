//! `bench job`: what a job costs its submitter around the engine, with one that takes no time for it.
//!
//! It goes the library's own way (`interlude_submission`): set-up is what the engine and the policy are asked, the job
//! made and handed over; completion is the engine's answer, the results taken, and what the policy learns. Beside it,
//! the park and the resume. Not in it: what a hook does before (whose job may it become, what does it claim), counters,
//! and the copies of input and output, which are the call's.

use super::alone::Alone;
use super::outcome::Outcome;
use super::sample::{Sample, quantile};
use super::{gets, interrupt};
use crate::failure::Failure;
use interlude_core::cost::Size;
use interlude_core::moment::same_moment;
use interlude_core::policy::{Asked, Class, Policy, Terms};
use interlude_fiber::park_resume_pair;
use interlude_offload::{
    self as offload, Call, Capabilities, Clock, Completion, Engine, Guard, Job, JobKind, Monotonic,
    Refused, Ticket, Work,
};
use interlude_submission::{self as submission, Surroundings, View};
use serde_json::{Map, json};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What a job costs its submitter around an engine that takes no time, and what a park costs.
///
/// Set-up and completion of one job: made, handed over through the guard, its completion and its results taken;
/// without and with a policy that looks at load, one at a time and sixteen.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) alone: Alone,
}

const P50: &str = "p50_ns";
const P99: &str = "p99_ns";
/// Jobs in one timing; the clock's own cost vanishes in it.
const BATCH: u32 = 208;
/// Bytes of input, as far as anybody asks.
const BYTES: usize = 8192;
/// A slice of a server's, as `bench switch` has it.
const SLICE: usize = 3072;
const KIND: JobKind = JobKind::Compress;
/// What the call would take in place, and is said to take the engine.
const TAKES: Duration = Duration::from_micros(20);
/// Events that wait meanwhile.
const WAITING: usize = 1;

/// What is timed.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// So many jobs out at a time; does the policy look at load?
    Path(u64, bool),
    Park,
}

const SUBJECTS: [(&str, Subject); 5] = [
    ("job", Subject::Path(1, false)),
    ("job-of-16", Subject::Path(16, false)),
    ("job-by-load", Subject::Path(1, true)),
    ("job-of-16-by-load", Subject::Path(16, true)),
    ("park-and-resume", Subject::Park),
];

/// An engine that is done with a job at once.
#[derive(Default)]
struct Idle(Vec<Completion>);

/// A call with nothing to be done.
struct Nothing;

/// A submitter, as a thread of the library's is one.
struct Submitter {
    guard: Guard<dyn Engine>,
    policy: RefCell<Policy>,
    asked: Asked,
    done: Vec<Completion>,
    works: Vec<Arc<Work<Nothing>>>,
    next: u64,
    clock: MonotonicFrom,
    is_wrong: bool,
}

/// The monotonic clock, with the same moment as the guard has it.
struct MonotonicFrom((Instant, i64));

/// Measures, alternating, on a thread of its own.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let cpus = args.alone.cpus()?;
    let measured = thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || measure(args, &cpus))?;
        thread.join().map_err(|_| io::Error::other("the measuring thread panicked"))?
    });
    interrupt::check()?;
    let timings = measured.map_err(|error| Failure::not_so(format!("job: {error}")))?;
    let sample = |timings: &[f64]| {
        let quantile = |share| quantile(timings, share);
        Sample::default().with(P50, quantile(0.5)).with(P99, quantile(0.99))
    };
    let params = Map::from_iter([
        ("cpus".to_owned(), json!(cpus)),
        ("seconds".to_owned(), json!(args.alone.seconds)),
        ("rounds".to_owned(), json!(args.alone.rounds)),
    ]);
    let variants = timings.iter().map(|(name, timings)| ((*name).to_owned(), sample(timings)));
    let variants = variants.collect();
    Ok(Outcome { bench: "job", params, variants, ratios: Vec::new(), counts_errors: false })
}

fn measure(args: &Args, cpus: &[usize]) -> io::Result<Vec<(&'static str, Vec<f64>)>> {
    gets::pin(cpus)?;
    let slot = args.alone.slot(SUBJECTS.len());
    let mut all: Vec<(&str, Vec<f64>)> = SUBJECTS.map(|(name, _)| (name, Vec::new())).into();
    for round in 0..args.alone.rounds {
        eprintln!("job: round {} of {}", round + 1, args.alone.rounds);
        for ((_, timings), (_, subject)) in all.iter_mut().zip(SUBJECTS) {
            let begin = Instant::now();
            while begin.elapsed() < slot && !interrupt::requested() {
                subject.time(timings)?;
            }
        }
    }
    Ok(all)
}

impl Subject {
    fn time(self, into: &mut Vec<f64>) -> io::Result<()> {
        match self {
            Self::Park => into.extend(park_resume_pair(SLICE, 100).1),
            Self::Path(at_a_time, by_load) => {
                let mut submitter = Submitter::new(by_load);
                // What is seen first is learnt from: that is not what is asked for.
                (0..64).for_each(|_| submitter.jobs(at_a_time));
                for _ in 0..100 {
                    let begin = Instant::now();
                    (0..u64::from(BATCH) / at_a_time).for_each(|_| submitter.jobs(at_a_time));
                    into.push(begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
                }
                if submitter.is_wrong {
                    return Err(io::Error::other("a job has no results"));
                }
            }
        }
        Ok(())
    }
}

impl Submitter {
    fn new(by_load: bool) -> Self {
        let terms =
            offload::Terms { deadline: Duration::from_secs(1), quarantine: Duration::from_secs(1) };
        let engine: Box<dyn Engine> = Box::new(Idle::default());
        let size = Size::of_input(BYTES);
        let asked = Asked { kind: KIND.index(), size, bytes: BYTES as u64, class: Class::Batch };
        let of_policy = Terms { least: Duration::from_nanos(1), ..Terms::default() };
        let mut policy = Policy::new(vec![of_policy; JobKind::ALL.len()], by_load);
        policy.took(KIND.index(), size, TAKES);
        Self {
            guard: Guard::new(engine, terms, Instant::now()),
            policy: RefCell::new(policy),
            asked,
            done: Vec::new(),
            works: Vec::new(),
            next: 0,
            clock: MonotonicFrom(same_moment(|| Monotonic.now().cast_signed(), Instant::now)),
            is_wrong: false,
        }
    }

    /// So many, out at the same time.
    fn jobs(&mut self, at_a_time: u64) {
        (0..at_a_time).for_each(|_| self.submit());
        submission::poll(&mut self.guard, &self.policy, usize::MAX, &mut self.done, &self.clock);
        self.is_wrong |= self.done.len() != self.works.len();
        self.done.clear();
        for work in self.works.drain(..) {
            match work.take() {
                Some(done) => submission::settle(&self.policy, KIND, self.asked.size, done.took),
                None => self.is_wrong = true,
            }
        }
    }

    fn submit(&mut self) {
        let Self { guard, policy, asked, clock, .. } = self;
        let around = Surroundings { waiting: WAITING, slept: 0 };
        let view = View::of(guard, policy, (KIND, BYTES), asked, around, clock);
        self.is_wrong |= !view.does || !view.is_open;
        // Whatever it says: it is handed over.
        view.choice(policy, asked);
        self.next += 1;
        let (work, job) = submission::job(Nothing, Ticket(self.next), (KIND, BYTES));
        self.works.push(work);
        let seen = view.seen();
        let learns = seen.as_ref().map(|seen| (&*asked, seen, false));
        self.is_wrong |= submission::submit(guard, policy, job, learns, clock).is_none();
    }
}

impl submission::Clock for MonotonicFrom {
    fn now(&self) -> u64 {
        Monotonic.now()
    }

    fn instant(&self, now: u64) -> Instant {
        let (instant, origin) = self.0;
        instant + Duration::from_nanos(now.saturating_sub(origin.cast_unsigned()))
    }
}

impl Engine for Idle {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "idle",
            asynchronous: true,
            queue: usize::MAX,
            parallel: 16,
            has_lanes: false,
            own_cpus: true,
            is_shared: false,
            own_results: true,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        if let Some(begun) = job.task.as_any().downcast_ref::<Work<Nothing>>().and_then(Work::begin)
        {
            begun.done(TAKES);
        }
        self.0.push(Completion::done(job.ticket));
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        let taken = self.0.len().min(max);
        into.extend(self.0.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.0.len()
    }

    fn sleep(&mut self, _: Option<Duration>) {}
}

impl Call for Nothing {
    fn run(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_its_results() {
        for by_load in [false, true] {
            let mut submitter = Submitter::new(by_load);
            for at_a_time in [1, 16, 3] {
                submitter.jobs(at_a_time);
                assert!(!submitter.is_wrong);
            }
            assert_eq!(submitter.next, 20);
        }
    }
}
