//! The rules, and what a coroutine may want of another.

use std::ops::Range;

use crate::Fd;

/// Rules that can be switched off, in tests that show what they are for.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// C1.
    pub own_fd: bool,
    /// C1, in batches.
    pub batches: bool,
    /// C2.
    pub linked_fds: bool,
    /// C3.
    pub locks: bool,
    /// C4.
    pub objects: bool,
    /// C6.
    pub order: bool,
    /// C7.
    pub identity: bool,
    /// C8.
    pub shared: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            own_fd: true,
            batches: true,
            linked_fds: true,
            locks: true,
            objects: true,
            order: true,
            identity: true,
            shared: true,
        }
    }
}

/// How a lock is held or wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By readers, side by side.
    Shared,
    /// By one alone.
    Exclusive,
}

/// Memory that a call reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its addresses.
    pub range: Range<usize>,
    /// Is it written?
    pub written: bool,
    /// Is anything of the coroutine's in it? Not where a call that writes it has yet to return, and
    /// nothing was there before.
    pub filled: bool,
}

impl Region {
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        (self.written || other.written)
            && self.range.start < other.range.end
            && other.range.start < self.range.end
    }
}

/// What a coroutine wants, and may have to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// A lock, by address.
    Lock(usize, Access),
    /// An object (`SSL *`, `z_stream *`), by address.
    Object(usize),
    /// Memory.
    Region(Region),
    /// An fd that another coroutine is in the middle of using.
    Fd(Fd),
    /// That no other coroutine is parked.
    Alone,
}
