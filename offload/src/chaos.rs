//! The `chaos` engine, for tests: `cores` with everything that can go wrong with an engine.
//!
//! Every job is delayed at random, and of a hundred so many
//!
//! | share | what becomes of it |
//! |---|---|
//! | `fail` | answered without having been run |
//! | `hang` | never answered |
//! | `late` | answered when its deadline has passed; run before that, or only then |
//! | `twice` | answered, and answered again |
//! | `wrong` | answered with results that are wrong ([`Call::spoil`](crate::Call::spoil)) |
//!
//! All others are answered as `cores` does it; after `hang_after` jobs, none any more. The same seed gives the same fates to the same jobs;
//! the order in which answers come is the machine's.
//!
//! Must not: touch results but for `wrong`, or hold a helper thread while a job is delayed.

mod keeper;

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::random::Random;
use crate::{Capabilities, Completion, CoresPort, Engine, Job, Refused, Task, Ticket};
use keeper::{Keeper, Step};

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChaosConfig {
    /// What all is drawn from.
    pub seed: u64,
    /// Every job is delayed by so much at most.
    pub delay_max: Duration,
    /// After so long an answer is late.
    pub late: Duration,
    /// How often what goes wrong.
    pub shares: Shares,
    /// After so many jobs none is answered any more; 0: it never comes to that.
    pub hang_after: u64,
}

/// Of a hundred jobs, how many; a hundred together at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// Answered without having been run.
    pub fail: u32,
    /// Never answered.
    pub hang: u32,
    /// Answered too late.
    pub late: u32,
    /// Answered twice.
    pub twice: u32,
    /// Answered wrongly.
    pub wrong: u32,
}

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Right,
    Fail,
    Hang,
    LateToRun,
    LateToAnswer,
    Twice,
    Wrong,
}

/// An engine for tests.
pub struct Chaos {
    config: ChaosConfig,
    random: Random,
    submitted: u64,
    /// What is still to be done to jobs that are being run.
    fates: BTreeMap<Ticket, (Fate, Arc<dyn Task>)>,
    hung: Vec<Job>,
    done: Vec<Completion>,
    keeper: Keeper,
    port: CoresPort,
}

impl Chaos {
    /// Over a way into a pool, that nobody else uses.
    #[must_use]
    pub fn new(config: ChaosConfig, port: CoresPort) -> Self {
        Self {
            config,
            random: Random::new(config.seed),
            submitted: 0,
            fates: BTreeMap::new(),
            hung: Vec::new(),
            done: Vec::new(),
            keeper: Keeper::new(port.clone()),
            port,
        }
    }

    fn draw(&mut self) -> Fate {
        self.submitted += 1;
        if self.config.hang_after > 0 && self.submitted > self.config.hang_after {
            return Fate::Hang;
        }
        let Shares { fail, hang, late, twice, wrong } = self.config.shares;
        let is_run = self.random.below(2) == 0;
        let mut drawn = self.random.below(100);
        let shares = [
            (fail, Fate::Fail),
            (hang, Fate::Hang),
            (late, if is_run { Fate::LateToAnswer } else { Fate::LateToRun }),
            (twice, Fate::Twice),
            (wrong, Fate::Wrong),
        ];
        for (share, fate) in shares {
            match drawn.checked_sub(share.into()) {
                Some(rest) => drawn = rest,
                None => return fate,
            }
        }
        Fate::Right
    }

    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.config.delay_max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.random.below(most))
    }

    /// The job has been run. What is to be said of it now?
    fn ran(&mut self, completion: Completion, into: &mut Vec<Completion>) {
        let fate = self.fates.remove(&completion.ticket);
        match fate {
            Some((Fate::LateToAnswer, _)) => {
                self.keeper.after(self.config.late, Step::Answer(completion));
                return;
            }
            Some((Fate::Twice, _)) => {
                let delay = self.delay();
                self.keeper.after(delay, Step::Answer(completion));
            }
            Some((Fate::Wrong, task)) => task.spoil(self.random.next()),
            _ => {}
        }
        into.push(completion);
    }
}

impl Engine for Chaos {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "chaos", own_results: true, ..self.port.capabilities() }
    }

    fn depth(&self) -> Option<usize> {
        self.port.depth()
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let delay = self.delay();
        let fate = self.draw();
        if matches!(fate, Fate::LateToAnswer | Fate::Twice | Fate::Wrong) {
            self.fates.insert(job.ticket, (fate, Arc::clone(&job.task)));
        }
        match fate {
            Fate::Hang => self.hung.push(job),
            Fate::Fail => {
                self.keeper.after(delay, Step::Answer(Completion::done(job.ticket)));
            }
            Fate::LateToRun => self.keeper.after(self.config.late, Step::Run(job)),
            _ if delay.is_zero() => {
                return self.port.submit(job).inspect_err(|refused| {
                    self.fates.remove(&refused.0.ticket);
                });
            }
            _ => self.keeper.after(delay, Step::Run(job)),
        }
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        let before = into.len();
        let mut done = std::mem::take(&mut self.done);
        self.port.poll(max, &mut done);
        for completion in done.drain(..) {
            self.ran(completion, into);
        }
        self.done = done;
        into.len() - before
    }

    fn completed(&self) -> usize {
        self.port.completed()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        self.port.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.port.arm()
    }

    fn disarm(&mut self) {
        self.port.disarm();
    }

    fn flush(&mut self) {
        self.port.flush();
    }

    fn sleep(&mut self, limit: Option<Duration>) {
        self.port.sleep(limit);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
