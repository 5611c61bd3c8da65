//! Starts a Redis server that keeps everything in memory.

use crate::launch::{self, Recipe};
use crate::server::{Ports, Server, Signals};
use crate::{HarnessError, Preload};
use std::path::Path;

/// A Redis server to be started.
#[derive(Debug, Default)]
pub struct Redis {
    /// CPUs it may run on; empty: all.
    pub cpus: Vec<usize>,
}

impl Redis {
    /// Starts it, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it does not start; the line has the end of its log.
    pub fn start(&self, preload: &Preload) -> Result<Server, HarnessError> {
        launch::launch(self, preload, &self.cpus)
    }
}

impl Recipe for Redis {
    const PROGRAM: &'static str = "redis-server";
    const LOGS: &'static [&'static str] = &["output.log"];
    const SIGNALS: Signals = Signals { graceful: libc::SIGTERM, reload: None };
    const TLS: bool = false;

    fn write(&self, dir: &Path, ports: Ports) -> Result<Vec<String>, HarnessError> {
        let (port, dir) = (ports.plain.to_string(), dir.display().to_string());
        let args = ["--port", &port, "--bind", "127.0.0.1", "--dir", &dir];
        let memory_only = ["--save", "", "--appendonly", "no", "--daemonize", "no"];
        Ok(args.into_iter().chain(memory_only).map(str::to_owned).collect())
    }
}
