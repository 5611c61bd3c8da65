//! What a job costs its submitter in place and by an engine, and how long it takes there.
//!
//! ```text
//! in place  CPU time of the calling thread, for the call as its caller makes it
//! set-up    CPU time of the calling thread: the job is made, submitted, taken, its results copied; and a park
//!           with its resume, as `bench switch` measures them. Of an engine with lanes: an eighth of a full pass
//! latency   one job alone, from before it is made until its results are where its caller wants them; the thread
//!           does nothing but ask for it
//! ```
//!
//! Passes over everything follow one another until the time is over, every other one backwards, and of all times
//! the median counts. Set-up and latency are taken of different jobs: to read a clock of CPU time is a system call.
//!
//! Must not: count a job that the engine has not done, but as what it costs to do it in place then.

use super::subject::{Case, Flight};
use crate::bench::interrupt;
use crate::bench::sample::median;
use crate::calibrate::progress::Progress;
use crate::failure::Failure;
use interlude_fiber::park_resume_pair;
use interlude_offload::{Completion, Engine, Job, JobKind, Ticket};
use rustix::time::{ClockId, clock_gettime};
use std::hint;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A slice of a server's, in bytes, as `bench switch` has it (nginx's are 2.6 to 3.1 KB).
const SLICE: usize = 3072;
/// Of one case, each measurement is made so many times in a pass, or for so long.
const REPEATS: usize = 9;
const LONGEST: Duration = Duration::from_millis(2);
/// For so long a thread that waits for its job keeps its CPU: where a helper has another one, and where it has not.
const ALONE: Duration = Duration::from_millis(20);
const TOGETHER: Duration = Duration::from_micros(100);
/// What is not done by then never will be.
const PATIENCE: Duration = Duration::from_secs(60);
/// Jobs that fill a pass.
const LANES: usize = 8;

/// One place on a curve: medians, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) bytes: usize,
    pub(super) inline: f64,
    pub(super) setup: f64,
    pub(super) latency: f64,
}

/// One kind of job with one kind of data, or by one algorithm; sizes rise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) kind: JobKind,
    pub(super) data: &'static str,
    pub(super) points: Vec<Point>,
}

/// Everything of one engine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) curves: Vec<Curve>,
    pub(super) passes: u32,
    /// A park and a resume, in nanoseconds: part of each set-up.
    pub(super) switch: f64,
    pub(super) jobs: u64,
    /// Jobs that an emulated device would have done before their results were there.
    pub(super) behind: u64,
}

/// The times of one case, in nanoseconds.
#[derive(Default)]
struct Times {
    inline: Vec<f64>,
    setup: Vec<f64>,
    latency: Vec<f64>,
}

impl Times {
    /// A park and a resume, which take so long, belong to each set-up.
    fn point(&self, bytes: usize, switch: f64) -> Point {
        let of = |times: &[f64]| median(times.iter().copied());
        let (inline, setup, latency) = (of(&self.inline), of(&self.setup), of(&self.latency));
        Point { bytes, inline, setup: setup + switch, latency }
    }
}

/// Measures all cases for as long as `time`, and each at least once.
pub(super) fn take(
    engine: &mut dyn Engine,
    cases: &mut [Case],
    time: Duration,
    name: &str,
) -> Result<Measured, Failure> {
    let (_, switches) = park_resume_pair(SLICE, 50);
    if switches.is_empty() {
        return Err(Failure::not_so("no stack for the scheduler"));
    }
    let switch = median(switches.into_iter());
    let mut bench = Bench::new(engine);
    let mut times: Vec<Times> = cases.iter().map(|_| Times::default()).collect();
    let (begun, progress) = (Instant::now(), Progress::over(time));
    let mut passes = 0;
    while passes == 0 || begun.elapsed() < time {
        passes += 1;
        progress.pass(&format!("{name}, pass {passes}"));
        let mut pairs: Vec<_> = cases.iter_mut().zip(&mut times).collect();
        if passes % 2 == 0 {
            pairs.reverse();
        }
        for (case, times) in pairs {
            interrupt::check()?;
            bench.measure(case, times)?;
            progress.show(begun.elapsed());
        }
    }
    let points = cases.iter().zip(&times);
    let points =
        points.map(|(case, times)| (case.kind, case.data, times.point(case.bytes, switch)));
    let (jobs, behind) = (bench.next, bench.behind);
    Ok(Measured { curves: curves(points), passes, switch, jobs, behind })
}

fn curves(points: impl Iterator<Item = (JobKind, &'static str, Point)>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (kind, data, point) in points {
        match curves.iter_mut().find(|curve| curve.kind == kind && curve.data == data) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { kind, data, points: vec![point] }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by_key(|point| point.bytes);
    }
    curves
}

struct Bench<'a> {
    engine: &'a mut dyn Engine,
    watch: Watch,
    /// So long it keeps its CPU while it waits.
    alone: Duration,
    next: u64,
    behind: u64,
    done: Vec<Completion>,
}

/// Why something could not be measured.
type Trouble = &'static str;

const NO_RESULTS: Trouble = "the engine has not done a job";
const REFUSED: Trouble = "the engine refused a job";
const FAILED: Trouble = "the call failed in place";

impl<'a> Bench<'a> {
    fn new(engine: &'a mut dyn Engine) -> Self {
        // To ask for the number takes longer than many a job.
        let has_another = thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
        let alone = if has_another { ALONE } else { TOGETHER };
        Self { engine, watch: Watch::new(), alone, next: 0, behind: 0, done: Vec::new() }
    }

    /// Each measurement of one case, a few times.
    fn measure(&mut self, case: &mut Case, times: &mut Times) -> Result<(), Failure> {
        let jobs = if self.engine.capabilities().has_lanes { LANES } else { 1 };
        let mut all = || -> Result<(), Trouble> {
            // The first one starts threads, teaches memories and warms what is cold.
            self.alone(case)?;
            repeat(&mut times.inline, || self.in_place(case))?;
            repeat(&mut times.latency, || self.alone(case))?;
            repeat(&mut times.setup, || self.set_up(case, jobs))
        };
        all().or_else(|why| {
            interrupt::check()?;
            let Case { kind, data, bytes, .. } = case;
            Err(Failure::not_so(format!("{} {data}, {bytes} bytes: {why}", kind.name())))
        })
    }

    /// CPU time of the call in place.
    fn in_place(&self, case: &mut Case) -> Result<f64, Trouble> {
        let subject = &mut case.subject;
        if !subject.ready() {
            return Err(FAILED);
        }
        let (spent, is_made) = self.watch.time(|| subject.in_place());
        if is_made { Ok(spent) } else { Err(FAILED) }
    }

    /// How long one job takes that is alone.
    fn alone(&mut self, case: &mut Case) -> Result<f64, Trouble> {
        if !case.subject.ready() {
            return Err(FAILED);
        }
        let begun = Instant::now();
        let flight = self.submit(case)?;
        // There will be no other.
        self.engine.flush();
        while self.engine.poll(1, &mut self.done) == 0 {
            self.wait(begun)?;
        }
        let is_declined = self.done.drain(..).any(Completion::is_declined);
        let is_done = if is_declined {
            // The submitter makes the call itself.
            case.subject.in_place()
        } else {
            case.subject.land(flight)
        };
        let took = begun.elapsed().as_secs_f64() * 1e9;
        self.behind += self.engine.take_emulated().behind;
        if is_done { Ok(took) } else { Err(NO_RESULTS) }
    }

    /// CPU time of the submitter for each of so many jobs that are under way together.
    fn set_up(&mut self, case: &mut Case, jobs: usize) -> Result<f64, Trouble> {
        if !case.subject.ready() {
            return Err(FAILED);
        }
        let watch = self.watch;
        let (mut spent, flights) = watch.time(|| {
            let flights: Result<Vec<Flight>, Trouble> =
                (0..jobs).map(|_| self.submit(case)).collect();
            flights
        });
        let flights = flights?;
        let begun = Instant::now();
        while self.done.len() < jobs {
            // A look that finds nothing is what a loop has its other events for.
            let (looked, found) = watch.time(|| self.engine.poll(usize::MAX, &mut self.done));
            if found > 0 {
                spent += looked;
            } else {
                self.wait(begun)?;
            }
        }
        // Of one that was declined there are no results, either.
        self.done.clear();
        let (landed, is_done) =
            watch.time(|| flights.into_iter().all(|flight| case.subject.land(flight)));
        self.behind += self.engine.take_emulated().behind;
        if is_done { Ok((spent + landed) / jobs as f64) } else { Err(NO_RESULTS) }
    }

    /// Between two looks at an engine that has been at it since then.
    fn wait(&self, since: Instant) -> Result<(), Trouble> {
        let waited = since.elapsed();
        if waited > PATIENCE || interrupt::requested() {
            return Err(NO_RESULTS);
        }
        if waited < self.alone {
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
        Ok(())
    }

    fn submit(&mut self, case: &mut Case) -> Result<Flight, Trouble> {
        let flight = case.subject.submit().ok_or(FAILED)?;
        let ticket = Ticket(self.next);
        self.next += 1;
        let task = Arc::clone(&flight.task);
        let job = Job { ticket, kind: case.kind, bytes: case.bytes, task };
        self.engine.submit(job).map_err(|_| REFUSED)?;
        Ok(flight)
    }
}

/// Adds a few times of `measurement`.
fn repeat(
    times: &mut Vec<f64>,
    mut measurement: impl FnMut() -> Result<f64, Trouble>,
) -> Result<(), Trouble> {
    let begun = Instant::now();
    for _ in 0..REPEATS {
        times.push(measurement()?);
        if begun.elapsed() > LONGEST {
            break;
        }
    }
    Ok(())
}

/// CPU time of the calling thread, in nanoseconds.
#[derive(Clone, Copy)]
struct Watch {
    /// What it reads where nothing was done.
    nothing: f64,
}

impl Watch {
    fn new() -> Self {
        let bare = Self { nothing: 0.0 };
        Self { nothing: median((0..200).map(|_| bare.time(|| ()).0)) }
    }

    fn time<T>(self, body: impl FnOnce() -> T) -> (f64, T) {
        let begun = cpu_nanoseconds();
        let value = body();
        let spent = cpu_nanoseconds() - begun;
        ((spent - self.nothing).max(0.0), value)
    }
}

fn cpu_nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

#[cfg(test)]
mod tests;
