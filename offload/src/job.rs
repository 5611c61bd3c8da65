//! A job: what is to be done, on memory that belongs to it, and what comes back.

use std::any::Any;

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
}

impl JobKind {
    /// Every kind, in the order of [`JobKind::index`].
    pub const ALL: [Self; 6] =
        [Self::Sign, Self::Derive, Self::Keygen, Self::Decrypt, Self::Deflate, Self::Compress];

    /// Is it part of an answer, not of a handshake?
    #[must_use]
    pub const fn compresses(self) -> bool {
        matches!(self, Self::Deflate | Self::Compress)
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

    /// For the submitter, to have its own type back.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
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
    pub call: Box<dyn Call>,
}

/// A job that was carried out.
pub struct Completion {
    /// Whose it is.
    pub ticket: Ticket,
    /// The operation, with its results.
    pub call: Box<dyn Call>,
}
