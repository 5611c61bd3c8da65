//! `infer-server` (in `c/infer-server`): starting it, asking it, and models for it.
//!
//! It is there only where ONNX Runtime is (`scripts/setup.sh`): [`program`] says so.

mod answer;
mod kind;
mod model;
pub mod order;
mod reference;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

use crate::app_server::AppServer;
use crate::{HarnessError, Preload};

pub use answer::{Scores, Thread};
pub use kind::ModelKind;
pub use model::TinyModel;
pub use reference::{Client, Reference};

use kind::Source;

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

/// A model's file.
#[derive(Debug)]
pub enum ModelFile {
    /// One that was fetched.
    Fetched(PathBuf),
    /// One that was built, and goes with this.
    Built(NamedTempFile),
}

impl ModelFile {
    /// A real model, or one that is built.
    ///
    /// # Errors
    /// Where it was not fetched, or there is no room for it.
    pub fn of(kind: ModelKind) -> Result<Self, HarnessError> {
        let why = "no such model in third-party/models; scripts/setup.sh fetches it";
        let name = match kind.source() {
            Some(Source::Built(model)) => return Self::built(model),
            Some(Source::Fetched(name)) => name,
            None => return Err(HarnessError::new(kind.name(), "it is whatever file you have")),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../third-party/models");
        let file = folder.join(name);
        if file.is_file() {
            Ok(Self::Fetched(file))
        } else {
            Err(HarnessError::new(kind.name(), why))
        }
    }

    /// One that is built here.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn built(model: TinyModel) -> Result<Self, HarnessError> {
        let write = || {
            let mut file = NamedTempFile::new()?;
            file.write_all(&model.bytes())?;
            Ok(Self::Built(file))
        };
        write().map_err(|error: io::Error| HarnessError::new("a model", error))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Fetched(path) => path,
            Self::Built(file) => file.path(),
        }
    }
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
    command.args(["--kind", kind.served_as(), "--model"]).arg(model);
    AppServer::start("infer-server", command, preload, cpus)
}
