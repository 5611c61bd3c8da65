//! A running server: where it listens, what it uses, what it wrote, and how it is stopped.

use crate::process::{self, Process};
use crate::stats::{self, StatsError};
use crate::usage::{self, Status};
use crate::{HarnessError, Preload, wait};
use interlude_core::page::Snapshot;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;
use tempfile::TempDir;

/// Where a server listens, always on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Plain HTTP, or the server's own protocol.
    pub plain: u16,
    /// HTTPS; 0 where the server has none.
    pub tls: u16,
}

/// The signals by which an operator speaks to a server.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    /// Ends it once the requests at hand are answered.
    pub graceful: i32,
    /// Makes it read its configuration again.
    pub reload: Option<i32>,
}

/// A server started by one of the launchers. Dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Server {
    // Dropped in this order: the directory goes when nothing writes there any more.
    process: Process,
    pub(crate) launched: Launched,
    dir: TempDir,
}

/// What the launcher knows about a server.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) ports: Ports,
    pub(crate) signals: Signals,
    pub(crate) preload: Preload,
    /// Log files, relative to the server's directory.
    pub(crate) logs: &'static [&'static str],
}

impl Server {
    pub(crate) fn new(process: Process, launched: Launched, dir: TempDir) -> Self {
        Self { process, launched, dir }
    }

    /// Where it listens.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.launched.ports
    }

    /// What it was started with.
    #[must_use]
    pub fn preload(&self) -> &Preload {
        &self.launched.preload
    }

    /// Its directory: configuration, logs, temporary files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process that was started: the master, where there is one.
    #[must_use]
    pub fn master(&self) -> u32 {
        self.process.pid()
    }

    /// The processes that serve: the master's children, or the one process of a server that has
    /// no workers.
    #[must_use]
    pub fn workers(&self) -> Vec<u32> {
        let master = self.master();
        let group = self.process.group();
        let workers: Vec<u32> =
            group.iter().filter(|s| s.parent == master).map(|status| status.pid).collect();
        if workers.is_empty() { vec![master] } else { workers }
    }

    /// CPU time used so far by all its processes and threads, those that have ended included. Those
    /// of ended processes are counted in steps of 10 ms.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        let members = self.process.group();
        let used = |status: &Status| {
            usage::cpu_time(status.pid).unwrap_or(status.cpu) + status.cpu_of_children
        };
        members.iter().map(used).sum()
    }

    /// Resident memory of its workers, in bytes, without shared memory.
    ///
    /// # Errors
    /// When a worker ended meanwhile.
    pub fn resident_bytes(&self) -> Result<u64, HarnessError> {
        let sizes = self.workers().into_iter().map(usage::resident_bytes);
        sizes.sum::<std::io::Result<u64>>().map_err(|e| HarnessError::new("resident memory", e))
    }

    /// Open file descriptors of its workers.
    ///
    /// # Errors
    /// When a worker ended meanwhile.
    pub fn open_fds(&self) -> Result<usize, HarnessError> {
        let counts = self.workers().into_iter().map(usage::open_fds);
        counts.sum::<std::io::Result<usize>>().map_err(|e| HarnessError::new("open files", e))
    }

    /// The statistics of each worker.
    ///
    /// # Errors
    /// When one has none: see [`StatsError`].
    pub fn stats(&self) -> Result<Vec<Snapshot>, StatsError> {
        self.workers().into_iter().map(stats::read).collect()
    }

    /// One counter, summed over the workers; 0 for a worker without statistics.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        let workers = self.workers().into_iter().filter_map(|pid| stats::read(pid).ok());
        workers.map(|snapshot| snapshot.counter(name)).sum()
    }

    /// Whether nothing is parked in it.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.counter("coroutine.parked") == self.counter("coroutine.resumed")
    }

    /// All that it wrote: its standard error, then its logs.
    #[must_use]
    pub fn log(&self) -> String {
        read_logs(self.dir.path(), self.launched.logs)
    }

    /// Lines of its logs that tell of something that must not happen: nginx's `[alert]`, `[crit]`
    /// and `[emerg]`, a sanitizer's or an allocator's last words, a panic of the shim. Also, should
    /// it have ended by itself, how.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        const SIGNS: [&str; 8] = [
            "[alert]",
            "[crit]",
            "[emerg]",
            "panicked at",
            "corrupted",
            "double free",
            "AddressSanitizer",
            "exited on signal",
        ];
        let log = self.log();
        let bad = log.lines().filter(|line| SIGNS.iter().any(|sign| line.contains(sign)));
        bad.map(str::to_owned).chain(self.process.ended()).collect()
    }

    /// Makes it read its configuration again, and returns at once.
    ///
    /// # Errors
    /// When this server cannot.
    pub fn reload(&self) -> Result<(), HarnessError> {
        match self.launched.signals.reload {
            Some(signal) => self.process.signal(signal),
            None => return Err(HarnessError::new("reload", "this server has no such signal")),
        }
        Ok(())
    }

    /// Sends a signal to its first worker.
    pub fn signal_worker(&self, signal: i32) {
        if let Some(pid) = self.workers().first() {
            process::send(pid.cast_signed(), signal);
        }
    }

    /// Ends it gracefully and waits for all of it to be gone.
    ///
    /// # Errors
    /// When something of it still runs after `limit`.
    pub fn quit(&mut self, limit: Duration) -> Result<ExitStatus, HarnessError> {
        self.process.signal(self.launched.signals.graceful);
        self.process.wait(limit)
    }

    /// Ends it at once, by SIGTERM, and waits for all of it to be gone.
    ///
    /// # Errors
    /// When something of it still runs after `limit`.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus, HarnessError> {
        self.process.signal(libc::SIGTERM);
        self.process.wait(limit)
    }

    /// Waits for all of it to be gone, which somebody else sees to.
    ///
    /// # Errors
    /// When something of it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, HarnessError> {
        self.process.wait(limit)
    }

    /// Whether the process that was started still runs.
    #[must_use]
    pub fn alive(&self) -> bool {
        usage::Status::of(self.master()).is_some_and(|status| !status.zombie)
    }

    /// Waits for `condition`, at most `limit` and as long as the server runs; false when it did not
    /// come true.
    #[must_use]
    pub fn wait_for(&self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let mut came = false;
        wait::until(limit, || {
            came = condition(self);
            came || self.process.ended().is_some()
        });
        came
    }

    /// Runs `program` to its end as this server was started: same directory, same preload.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, program: &Path, args: &[&str]) -> Result<Output, HarnessError> {
        let mut command = Command::new(program);
        self.launched.preload.apply(command.args(args).current_dir(self.dir.path()));
        command.output().map_err(|e| HarnessError::new(program.display(), e))
    }
}

pub(crate) fn read_logs(dir: &Path, logs: &[&str]) -> String {
    let texts = logs.iter().map(|log| fs::read(dir.join(log)).unwrap_or_default());
    texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}
