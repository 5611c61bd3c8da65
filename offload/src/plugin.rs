//! The `plugin` engine: a shared object that others have built (`interlude-plugin`).
//!
//! ```text
//! submit --> a Compression's request --> the plugin's queue    (any other job is refused)
//! poll   --> answers: a result       --> begun and done, if nobody has given the job up
//!                     declined       --> back to the submitter
//!                     failed         --> answered without results: the guard's business
//! ```
//!
//! **What is given up is not given back.** When a job is late, its submitter does the call itself, on memory of
//! its own. The plugin has the request still, and may write to its output at any time: so the request stays
//! with the queue until the plugin answers, and for ever if it never does. At most [`MOST_OUT`] are kept so.
//!
//! Must not: believe the plugin (a [`crate::Guard`] stands before this, and the submitter looks at the results);
//! run anything; wait but in `sleep`.

mod tick;

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use interlude_plugin::{Answer, Failed, Library, Queue, Unusable};

use crate::cores::AllSignalsBlocked;
use crate::{
    Capabilities, Completion, Compression, Engine, Job, JobKind, Refused, Task, Ticket, Work,
};
use tick::Tick;

/// Requests that may be out, whatever the plugin would take: each holds its input and its output.
const MOST_OUT: usize = 1024;

/// One thread's queue of a plugin.
pub struct Plugin {
    queue: Queue,
    /// What wakes the thread, where the plugin has nothing for that.
    tick: Option<Tick>,
    is_armed: bool,
    /// Whose the requests are that are out.
    tasks: BTreeMap<Ticket, Arc<dyn Task>>,
    answers: Vec<Answer>,
    done: Vec<Completion>,
}

impl Plugin {
    /// Opens a queue for the calling thread. All signals are blocked meanwhile, and so they are in the threads
    /// that the plugin starts.
    ///
    /// # Errors
    /// The plugin does not want to, or the process has no fd left.
    pub fn open(library: &Library, arguments: &str) -> Result<Self, Unusable> {
        let queue = {
            let _blocked = AllSignalsBlocked::new();
            Queue::open(library, arguments)?
        };
        let tick = match queue.fd() {
            Some(_) => None,
            None => Some(Tick::new().map_err(|error| queue.unusable(&error))?),
        };
        Ok(Self {
            queue,
            tick,
            is_armed: false,
            tasks: BTreeMap::new(),
            answers: Vec::new(),
            done: Vec::new(),
        })
    }

    /// Asks the plugin what it is through with.
    fn gather(&mut self, max: usize) {
        let mut answers = std::mem::take(&mut self.answers);
        self.queue.poll(max, &mut answers);
        for answer in answers.drain(..) {
            self.answer(answer);
        }
        self.answers = answers;
    }

    fn answer(&mut self, answer: Answer) {
        let ticket = Ticket(answer.ticket);
        let task = self.tasks.remove(&ticket);
        let completion = match answer.result {
            Ok(produced) => {
                // Nothing to begin with: it was given up, and the answer is nobody's.
                if let Some(mut begun) = task.as_deref().and_then(work).and_then(Work::begin)
                    && let Some(call) = begun.call()
                {
                    call.done(answer.request, produced);
                    // It is no measure of what the call takes in place.
                    begun.done(Duration::ZERO);
                }
                Completion::done(ticket)
            }
            Err(Failed::Declined) => Completion::declined(ticket),
            Err(Failed::Status(_) | Failed::Length(_)) => Completion::done(ticket),
        };
        self.done.push(completion);
    }
}

fn work(task: &dyn Task) -> Option<&Work<Compression>> {
    task.as_any().downcast_ref()
}

impl Engine for Plugin {
    fn capabilities(&self) -> Capabilities {
        let library = self.queue.library();
        Capabilities {
            name: "plugin",
            asynchronous: true,
            queue: library.queue().min(MOST_OUT),
            parallel: library.parallel(),
            has_lanes: false,
            own_cpus: true,
            is_shared: false,
            own_results: true,
        }
    }

    fn accepts(&self, kind: JobKind, bytes: usize) -> bool {
        kind.compresses() && self.queue.accepts(bytes)
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        let Some(work) = work(&*job.task).filter(|_| self.queue.out() < MOST_OUT) else {
            return Err(Refused(job));
        };
        let Some(request) = work.lend(Compression::take_request).flatten() else {
            return Err(Refused(job));
        };
        if let Err((_, request)) = self.queue.submit(job.ticket.0, request) {
            work.lend(|call| call.give_back(request));
            return Err(Refused(job));
        }
        self.tasks.insert(job.ticket, job.task);
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        if let Some(more @ 1..) = max.checked_sub(self.done.len()) {
            self.gather(more);
        }
        let taken = max.min(self.done.len());
        into.extend(self.done.drain(..taken));
        taken
    }

    /// As far as the plugin has been asked.
    fn completed(&self) -> usize {
        self.done.len()
    }

    fn wake_fd(&self) -> Option<RawFd> {
        self.queue.fd().or_else(|| self.tick.as_ref().map(Tick::fd))
    }

    fn arm(&mut self) -> bool {
        if !self.done.is_empty() {
            return false;
        }
        self.is_armed = match &self.tick {
            None => self.queue.arm(),
            Some(tick) => {
                tick.start();
                true
            }
        };
        self.is_armed
    }

    fn disarm(&mut self) {
        if std::mem::take(&mut self.is_armed) {
            match &self.tick {
                None => self.queue.disarm(),
                Some(tick) => tick.stop(),
            }
        }
    }

    /// Whether it has begun is not known: so not what the plugin has.
    fn may_recall(&self, ticket: Ticket) -> bool {
        !self.tasks.contains_key(&ticket)
    }

    fn take_unknown(&mut self) -> u64 {
        self.queue.take_dropped()
    }

    fn sleep(&mut self, limit: Option<Duration>) {
        if self.arm() {
            if let Some(fd) = self.wake_fd() {
                tick::wait(fd, limit);
            }
            self.disarm();
        }
    }
}
