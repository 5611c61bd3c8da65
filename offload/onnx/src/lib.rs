//! Inferences of ONNX Runtime: one as a job on memory of its own, or several in one run.
//!
//! ```text
//! OrtApi::Run ──> Inference: copies of the inputs, names; the results, once it has been run
//!                     │ several of one Profile (same session, outputs, shapes but for the rows)
//!                     └──> Batch: rows gathered along each input's own axis, one run, rows split
//! ```
//!
//! Nothing is linked: whoever uses this crate has the runtime's table of functions ([`Api`]).
//!
//! Must not: know jobs, coroutines or engines, or decide whether several go into one run ([`Trial`] only
//! says what was measured).
//!
//! Invariants: what a run reads and writes is its own, until its results are handed to the caller; a
//! session is used only while its owner keeps it.

mod api;
mod axes;
mod batch;
mod buffer;
mod inference;
mod profile;
mod session;
mod tensor;
mod trial;
mod value;
mod versions;

pub use api::{Api, Status};
pub use batch::{Batch, Rows};
pub use inference::{Inference, Names, Request};
pub use profile::Profile;
pub use session::{Session, SessionPtr};
pub use tensor::{Element, Tensor, View};
pub use trial::{Trial, Way};
pub use value::Value;
pub use versions::{RELEASE_RUN_OPTIONS, RELEASE_SESSION, RELEASE_VALUE, RUN, entries};
