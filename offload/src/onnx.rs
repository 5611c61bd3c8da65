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
//! [`OnnxConfig::on_stack`] provides. Or, where there are some, on helper threads (`crate::helpers`): then what waits
//! goes to one that is free, and is joined by others while none is; and what is better run by itself is, on
//! one of them, too: it does not go back.
//!
//! Must not: take a job that is no [`Inference`], or, without helpers, one that cannot share a run; run anything in
//! `submit`.

mod run;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use interlude_onnx::{Batch, Inference, Profile, Way};

use crate::cores::CoresPort;
use crate::helpers::{Helpers, make_here};
use crate::{Call, Capabilities, Completion, Engine, Job, Refused, Work};
use run::Requests;

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
    /// What is to be run by itself, by helpers.
    alone: VecDeque<Job>,
    /// Who makes the runs, if not the submitter's thread.
    helpers: Option<Helpers<Requests>>,
    batch: Batch,
    done: Vec<Completion>,
    runs: Vec<Run>,
}

impl Onnx {
    /// An engine with nothing to do.
    #[must_use]
    pub fn new(config: OnnxConfig) -> Self {
        Self {
            config,
            groups: Vec::new(),
            alone: VecDeque::new(),
            helpers: None,
            batch: Batch::default(),
            done: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// As [`Self::new`], with helper threads that make the runs: those behind this port, which is nobody
    /// else's.
    #[must_use]
    pub fn over(port: CoresPort, config: OnnxConfig) -> Self {
        Self { helpers: Some(Helpers::new(port)), ..Self::new(config) }
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
        }
        match &mut self.helpers {
            Some(_) if way == Way::Apart => {
                self.alone.extend(jobs);
                self.give_alone();
            }
            Some(helpers) => helpers.give(Requests { config: self.config, jobs, way }),
            None if way == Way::Apart && jobs.len() > 1 => {
                self.runs.push(Run { way, requests: jobs.len(), is_refuted: false });
                self.done.extend(jobs.iter().map(|job| Completion::declined(job.ticket)));
            }
            None => {
                let requests = Requests { config: self.config, jobs, way };
                make_here(&requests, &mut self.batch, &mut self.done, &mut self.runs);
            }
        }
    }

    /// What is to be run by itself, as far as helpers are to have it by now: each has one, and the next one, too.
    /// Those that come then are kept: a queue of them before runs of several would never end.
    fn give_alone(&mut self) {
        let Some(helpers) = &mut self.helpers else { return };
        while helpers.out(|requests| requests < 2) < 2 * helpers.threads()
            && let Some(job) = self.alone.pop_front()
        {
            helpers.give(Requests { config: self.config, jobs: vec![job], way: Way::Apart });
        }
    }

    /// Has each helper a run of several requests of this submitter's? Whatever comes until one is through may as
    /// well wait for it, and be in the next.
    fn are_helpers_busy(&self) -> bool {
        let several = |helpers: &Helpers<_>| helpers.out(|requests| requests > 1);
        self.helpers.as_ref().is_some_and(|helpers| several(helpers) >= helpers.threads())
    }

    /// What helpers have done.
    fn collect(&mut self) {
        if let Some(helpers) = &mut self.helpers {
            helpers.take(&mut self.done, &mut self.runs);
        }
        self.give_alone();
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
            is_shared: false,
            own_results: true,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let company = work(&job).and_then(|work| work.look(|call| call.company().cloned()));
        let most = self.config.batch * RUNS;
        match company {
            Some(Some(profile)) => match self.group(&profile) {
                Some(group) if group.waiting.len() < most => {
                    group.waiting.push(job);
                    Ok(())
                }
                _ => Err(Refused(job)),
            },
            Some(None) if self.helpers.is_some() && self.alone.len() < most => {
                self.alone.push_back(job);
                Ok(())
            }
            _ => Err(Refused(job)),
        }
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        self.collect();
        self.run_full();
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.done.len()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        self.helpers.as_ref().and_then(Helpers::wake_fd)
    }

    fn arm(&mut self) -> bool {
        self.done.is_empty() && self.helpers.as_mut().is_none_or(|helpers| helpers.port().arm())
    }

    fn disarm(&mut self) {
        if let Some(helpers) = &mut self.helpers {
            helpers.port().disarm();
        }
    }

    fn flush(&mut self) {
        self.collect();
        // Those who have answers go on first, and may ask for more.
        while self.done.is_empty() && !self.are_helpers_busy() {
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
    fn sleep(&mut self, limit: Option<Duration>) {
        self.decline_all();
        self.collect();
        let has_answers = !self.done.is_empty();
        if let Some(helpers) = self.helpers.as_mut().filter(|out| out.are_out() && !has_answers) {
            helpers.port().sleep(limit);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
