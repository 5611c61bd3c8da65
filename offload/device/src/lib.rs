//! A model of an accelerator: when would it have done what it was given?
//!
//! ```text
//!  submitter's CPU        the device                                       submitter's CPU
//!  ┌────────┐ doorbell ┌─────────────┐   ┌ unit 0 ─ one job ──┐   ┌──────┐  look at the ring
//!  │ set-up │ ───────> │ queue, FIFO │ ─>│ unit 1 ─ one job ──│ ─>│ ring │ ──────────────────>
//!  └────────┘          └─────────────┘   └ latency, by bytes ─┘   └──────┘
//! ```
//!
//! A [`Description`] says how long each of this takes, in TOML; a [`Model`] tells of each job when it is done.
//! It computes nothing but times: whoever emulates a device with it brings the results.
//!
//! Units and queue stand on a [`Board`]. Several models over the same one, in threads or processes that share its
//! memory, compete for one device.
//!
//! Times are nanoseconds since a moment of the caller's choice. The same description and the same calls give
//! the same times.
//!
//! Must not: read a clock, start a thread, know jobs or engines.
#![forbid(unsafe_code)]

mod board;
mod curve;
mod description;
mod error;
mod model;
mod operation;

pub use board::Board;
pub use curve::Curve;
pub use description::{Cost, Description, EMBEDDED};
pub use error::DescriptionError;
pub use model::{Accepted, JobNumber, Model, Refusal, Reservation};
pub use operation::Operation;
