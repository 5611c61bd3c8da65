//! What is measured: an operation as its caller makes it, and as a job.
//!
//! A job owns copies of what the caller gives, and its results are copied to where the caller wants them: as
//! the library has it (`shim/src/api`), and all of that counts.
//!
//! Must not: measure anything; give an engine an operation that this one would not be given by the library.

use interlude_offload::{Call, JobKind, Task, Work};
use std::sync::Arc;

/// An operation, with everything that its caller has.
pub(super) trait Subject {
    /// As a job.
    type Call: Call + 'static;

    /// Makes all ready that is so before the call is made. False: it cannot be made.
    fn ready(&mut self) -> bool {
        true
    }

    /// Makes the call, as without us. False: it has failed.
    fn in_place(&mut self) -> bool;

    /// Makes a job of it. `None`: what it takes is in another one.
    fn call(&mut self) -> Option<Self::Call>;

    /// Has the results of a job where its caller wants them. False: there are none.
    fn finish(&mut self, call: Self::Call) -> bool;
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) kinds: Vec<JobKind>,
    /// Of buffers, in bytes, rising.
    pub(super) sizes: Vec<usize>,
    /// Of compressions.
    pub(super) level: u8,
}

/// One place on a curve.
pub(super) struct Case {
    pub(super) kind: JobKind,
    /// The kind of data, or the algorithm.
    pub(super) data: &'static str,
    /// Of input, or of the key.
    pub(super) bytes: usize,
    pub(super) subject: Box<dyn Measurable>,
}

/// A [`Subject`], whatever its calls are.
pub(super) trait Measurable {
    fn ready(&mut self) -> bool;
    fn in_place(&mut self) -> bool;
    /// A job, and what has its results once it is done.
    fn submit(&mut self) -> Option<Flight>;
    /// False: there are no results.
    fn land(&mut self, flight: Flight) -> bool;
}

/// A job that is under way.
pub(super) struct Flight {
    pub(super) task: Arc<dyn Task>,
}

impl<S: Subject> Measurable for S {
    fn ready(&mut self) -> bool {
        Subject::ready(self)
    }

    fn in_place(&mut self) -> bool {
        Subject::in_place(self)
    }

    fn submit(&mut self) -> Option<Flight> {
        let task = Arc::new(Work::new(self.call()?));
        Some(Flight { task })
    }

    fn land(&mut self, flight: Flight) -> bool {
        let work = flight.task.as_any().downcast_ref::<Work<S::Call>>();
        work.and_then(Work::take).is_some_and(|done| self.finish(done.call))
    }
}
