//! A job: what is to be done, on memory that belongs to it, and what comes back.

use std::sync::Arc;

use crate::{Question, Task};

/// What a job computes; the name under which it is counted and configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// A signature: `EVP_DigestSign`.
    Sign,
    /// A key agreement: `EVP_PKEY_derive`.
    Derive,
    /// A key pair: `EVP_PKEY_keygen`.
    Keygen,
    /// A decryption with a private key: `EVP_PKEY_decrypt`.
    Decrypt,
    /// One call of a compression stream: `deflate`.
    Deflate,
    /// A whole buffer compressed: `libdeflate_*_compress`.
    Compress,
    /// A run of a neural network: `OrtApi::Run`.
    Infer,
}

impl JobKind {
    /// Every kind, in the order of [`JobKind::index`].
    pub const ALL: [Self; 7] = [
        Self::Sign,
        Self::Derive,
        Self::Keygen,
        Self::Decrypt,
        Self::Deflate,
        Self::Compress,
        Self::Infer,
    ];

    /// Is it a compression?
    #[must_use]
    pub const fn compresses(self) -> bool {
        matches!(self, Self::Deflate | Self::Compress)
    }

    /// Is it part of an answer, not of a handshake? Such a call does not say for which connection it is.
    #[must_use]
    pub const fn answers(self) -> bool {
        self.compresses() || matches!(self, Self::Infer)
    }

    /// Its name in counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Derive => "derive",
            Self::Keygen => "keygen",
            Self::Decrypt => "decrypt",
            Self::Deflate => "deflate",
            Self::Compress => "compress",
            Self::Infer => "infer",
        }
    }

    /// Its place in [`JobKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Names one job of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// An operation that can be run on another thread: a library's own function, bound to arguments
/// that the job owns.
pub trait Call: Send {
    /// Runs it. Called once.
    fn run(&mut self);

    /// Everything that its results depend on, where they can be given again ([`Call::repeat`]).
    fn question(&self) -> Option<Question<'_>> {
        None
    }

    /// Its results, once it was run.
    fn answer(&self) -> Option<&[u8]> {
        None
    }

    /// Takes what an equal call has answered for its own results, instead of being run.
    fn repeat(&mut self, answer: &[u8]) {
        let _ = answer;
    }

    /// Makes its results wrong, as an engine that lies would: for tests. A kind of call whose
    /// results cannot be made wrong without harm to the process leaves them as they are.
    fn spoil(&mut self, random: u64) {
        let _ = random;
    }
}

/// One offloaded operation.
pub struct Job {
    /// Whose it is.
    pub ticket: Ticket,
    /// What it computes.
    pub kind: JobKind,
    /// Size of its input, in bytes.
    pub bytes: usize,
    /// The operation.
    pub task: Arc<dyn Task>,
}

/// An engine's word that it is through with a job. The results are in the job's own memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// Whose it is.
    pub ticket: Ticket,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, or was tried.
    Done,
    /// It was not done, because the submitter is better off doing it in place: no fault of anybody's.
    Declined,
    /// It will not be done: the engine has failed. Engines do not say so; [`crate::Guard`] does.
    GivenUp,
}

impl Completion {
    /// It is done, or was tried.
    #[must_use]
    pub const fn done(ticket: Ticket) -> Self {
        Self { ticket, outcome: Outcome::Done }
    }

    /// It was left alone.
    #[must_use]
    pub const fn declined(ticket: Ticket) -> Self {
        Self { ticket, outcome: Outcome::Declined }
    }

    /// It was left alone.
    #[must_use]
    pub const fn is_declined(self) -> bool {
        matches!(self.outcome, Outcome::Declined)
    }
}
