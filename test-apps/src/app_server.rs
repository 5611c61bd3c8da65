//! A small server of `c/` that says where it listens: started, asked what it used, ended.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use interlude_core::page::Snapshot;

use crate::process::Process;
use crate::{HarnessError, Preload, stats, usage};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running one.
#[derive(Debug)]
pub struct AppServer {
    name: &'static str,
    process: Process,
    port: u16,
}

impl AppServer {
    /// Starts it on the CPUs `cpus` (empty: all), and waits for its port.
    ///
    /// # Errors
    /// Where it cannot be started, or says that it cannot serve.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        preload: &Preload,
        cpus: &[usize],
    ) -> Result<Self, HarnessError> {
        let what = format!("starting {name}");
        let failed = |error: io::Error| HarnessError::new(&what, error);
        let (reader, writer) = io::pipe().map_err(failed)?;
        command.stdout(writer).stderr(Stdio::inherit());
        preload.apply(&mut command);
        let process = Process::start(command, cpus)?;
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).map_err(failed)?;
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| {
            let ended = process.ended().unwrap_or_else(|| "it said no port".to_owned());
            HarnessError::new(&what, ended)
        })?;
        Ok(Self { name, process, port })
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its processes, itself first.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.process.group().iter().map(|status| status.pid).collect()
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
        stats::read(self.process.pid()).map_err(|error| HarnessError::new(self.name, error))
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
        let status = self.process.wait(PATIENCE)?;
        if status.success() { Ok(()) } else { Err(HarnessError::new(self.name, status)) }
    }
}
