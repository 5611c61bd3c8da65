//! `libinterlude.so`: the hooks, and the scheduler that they enter.
//!
//! ```text
//! table    what is intercepted, and by which handler      (no bodies)
//! hook     what every hook does around its handler
//! api/     the handlers, one file for each family of calls
//! thread   what a thread with an event loop has
//! scheduler/  which continuation of that thread goes on next
//! clocks   real time, and what the server is shown of it
//! ending   `exit`, beside helpers and parked coroutines
//! offload  a call becomes a job, or is run in place
//! policy   what the settings say of that, for the core
//! device   what threads and workers share of an emulated device
//! ```
//!
//! Must not: decide policy (that is `interlude-core`), or take the host down: whatever goes wrong
//! here ends in the original call.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ambient;
mod api;
mod bypass;
mod cancel;
mod clocks;
mod context;
mod counters;
mod device;
mod ending;
mod environment;
mod epolls;
mod errors;
mod fail;
mod hook;
mod log;
mod offload;
mod original;
mod page;
mod policy;
mod scheduler;
mod signals;
mod start;
mod table;
mod takeover;
mod thread;
