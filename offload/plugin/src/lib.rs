//! Engines that others have built: shared objects behind a small interface of C's
//! (`include/interlude_engine.h`, which says who calls what, and who owns it).
//!
//! ```text
//! Library: dlopen, versions ──> Queue: requests that are out, by ticket ──submit──> the plugin
//!                                 ^                                                     |
//!                                 └── Answer: the request, and what became of it <─poll─┘
//! ```
//!
//! The only unsafe code of the engine `plugin`. A plugin runs in this process, so nothing can be done against
//! one that writes where it was not told to. Everything that it *says* is looked at before it is used.
//!
//! Invariants: a request's memory is the queue's from the time it is submitted until it is answered. If
//! that never happens, it is never freed. No memory is given out that was not written since it was
//! allocated: an output is zeroed before, so one that is said to be longer than it is shows nothing of the heap.
//!
//! Must not: know jobs, coroutines or engines; start threads; close a library.

mod abi;
mod fault;
mod library;
mod queue;
mod request;

pub use fault::Unusable;
pub use library::Library;
pub use queue::{Queue, Turned};
pub use request::{Answer, Failed, Produced, Request};

/// The version of the interface that is spoken here.
pub const ABI: u32 = abi::VERSION;
