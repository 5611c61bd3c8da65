//! What can be found wrong.

use std::fmt;

/// A property that did not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// An event that the kernel alone would report was not given to the server.
    Lost(String),
    /// The server was given an event that the kernel alone would not report.
    Invented(String),
    /// One reason, two events.
    Doubled(String),
    /// The server was given an event of a registration that is gone.
    Stale(String),
    /// Two live coroutines use connections that work together.
    LinkedFds(String),
    /// A timer of the server's ran beside a parked coroutine.
    Timer(String),
    /// Two live coroutines use one fd.
    SharedFd(String),
    /// Two coroutines are inside one lock.
    SharedLock(String),
    /// Two are inside one object.
    SharedObject(String),
    /// Two use one region.
    SharedRegion(String),
    /// The kernel is asked again and again, for nothing.
    Spins(String),
    /// A coroutine stays parked, or has to be forced though nobody made a cycle.
    Endless(String),
    /// The server got another answer than the kernel alone would give.
    Answer(String),
    /// The core says one thing, and did another.
    Muddled(String),
}

impl Violation {
    /// What is violated.
    pub(crate) fn rule(&self) -> &'static str {
        self.parts().0
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Lost(text) => ("C6 lost", text),
            Self::Invented(text) => ("C6 invented", text),
            Self::Doubled(text) => ("C6 doubled", text),
            Self::Stale(text) => ("C7 stale", text),
            Self::SharedFd(text) => ("C1 shared fd", text),
            Self::LinkedFds(text) => ("C2 linked fds", text),
            Self::Timer(text) => ("C5 timer", text),
            Self::SharedLock(text) => ("C3 shared lock", text),
            Self::SharedObject(text) => ("C4 shared object", text),
            Self::SharedRegion(text) => ("C8 shared region", text),
            Self::Spins(text) => ("spins", text),
            Self::Endless(text) => ("endless", text),
            Self::Answer(text) => ("answer", text),
            Self::Muddled(text) => ("muddled", text),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, text) = self.parts();
        write!(f, "{rule}: {text}")
    }
}
