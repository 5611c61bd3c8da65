//! A call between its submitter, who wants the results, and an engine, which is not trusted.
//!
//! ```text
//! Waiting --run--> Begun (the lock is held) --the call returns--> Done <--repeat-- Waiting
//!    |                                      \--it panics--------> Begun
//!    +--give_up, take--> GivenUp
//! ```
//!
//! Invariants: the call is run at most once, and never after it was given up; while it is run, the
//! lock is held. So a submitter who has given a call up knows that no other thread uses the memory
//! that the call names, whatever the engine still does with its handle; and one whose call has run
//! has the results, whether or not the engine ever says so.

use std::any::Any;
use std::time::{Duration, Instant};

use crate::sync::{Mutex, MutexGuard};
use crate::{Call, Memory};

/// A call as an engine sees it.
pub trait Task: Send + Sync {
    /// The [`Work`] itself, for an engine that carries calls of that type out by other means.
    fn as_any(&self) -> &dyn Any;

    /// Runs the call, unless it was given up or run before.
    fn run(&self);

    /// Sees to it that the call is not run any more, if that is still possible.
    fn give_up(&self) -> Left;

    /// Gives it the results of an equal call, if `memory` has them and it has yet to begin. True: that is done.
    fn repeat(&self, memory: &Memory) -> bool;

    /// Has `memory` keep its results, if they are there and nobody has taken them.
    fn teach(&self, memory: &mut Memory);

    /// Makes the results wrong ([`Call::spoil`]), if they are there and nobody has taken them.
    fn spoil(&self, random: u64);
}

/// How far a call had come when it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was not run, and will not be; or it panicked.
    NotRun,
    /// It is being run. It was *not* given up.
    Running,
    /// It has been run: the results are there.
    Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Begun,
    Done,
    GivenUp,
}

struct State<C> {
    standing: Standing,
    /// `None`: the submitter has it back.
    call: Option<C>,
    took: Duration,
}

/// A call and what has become of it.
pub struct Work<C>(Mutex<State<C>>);

/// A call that an engine carries out by other means than [`Call::run`]. Dropped, it was tried in vain.
pub struct Begun<'a, C>(MutexGuard<'a, State<C>>);

impl<C> Begun<'_, C> {
    /// The call.
    pub fn call(&mut self) -> Option<&mut C> {
        self.0.call.as_mut()
    }

    /// It has its results, after so long; 0: that tells nothing of how long the call itself would take.
    pub fn done(mut self, took: Duration) {
        self.0.took = took;
        self.0.standing = Standing::Done;
    }
}

/// A call that was run.
pub struct Done<C> {
    /// The call, with its results.
    pub call: C,
    /// How long it ran; 0: it was done by other means, whose time tells nothing.
    pub took: Duration,
}

impl<C: Call> Work<C> {
    /// A call to be run.
    #[must_use]
    pub fn new(call: C) -> Self {
        let call = Some(call);
        Self(Mutex::new(State { standing: Standing::Waiting, call, took: Duration::ZERO }))
    }

    /// For an engine that carries it out by other means; `None` if it was given up or begun before.
    pub fn begin(&self) -> Option<Begun<'_, C>> {
        let mut state = self.0.lock();
        if state.standing != Standing::Waiting {
            return None;
        }
        state.standing = Standing::Begun;
        Some(Begun(state))
    }

    /// What `body` sees in a call that has yet to begin; `None` for another, or where it is looked at by
    /// another thread.
    pub fn look<T>(&self, body: impl FnOnce(&C) -> T) -> Option<T> {
        let state = self.0.try_lock().filter(|state| state.standing == Standing::Waiting)?;
        state.call.as_ref().map(body)
    }

    /// Lends a call that has yet to begin to an engine, which takes from it, before it begins, what it works on;
    /// `None` as for [`Work::look`].
    pub fn lend<T>(&self, body: impl FnOnce(&mut C) -> T) -> Option<T> {
        let state = self.0.try_lock().filter(|state| state.standing == Standing::Waiting);
        state?.call.as_mut().map(body)
    }

    /// For the submitter, to have its call back; `None` if that was not run, and then it will not be.
    /// Waits for a call that is being run.
    pub fn take(&self) -> Option<Done<C>> {
        let mut state = self.0.lock();
        if state.standing != Standing::Done {
            state.standing = Standing::GivenUp;
            // The engine may keep its handle for ever.
            state.call = None;
            return None;
        }
        let took = state.took;
        state.call.take().map(|call| Done { call, took })
    }
}

impl<C: Call + 'static> Task for Work<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn run(&self) {
        let Some(mut begun) = self.begin() else { return };
        if let Some(call) = begun.call() {
            let since = Instant::now();
            call.run();
            begun.done(since.elapsed());
        }
    }

    fn give_up(&self) -> Left {
        let Some(mut state) = self.0.try_lock() else { return Left::Running };
        if state.standing == Standing::Done {
            return Left::Run;
        }
        state.standing = Standing::GivenUp;
        Left::NotRun
    }

    fn repeat(&self, memory: &Memory) -> bool {
        let Some(mut begun) = self.0.try_lock().filter(|state| state.standing == Standing::Waiting)
        else {
            return false;
        };
        let State { standing, call, .. } = &mut *begun;
        let Some(call) = call else { return false };
        let Some(answer) = call.question().and_then(|asked| memory.find(&asked)) else {
            return false;
        };
        call.repeat(answer);
        // How long the call itself would take, that does not tell.
        *standing = Standing::Done;
        true
    }

    fn teach(&self, memory: &mut Memory) {
        let Some(state) = self.0.try_lock().filter(|state| state.standing == Standing::Done) else {
            return;
        };
        let Some(call) = &state.call else { return };
        if let (Some(question), Some(answer)) = (call.question(), call.answer()) {
            memory.keep(&question, answer);
        }
    }

    fn spoil(&self, random: u64) {
        let mut state = self.0.lock();
        if state.standing == Standing::Done
            && let Some(call) = &mut state.call
        {
            call.spoil(random);
        }
    }
}
