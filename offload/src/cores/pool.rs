//! The helper threads and the queue before them.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::CoresConfig;
use super::inbox::Inbox;
use crate::sync::{Arc, Builder, Condvar, JoinHandle, Mutex};
use crate::{Completion, Job, Refused};

pub(super) struct Pool {
    config: CoresConfig,
    state: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

struct Queue {
    jobs: VecDeque<(Job, Arc<Inbox>)>,
    idle: usize,
    running: usize,
    started: bool,
    closing: bool,
}

impl Pool {
    pub(super) fn new(config: CoresConfig) -> Self {
        let queue =
            Queue { jobs: VecDeque::new(), idle: 0, running: 0, started: false, closing: false };
        let state = Arc::new(Shared { queue: Mutex::new(queue), work: Condvar::new() });
        Self { config, state, threads: Mutex::new(Vec::new()) }
    }

    pub(super) fn config(&self) -> CoresConfig {
        self.config
    }

    pub(super) fn submit(&self, job: Job, inbox: &Arc<Inbox>) -> Result<(), Refused> {
        let mut queue = self.state.queue.lock();
        if !queue.started && !queue.closing {
            queue.started = true;
            // Under the lock: no job may wait before it is known that a thread comes for it.
            queue.closing = !self.start();
        }
        if queue.closing || queue.jobs.len() >= self.config.queue {
            return Err(Refused(job));
        }
        queue.jobs.push_back((job, Arc::clone(inbox)));
        let wake = queue.idle > 0;
        drop(queue);
        if wake {
            self.state.work.notify_one();
        }
        Ok(())
    }

    /// Jobs that wait for a thread or are being run.
    pub(super) fn depth(&self) -> usize {
        let queue = self.state.queue.lock();
        queue.jobs.len() + queue.running
    }

    /// Starts the threads. False if none can be had: then everything is refused from now on.
    fn start(&self) -> bool {
        let _blocked = AllSignalsBlocked::new();
        let mut threads = self.threads.lock();
        for number in 0..self.config.threads {
            let state = Arc::clone(&self.state);
            let nice = self.config.nice;
            let builder = Builder::new().name(format!("interlude-{number}"));
            match builder.spawn(move || help(&state, nice)) {
                Ok(thread) => threads.push(thread),
                Err(_) => break,
            }
        }
        !threads.is_empty()
    }

    pub(super) fn stop(&self) {
        let dropped = std::mem::take(&mut self.state.queue.lock().jobs);
        drop(dropped);
        self.close();
    }

    pub(super) fn close(&self) {
        self.state.queue.lock().closing = true;
        self.state.work.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A helper cannot have panicked: `help` catches what a call throws.
            let _ = thread.join();
        }
    }
}

/// A helper thread: jobs until the pool closes.
fn help(state: &Shared, nice: i32) {
    // SAFETY: `who` 0 is the calling thread on Linux; a refusal leaves the priority as it was.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, current_nice() + nice) };
    let mut queue = state.queue.lock();
    loop {
        let Some((job, inbox)) = queue.jobs.pop_front() else {
            if queue.closing {
                return;
            }
            queue.idle += 1;
            queue = state.work.wait(queue);
            queue.idle -= 1;
            continue;
        };
        queue.running += 1;
        drop(queue);
        // A call that panics has no outcome, and its submitter runs the original itself.
        let _ = catch_unwind(AssertUnwindSafe(|| job.task.run()));
        inbox.push(Completion::done(job.ticket));
        queue = state.queue.lock();
        queue.running -= 1;
    }
}

fn current_nice() -> i32 {
    // SAFETY: no preconditions. -1 may be an error or a nice value: both are fine here.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// While it lives, threads that this thread starts inherit a mask that blocks every signal.
pub(crate) struct AllSignalsBlocked {
    before: libc::sigset_t,
}

impl AllSignalsBlocked {
    pub(crate) fn new() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: fills the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: both sets are valid; the call cannot fail with SIG_SETMASK.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: zeroed is a valid set, and the call above has filled it.
        Self { before: unsafe { before.assume_init() } }
    }
}

impl Drop for AllSignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask that was read in `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut())
        };
    }
}
