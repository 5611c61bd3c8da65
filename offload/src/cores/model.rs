//! What a model (`--cfg loom`) needs beside the engine trait: completions without a pool, and the
//! sleep of the submitting thread.

use super::{CoresPort, Inbox};
use crate::Completion;
use crate::sync::Arc;

/// Answers into a port's inbox, as a helper thread does.
pub struct ModelHelper(Arc<Inbox>);

impl ModelHelper {
    /// A completion arrives.
    pub fn push(&self, completion: Completion) {
        self.0.push(completion);
    }
}

impl CoresPort {
    /// A helper of this port alone.
    #[must_use]
    pub fn model_helper(&self) -> ModelHelper {
        ModelHelper(Arc::clone(&self.inbox))
    }

    /// Is the wake fd readable?
    #[must_use]
    pub fn model_is_rung(&self) -> bool {
        self.inbox.is_rung()
    }

    /// As at the end of a sleep that was not armed.
    pub fn model_settle(&self) {
        self.settle();
    }

    /// Sleeps until the wake fd is readable, as `poll(2)` would.
    pub fn model_poll(&self) {
        self.inbox.wait_for_wake();
    }
}
