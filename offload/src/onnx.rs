//! The `onnx` engine: inferences of several connections in one run of the model.
//!
//! ```text
//! submit --> a queue for each kind of request (same session, outputs, shapes: `interlude_onnx::Profile`)
//! poll   --> as many as may be in a run are there: they are run
//! flush  --> nothing else is to be done: the kind of which most wait, as it is
//! ```
//!
//! Nothing waits for a timer. Whether requests are run together is measured while they are served
//! (`interlude_onnx::Trial`); where that does not pay, or a request has no company, they go back to their
//! submitters, who run them in place, and for a while the next ones are not submitted at all
//! ([`Profile::rests`]).
//!
//! Runs are made on the submitter's own thread, where it calls `poll` and `flush`, on a stack that
//! [`OnnxConfig::on_stack`] provides.
//!
//! Must not: take a job that is no [`Inference`], or one that cannot share a run; run anything in `submit`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlude_onnx::{Batch, Inference, Profile, Way};

use crate::{Begun, Call, Capabilities, Completion, Engine, Job, Refused, Work};

/// Runs that may wait, of one kind, before a job is refused.
const RUNS: usize = 64;
/// Kinds of request that have a queue; one more takes the place of one that is empty.
const GROUPS: usize = 64;

/// Requests that are run in both ways, at most: enough to see whether results are the same, and no more,
/// since all that wait also wait for these.
const PROVED: usize = 4;

impl Call for Inference {
    fn run(&mut self) {
        Inference::run(self);
    }

    fn spoil(&mut self, _: u64) {
        Inference::spoil(self);
    }
}

/// How runs are made.
#[derive(Clone, Copy)]
pub struct OnnxConfig {
    /// Requests in a run, at most.
    pub batch: usize,
    /// By how much results of a request among others may differ from those of it alone, as a share of an
    /// output's largest element.
    pub tolerance: f32,
    /// Runs something on a stack with room for a model's kernels.
    pub on_stack: fn(&mut dyn FnMut()),
}

/// What became of requests that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How they were run; `Apart`: one alone, or several that were given back.
    pub way: Way,
    /// How many they were.
    pub requests: usize,
    /// Were results found, for the first time, that depend on what they were computed beside?
    pub is_refuted: bool,
}

struct Group {
    profile: Arc<Profile>,
    waiting: Vec<Job>,
}

/// The engine of one thread.
pub struct Onnx {
    config: OnnxConfig,
    groups: Vec<Group>,
    batch: Batch,
    done: Vec<Completion>,
    runs: Vec<Run>,
}

impl Onnx {
    /// An engine with nothing to do.
    #[must_use]
    pub fn new(config: OnnxConfig) -> Self {
        let (groups, done, runs) = (Vec::new(), Vec::new(), Vec::new());
        Self { config, groups, batch: Batch::default(), done, runs }
    }

    /// The queue of a kind of request.
    fn group(&mut self, profile: &Arc<Profile>) -> Option<&mut Group> {
        let is_it = |group: &Group| Arc::ptr_eq(&group.profile, profile);
        if let Some(index) = self.groups.iter().position(is_it) {
            return self.groups.get_mut(index);
        }
        if self.groups.len() >= GROUPS {
            let idle = self.groups.iter().position(|group| group.waiting.is_empty())?;
            self.groups.swap_remove(idle);
        }
        self.groups.push(Group { profile: Arc::clone(profile), waiting: Vec::new() });
        self.groups.last_mut()
    }

    fn run_full(&mut self) {
        for index in 0..self.groups.len() {
            while self.groups[index].waiting.len() >= self.config.batch {
                self.serve(index);
            }
        }
    }

    /// The oldest of a kind, as many as may be in a run.
    fn serve(&mut self, index: usize) {
        let group = &mut self.groups[index];
        let profile = Arc::clone(&group.profile);
        let waiting = group.waiting.len().min(self.config.batch);
        let jobs = group.waiting.iter().take(waiting);
        let rows = jobs.filter_map(work).filter_map(|work| work.look(Inference::rows)).sum();
        let (alone, way) = profile.with(|trial| (trial.met(waiting), trial.way(waiting, rows)));
        let taken = if way == Way::Prove { waiting.min(PROVED) } else { waiting };
        let jobs: Vec<Job> = group.waiting.drain(..taken).collect();
        if alone > 0 {
            profile.rest(alone);
        }
        if way == Way::Apart && jobs.len() > 1 {
            profile.rest(profile.with(|trial| trial.rests(rows)));
            self.runs.push(Run { way, requests: jobs.len(), is_refuted: false });
            self.done.extend(jobs.iter().map(|job| Completion::declined(job.ticket)));
            return;
        }
        let made = catch_unwind(AssertUnwindSafe(|| self.run(&jobs, &profile, way)));
        if let Err(panic) = made {
            // Those who wait have an answer, whatever has become of the run.
            self.done.extend(jobs.iter().map(|job| Completion::done(job.ticket)));
            resume_unwind(panic);
        }
    }

    fn run(&mut self, jobs: &[Job], profile: &Profile, way: Way) {
        let mut begun: Vec<(usize, Begun<'_, Inference>)> = jobs
            .iter()
            .enumerate()
            .filter_map(|(index, job)| Some((index, work(job)?.begin()?)))
            .collect();
        let mut inferences: Vec<&mut Inference> =
            begun.iter_mut().filter_map(|(_, begun)| begun.call()).collect();
        let requests = inferences.len();
        // Some may have been given up meanwhile.
        let way = if requests < 2 { Way::Apart } else { way };
        let was_refuted = profile.with(|trial| trial.is_refuted());
        let since = Instant::now();
        let (batch, tolerance) = (&mut self.batch, self.config.tolerance);
        (self.config.on_stack)(&mut || batch.run(&mut inferences, way, tolerance));
        let took = since.elapsed() / u32::try_from(requests.max(1)).unwrap_or(1);
        let is_refuted = !was_refuted && profile.with(|trial| trial.is_refuted());
        if requests > 0 {
            self.runs.push(Run { way, requests, is_refuted });
        }
        let mut is_run = vec![false; jobs.len()];
        for (index, mut begun) in begun {
            if begun.call().is_some_and(|call| call.has_results()) {
                is_run[index] = true;
                begun.done(took);
            }
        }
        // What a run together could not give is no fault of anybody's: it is run in place.
        let answers = jobs.iter().zip(is_run).map(|(job, is_run)| match is_run {
            true => Completion::done(job.ticket),
            false => Completion::declined(job.ticket),
        });
        self.done.extend(answers);
    }

    fn decline_all(&mut self) {
        for group in &mut self.groups {
            self.done.extend(group.waiting.drain(..).map(|job| Completion::declined(job.ticket)));
        }
    }
}

fn work(job: &Job) -> Option<&Work<Inference>> {
    job.task.as_any().downcast_ref()
}

impl Engine for Onnx {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "onnx",
            asynchronous: true,
            queue: self.config.batch * RUNS,
            parallel: self.config.batch,
            has_lanes: true,
            own_cpus: false,
            own_results: true,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let profile = work(&job).and_then(|work| work.look(|call| call.profile().cloned()));
        let Some(profile) = profile.flatten() else { return Err(Refused(job)) };
        let most = self.config.batch * RUNS;
        match self.group(&profile) {
            Some(group) if group.waiting.len() < most => {
                group.waiting.push(job);
                Ok(())
            }
            _ => Err(Refused(job)),
        }
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        self.run_full();
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.done.len()
    }

    fn flush(&mut self) {
        // Those who have answers go on first, and may ask for more.
        while self.done.is_empty() {
            let most = self.groups.iter().enumerate().max_by_key(|(_, group)| group.waiting.len());
            match most {
                Some((index, group)) if !group.waiting.is_empty() => self.serve(index),
                _ => return,
            }
        }
    }

    fn take_runs(&mut self, into: &mut Vec<Run>) {
        into.append(&mut self.runs);
    }

    /// Whoever sleeps has no company.
    fn sleep(&mut self, _: Option<Duration>) {
        self.decline_all();
    }
}
