//! Jobs, and the engines that carry them out.
//!
//! A [`Job`] is one operation on memory of its own. An [`Engine`] takes jobs and gives completions;
//! the two that are here run the original library call:
//!
//! | engine | where the call runs |
//! |---|---|
//! | [`Inline`] | at `submit`, on the caller's thread |
//! | [`Cores`] | on helper threads, started with the first job |
//!
//! Must not: know what a coroutine or an event is, or touch the memory of the call that a job was
//! made from. Nothing here blocks the submitting thread but [`Engine::sleep`], which says so.

mod cores;
mod engine;
mod inline;
mod job;
mod sync;

#[cfg(loom)]
pub use cores::ModelHelper;
pub use cores::{Cores, CoresConfig, CoresPort};
pub use engine::{Capabilities, Engine, Refused};
pub use inline::Inline;
pub use job::{Call, Completion, Job, JobKind, Ticket};
