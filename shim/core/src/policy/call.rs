//! What is asked about a call, what holds for calls of its kind, and what the answer may be.

use std::time::Duration;

use crate::cost::Size;

/// What matters of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// How many there are in a second.
    #[default]
    Batch,
    /// How long it takes.
    Latency,
}

/// From which size on a call is the engine's, in bytes; `None`: nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// In class batch.
    pub batch_from: Option<u64>,
    /// In class latency.
    pub latency_from: Option<u64>,
}

/// What holds for calls of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// By size.
    pub thresholds: Thresholds,
    /// Where nothing is said by size: fewer bytes are too few,
    pub least_bytes: u64,
    /// and so is what takes less in place. Zero: no times are looked at for any decision.
    pub least: Duration,
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its kind's number.
    pub kind: usize,
    /// How large it is among those of its kind.
    pub size: Size,
    /// The same in bytes, of its input or its key.
    pub bytes: u64,
    /// What matters of it.
    pub class: Class,
}

/// Where a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// By the engine, while the thread serves others.
    Park,
    /// By the engine, while the thread waits.
    Wait,
    /// By the thread.
    InPlace(Why),
}

/// Why it is made in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It takes less than to have it made elsewhere.
    Small,
    /// The engine has too much to do.
    Load,
    /// The engine takes longer, and its class, or an idle thread, has nothing else to gain.
    Class,
    /// To learn what it takes.
    Unknown,
    /// More calls get done so, as was measured, or is being measured.
    Measured,
}
