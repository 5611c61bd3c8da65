//! The `inline` engine: a job is carried out when it is submitted, where it is submitted.

use std::time::Duration;

use crate::{Capabilities, Completion, Engine, Job, Refused};

/// Runs each job in place.
#[derive(Default)]
pub struct Inline {
    done: Vec<Completion>,
}

impl Engine for Inline {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "inline",
            asynchronous: false,
            queue: usize::MAX,
            parallel: 1,
            has_lanes: false,
            own_cpus: false,
            is_shared: false,
            own_results: false,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        job.task.run();
        self.done.push(Completion::done(job.ticket));
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    fn completed(&self) -> usize {
        self.done.len()
    }

    fn sleep(&mut self, _: Option<Duration>) {}
}
