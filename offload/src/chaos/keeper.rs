//! What is to happen later, and the thread that sees to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cores::AllSignalsBlocked;
use crate::sync::{Arc, Builder, Condvar, Mutex};
use crate::{Completion, CoresPort, Job, Refused};

/// Something that happens to a job.
pub(super) enum Step {
    /// A helper thread gets it.
    Run(Job),
    /// It is answered.
    Answer(Completion),
}

/// Has steps taken later.
pub(super) struct Keeper(Arc<Shared>);

struct Shared {
    plan: Mutex<Plan>,
    changed: Condvar,
    port: CoresPort,
}

#[derive(Default)]
struct Plan {
    /// By time; of those for the same time, in the order in which they were asked for.
    steps: BTreeMap<(Instant, u64), Step>,
    next: u64,
    started: bool,
    closing: bool,
}

impl Keeper {
    /// One that takes its steps at that port. Its thread starts with the first one.
    pub(super) fn new(port: CoresPort) -> Self {
        let (plan, changed) = (Mutex::new(Plan::default()), Condvar::new());
        Self(Arc::new(Shared { plan, changed, port }))
    }

    pub(super) fn after(&self, delay: Duration, step: Step) {
        let mut plan = self.0.plan.lock();
        let number = plan.next;
        plan.next += 1;
        plan.steps.insert((Instant::now() + delay, number), step);
        if !plan.started {
            let _blocked = AllSignalsBlocked::new();
            let shared = Arc::clone(&self.0);
            let builder = Builder::new().name("interlude-chaos".to_owned());
            // Without a thread nothing is ever answered, which is one more way to go wrong.
            plan.started = builder.spawn(move || keep(&shared)).is_ok();
        }
        drop(plan);
        self.0.changed.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.plan.lock().closing = true;
        self.0.changed.notify_one();
    }
}

fn keep(shared: &Shared) {
    let mut plan = shared.plan.lock();
    while !plan.closing {
        let Some((at, number)) = plan.steps.keys().next().copied() else {
            plan = shared.changed.wait(plan);
            continue;
        };
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            plan = shared.changed.wait_at_most(plan, left);
            continue;
        }
        let step = plan.steps.remove(&(at, number));
        drop(plan);
        match step {
            Some(Step::Run(job)) => {
                // What the pool does not take any more is answered as it is, which is a failure.
                if let Err(Refused(job)) = shared.port.give(job) {
                    shared.port.complete(Completion::done(job.ticket));
                }
            }
            Some(Step::Answer(completion)) => shared.port.complete(completion),
            None => {}
        }
        plan = shared.plan.lock();
    }
}
