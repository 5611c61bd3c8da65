//! `infer-server` (in `c/infer-server`): starting it, asking it, and models for it.
//!
//! It is there only where ONNX Runtime is (`scripts/setup.sh`): [`InferServer::program`] says so.

mod answer;
mod kind;
mod model;

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::Process;
use interlude_core::page::Snapshot;

use crate::stats;
use crate::{HarnessError, Preload, usage};

pub use answer::{Scores, Thread};
pub use kind::ModelKind;
pub use model::TinyModel;

/// A running inference server.
#[derive(Debug)]
pub struct InferServer {
    process: Process,
    port: u16,
}

impl InferServer {
    /// Where the program is.
    ///
    /// # Errors
    /// Where it could not be built, for want of ONNX Runtime.
    pub fn program() -> Result<&'static str, HarnessError> {
        let program = env!("APP_INFER_SERVER");
        if program.is_empty() {
            let why =
                "not built: there was no third-party/onnxruntime; scripts/setup.sh fetches it";
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
    ) -> Result<Self, HarnessError> {
        let failed = |error: io::Error| HarnessError::new("starting infer-server", error);
        let mut command = Command::new(Self::program()?);
        command.args(["--kind", kind.name(), "--model"]).arg(model);
        let (reader, writer) = io::pipe().map_err(failed)?;
        command.stdout(writer).stderr(Stdio::inherit());
        preload.apply(&mut command);
        let process = Process::start(command, cpus)?;
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).map_err(failed)?;
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| {
            let ended = process.ended().unwrap_or_else(|| "it said no port".to_owned());
            HarnessError::new("starting infer-server", ended)
        })?;
        Ok(Self { process, port })
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// CPU time of its threads until now.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        usage::cpu_time(self.process.pid()).unwrap_or_default()
    }

    /// The shim's counters.
    ///
    /// # Errors
    /// Where there are none.
    pub fn stats(&self) -> Result<Snapshot, HarnessError> {
        stats::read(self.process.pid()).map_err(|error| HarnessError::new("infer-server", error))
    }

    /// One of the shim's counters; 0 without the shim.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.stats().map_or(0, |snapshot| snapshot.counter(name))
    }

    /// How it ended, where it did so by itself.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.process.ended()
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// Where it does not end, or badly.
    pub fn stop(mut self) -> Result<(), HarnessError> {
        self.process.signal(libc::SIGTERM);
        let status = self.process.wait(Duration::from_secs(60))?;
        if status.success() {
            return Ok(());
        }
        Err(HarnessError::new("infer-server", status))
    }
}
