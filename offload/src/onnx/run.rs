//! One run: requests of one kind, together, in both ways, or each by itself.
//!
//! Must not: know where it is made, or tell anybody that it was.

use std::time::Instant;

use interlude_onnx::{Batch, Inference, Way};

use super::{OnnxConfig, Run, work};
use crate::helpers::{Errand, Made};
use crate::{Begun, Completion, Job};

/// Requests of one kind, to be run.
pub(super) struct Requests {
    pub(super) config: OnnxConfig,
    pub(super) jobs: Vec<Job>,
    pub(super) way: Way,
}

impl Errand for Requests {
    /// Memory for batched tensors.
    type Memory = Batch;
    type Report = Run;

    fn memory() -> Option<Batch> {
        Some(Batch::default())
    }

    fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    fn make(&self, batch: &mut Batch) -> Made<Run> {
        make(self.config, batch, &self.jobs, self.way)
    }
}

fn make(config: OnnxConfig, batch: &mut Batch, jobs: &[Job], way: Way) -> Made<Run> {
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
    let profile = inferences.first().and_then(|first| first.profile().cloned());
    let is_refuted =
        || profile.as_ref().is_some_and(|profile| profile.with(|trial| trial.is_refuted()));
    let was_refuted = is_refuted();
    let since = Instant::now();
    (config.on_stack)(&mut || batch.run(&mut inferences, way, config.tolerance));
    let took = since.elapsed() / u32::try_from(requests.max(1)).unwrap_or(1);
    let is_refuted = !was_refuted && is_refuted();
    let report = (requests > 0).then_some(Run { way, requests, is_refuted });
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
    Made { answers: answers.collect(), report }
}
