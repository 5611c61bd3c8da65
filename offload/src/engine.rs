//! The engine trait.

use std::os::fd::RawFd;
use std::time::Duration;

use crate::{Completion, Emulated, Job, JobKind, Pass, Run, Ticket};

/// A job that an engine did not take, handed back.
pub struct Refused(pub Job);

/// What an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Its name, as in the settings.
    pub name: &'static str,
    /// Does a job go on while the submitter does something else?
    pub asynchronous: bool,
    /// Jobs that it holds at most before it refuses one.
    pub queue: usize,
    /// Operations that it works on at the same time.
    pub parallel: usize,
    /// Does it put several operations into one pass ([`crate::Lane`])?
    pub has_lanes: bool,
    /// Does it work on processors other than those that submitters run on?
    pub own_cpus: bool,
    /// Does [`Engine::depth`] count other threads' jobs, which this one's wait for?
    pub is_shared: bool,
    /// Does it come to its results by other means than the original function in this process?
    pub own_results: bool,
}

/// Something that carries out jobs for one thread.
///
/// Every job taken by `submit` should come out of `poll` once, in any order; [`crate::Guard`] sees to
/// those of which that is not so. Nothing blocks but `sleep`.
pub trait Engine {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// May it take jobs of this kind and size (in bytes of input)?
    fn accepts(&self, kind: JobKind, bytes: usize) -> bool {
        let _ = (kind, bytes);
        true
    }

    /// Hands a job over.
    ///
    /// # Errors
    /// The queue is full or the engine cannot work; the job comes back unchanged.
    fn submit(&mut self, job: Job) -> Result<(), Refused>;

    /// Takes at most `max` completions, appending them to `into`; returns how many.
    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize;

    /// How many completions wait to be taken, without taking any.
    fn completed(&self) -> usize;

    /// How many jobs it has and has not done, whichever threads they are of; `None`: it does not know of others
    /// than this thread's.
    fn depth(&self) -> Option<usize> {
        None
    }

    /// How many of these are other threads', where that is known.
    fn others(&self) -> usize {
        0
    }

    /// An fd that becomes readable when a completion arrives after [`Engine::arm`]; `None` for an
    /// engine that completes jobs only while it is called.
    fn wake_fd(&self) -> Option<RawFd> {
        None
    }

    /// A second one, that becomes readable after [`Engine::arm`] when a completion is due that needs only
    /// time; `None` for an engine that has no such thing.
    fn timer_fd(&self) -> Option<RawFd> {
        None
    }

    /// Asks for a wake-up: the submitter is about to sleep on [`Engine::wake_fd`] and
    /// [`Engine::timer_fd`]. Returns false if there is a completion already, and then nothing is armed.
    fn arm(&mut self) -> bool {
        self.completed() == 0
    }

    /// Ends what `arm` began, whether or not a wake-up came.
    fn disarm(&mut self) {}

    /// There will be no more jobs for a while: start whatever was held back to be batched.
    fn flush(&mut self) {}

    /// May the submitter take that job back and do it itself, where it has not begun? Not from a device that
    /// is at it.
    fn may_recall(&self, ticket: Ticket) -> bool {
        let _ = ticket;
        true
    }

    /// What an emulated device has done since this was last asked.
    fn take_emulated(&mut self) -> Emulated {
        Emulated::default()
    }

    /// How many answers came for jobs that were not out, since this was last asked: they went no further.
    fn take_unknown(&mut self) -> u64 {
        0
    }

    /// Appends what was done in passes since this was last asked.
    fn take_passes(&mut self, into: &mut Vec<Pass>) {
        let _ = into;
    }

    /// Appends what was run together since this was last asked.
    fn take_runs(&mut self, into: &mut Vec<Run>) {
        let _ = into;
    }

    /// Puts the calling OS thread to sleep until a completion waits, or, with a limit, for about
    /// that long at most.
    fn sleep(&mut self, limit: Option<Duration>);
}
