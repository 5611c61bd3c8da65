//! The `cores` engine: helper threads that run the original calls.
//!
//! One pool a process, one port a submitting thread:
//!
//! ```text
//! port (loop thread) --submit--> pool queue (bounded) --> helper threads
//!        ^                                                      |
//!        +-- poll -- inbox of this port <------ completion -----+
//!                        | eventfd, only if the port is armed
//! ```
//!
//! `tests/loom_*.rs` go through every order in which port and helpers may meet.
//!
//! Helper threads start with the first job, never before: a process may fork until then. They
//! block all signals, so the server's handlers run on the server's threads as they always did.

mod inbox;
#[cfg(loom)]
mod model;
mod pool;
mod wake;

use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::time::Duration;

use crate::sync::Arc;
use crate::{Capabilities, Completion, Engine, Job, Refused};
use inbox::Inbox;
#[cfg(loom)]
pub use model::ModelHelper;
pub(crate) use pool::AllSignalsBlocked;
use pool::Pool;

/// How the helper threads are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoresConfig {
    /// Number of threads; 0: as many as the process may use CPUs.
    pub threads: usize,
    /// Jobs that may wait for a thread before one is refused.
    pub queue: usize,
    /// Added to the process's nice value for the helper threads.
    pub nice: i32,
}

/// The pool of helper threads of a process.
#[derive(Clone)]
pub struct Cores {
    pool: Arc<Pool>,
}

impl Cores {
    /// A pool without threads yet.
    #[must_use]
    pub fn new(config: CoresConfig) -> Self {
        let threads = match config.threads {
            0 => available(),
            n => n,
        };
        Self { pool: Arc::new(Pool::new(CoresConfig { threads, ..config })) }
    }

    /// A way in for one submitting thread.
    ///
    /// # Errors
    /// The process has no fd left for the wake-up.
    pub fn port(&self) -> io::Result<CoresPort> {
        Ok(CoresPort { pool: Arc::clone(&self.pool), inbox: Arc::new(Inbox::new()?) })
    }

    /// Ends the helper threads after the jobs that they are at, and waits for them; what still
    /// waits in the queue is dropped. For the end of the process: no call may be inside a library
    /// while that library cleans up.
    pub fn stop(&self) {
        self.pool.stop();
    }

    /// Ends the helper threads once the queue is empty, and waits for them.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// CPUs that the process may use.
fn available() -> usize {
    static AVAILABLE: OnceLock<usize> = OnceLock::new();
    *AVAILABLE.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// One thread's way into the pool.
#[derive(Clone)]
pub struct CoresPort {
    pool: Arc<Pool>,
    inbox: Arc<Inbox>,
}

impl CoresPort {
    /// Has a completion arrive here, as a helper thread does.
    pub(crate) fn complete(&self, completion: Completion) {
        self.inbox.push(completion);
    }

    /// As [`Engine::submit`], for whoever has a clone of the port.
    pub(crate) fn give(&self, job: Job) -> Result<(), Refused> {
        self.pool.submit(job, &self.inbox)
    }

    /// What a sleep on the wake fd ends with that was not armed here: a late ring is read.
    pub(crate) fn settle(&self) {
        self.inbox.settle();
    }
}

impl Engine for CoresPort {
    fn capabilities(&self) -> Capabilities {
        let config = self.pool.config();
        Capabilities {
            name: "cores",
            asynchronous: true,
            queue: config.queue,
            parallel: config.threads,
            has_lanes: false,
            own_cpus: config.threads < available(),
            is_shared: false,
            own_results: false,
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        self.give(job)
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        self.inbox.take(max, into)
    }

    fn completed(&self) -> usize {
        self.inbox.len()
    }

    fn depth(&self) -> Option<usize> {
        Some(self.pool.depth())
    }

    fn wake_fd(&self) -> Option<RawFd> {
        Some(self.inbox.wake_fd())
    }

    fn arm(&mut self) -> bool {
        self.inbox.arm()
    }

    fn disarm(&mut self) {
        self.inbox.disarm();
    }

    fn sleep(&mut self, limit: Option<Duration>) {
        self.inbox.sleep(limit);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
