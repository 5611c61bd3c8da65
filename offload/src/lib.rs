//! Jobs, and the engines that carry them out.
//!
//! A [`Job`] is one operation on memory of its own. An [`Engine`] takes jobs and gives completions;
//! those that are here run the original library call:
//!
//! | engine | where the call runs |
//! |---|---|
//! | [`Inline`] | at `submit`, on the caller's thread |
//! | [`Cores`] | on helper threads, started with the first job |
//! | [`Chaos`] | on helper threads too: late, twice, wrong, or never |
//! | [`Device`] | on helper threads; answered when a device that is emulated would be done |
//! | [`Simd`] | nowhere: operations of the same kind go into one pass of the vector unit |
//! | [`Onnx`] | nowhere, mostly: inferences of the same kind go into one run of the model |
//! | [`Plugin`] | nowhere: a shared object that others have built compresses whole buffers |
//!
//! No engine is trusted. A [`Guard`] stands before each, and [`Work`] keeps it from running a call
//! that was given up.
//!
//! Must not: know what a coroutine or an event is, or touch the memory of the call that a job was
//! made from. Nothing here blocks the submitting thread but what is called `sleep`, and
//! [`Work::take`], which says so.

mod chaos;
mod compression;
mod cores;
mod device;
mod engine;
mod guard;
mod helpers;
mod inline;
mod job;
mod lane;
mod memory;
mod onnx;
mod plugin;
mod random;
mod simd;
mod sync;
mod work;

pub use chaos::{Chaos, ChaosConfig, Shares};
pub use compression::{Compressed, Compression};
#[cfg(loom)]
pub use cores::ModelHelper;
pub use cores::{Cores, CoresConfig, CoresPort};
#[cfg(not(loom))]
pub use device::map_board;
pub use device::{Clock, Device, DeviceConfig, Emulated, Monotonic, operation};
pub use engine::{Capabilities, Engine, Refused};
pub use guard::{Guard, STRIKES, Tally, Terms};
pub use inline::Inline;
pub use interlude_device::{Board, Description, Operation as DeviceOperation};
pub use interlude_plugin::{Library as PluginLibrary, Unusable};
pub use interlude_simd::{
    Curve, EcKey, Ed25519Key, Fault, Missing, RsaKey, RsaParts, Secret, Unit,
    availability as simd_availability, wipe_bytes,
};
pub use job::{Call, Completion, Job, JobKind, Outcome, Ticket};
pub use lane::{Lane, LaneKind, Operation, Pass, Reason};
pub use memory::{Memory, Question};
pub use onnx::{Onnx, OnnxConfig, Run};
pub use plugin::Plugin;
pub use simd::{RandomSource, Simd};
pub use work::{Begun, Done, Left, Task, Work};
