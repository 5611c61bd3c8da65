//! `infer-server` (in `c/infer-server`): starting it, asking it, and models for it.
//!
//! It is there only where ONNX Runtime is (`scripts/setup.sh`): [`program`] says so.

mod answer;
mod kind;
mod model;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::app_server::AppServer;
use crate::{HarnessError, Preload};

pub use answer::{Scores, Thread};
pub use kind::ModelKind;
pub use model::TinyModel;

/// Where the program is.
///
/// # Errors
/// Where it could not be built, for want of ONNX Runtime.
pub fn program() -> Result<&'static str, HarnessError> {
    let program = env!("APP_INFER_SERVER");
    if program.is_empty() {
        let why = "not built: there was no third-party/onnxruntime; scripts/setup.sh fetches it";
        return Err(HarnessError::new("infer-server", why));
    }
    Ok(program)
}

/// Where a real model lies.
///
/// # Errors
/// Where it was not fetched.
pub fn model(kind: ModelKind) -> Result<PathBuf, HarnessError> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../third-party/models").join(kind.file());
    if file.is_file() {
        return Ok(file);
    }
    Err(HarnessError::new(
        kind.name(),
        "no such model in third-party/models; scripts/setup.sh fetches it",
    ))
}

/// Starts it on the CPUs `cpus` (empty: all), and waits for its port.
///
/// # Errors
/// Where it cannot be started, or says that it cannot serve.
pub fn start(
    kind: ModelKind,
    model: &Path,
    preload: &Preload,
    cpus: &[usize],
) -> Result<AppServer, HarnessError> {
    let mut command = Command::new(program()?);
    command.args(["--kind", kind.name(), "--model"]).arg(model);
    AppServer::start("infer-server", command, preload, cpus)
}
