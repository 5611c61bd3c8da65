//! Starts the programs under test: servers that announce a port, and programs that run to their
//! end. Either way nothing of them is left when their value is gone.

use interlude_test_apps::process::Process;
use interlude_test_apps::{Preload, stats, usage, wait};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tempfile::NamedTempFile;

/// Far more than any of them takes, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a program is started: the plain program, and the shim in each of its modes.
pub(crate) const MODES: [&str; 6] = ["stock", "off", "inline", "block", "spin", "coroutine"];

/// The shim in `mode`, or no shim for `stock`. Every heavy call is a job, however short it is: these
/// servers are about what a park may do to them.
pub(crate) fn preload(mode: &str) -> Preload {
    Preload::of_mode_with_every_job(mode).unwrap()
}

/// The shim in mode `coroutine` with more settings.
pub(crate) fn coroutine(settings: &[(&str, &str)]) -> Preload {
    with_settings("coroutine", settings)
}

/// The shim in `mode` with more settings.
pub(crate) fn with_settings(mode: &str, settings: &[(&str, &str)]) -> Preload {
    match preload(mode) {
        Preload::Shim(shim) => {
            Preload::Shim(settings.iter().fold(shim, |shim, (name, value)| shim.with(name, value)))
        }
        Preload::Stock => unreachable!("the shim was asked for"),
    }
}

/// As [`coroutine`], with a panic at `place` (`shim/src/fail.rs`).
pub(crate) fn failing(place: &str) -> Preload {
    failing_with(place, &[])
}

/// As [`failing`], with more settings.
pub(crate) fn failing_with(place: &str, settings: &[(&str, &str)]) -> Preload {
    match coroutine(settings) {
        Preload::Shim(shim) => Preload::Shim(shim.failing(place).unwrap()),
        Preload::Stock => unreachable!("the shim was asked for"),
    }
}

/// A running server of ours.
pub(crate) struct App {
    process: Process,
    output: NamedTempFile,
    port: u16,
}

impl App {
    /// Starts it, and waits for its port.
    pub(crate) fn start(program: &str, args: &[&str], preload: &Preload) -> Self {
        Self::try_start(program, args, preload).unwrap_or_else(|said| panic!("{program}: {said}"))
    }

    /// As [`App::start`], or what one that ended without a port has printed.
    pub(crate) fn try_start(
        program: &str,
        args: &[&str],
        preload: &Preload,
    ) -> Result<Self, String> {
        let (mut process, output) = spawn(program, args, preload);
        let mut port = None;
        let mut ended = None;
        wait::until(PATIENCE, || {
            ended = process.try_wait().unwrap();
            port = announced(output.path());
            port.is_some() || ended.is_some()
        });
        match port {
            Some(port) => Ok(Self { process, output, port }),
            None => Err(format!("({preload}) {ended:?} {}", text(output.path()))),
        }
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// One of the shim's counters; 0 without the shim.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        stats::read(self.process.pid()).map_or(0, |snapshot| snapshot.counter(name))
    }

    /// Waits until so many coroutines are parked.
    pub(crate) fn await_parked(&self, count: u64) {
        let parked = || self.counter("coroutine.parked") - self.counter("coroutine.resumed");
        let reached = wait::until(PATIENCE, || parked() >= count);
        assert!(reached, "{} are parked; {}", parked(), self.said());
    }

    /// Waits until one of the shim's counters is as high.
    pub(crate) fn await_counter(&self, name: &str, least: u64) {
        let reached = wait::until(PATIENCE, || self.counter(name) >= least);
        assert!(reached, "{name} is {}; {}", self.counter(name), self.said());
    }

    /// What its counters say of calls and bypasses, for a failure's message.
    pub(crate) fn said(&self) -> String {
        let page = match stats::read(self.process.pid()) {
            Ok(page) => page,
            Err(error) => return error.to_string(),
        };
        let tells = |name: &str| {
            ["bypass.", "job.", "coroutine.", "engine."].iter().any(|kind| name.starts_with(kind))
        };
        let counts = page.counters.iter().filter(|(name, count)| *count > 0 && tells(name));
        counts.map(|(name, count)| format!("{name}={count} ")).collect()
    }

    /// Waits until nothing is parked.
    pub(crate) fn await_rest(&self) {
        let rests = || self.counter("coroutine.parked") == self.counter("coroutine.resumed");
        assert!(wait::until(PATIENCE, rests), "somebody is parked");
    }

    /// What it has printed until now.
    pub(crate) fn output(&self) -> String {
        text(self.output.path())
    }

    /// Its open file descriptors.
    pub(crate) fn open_fds(&self) -> usize {
        usage::open_fds(self.process.pid()).unwrap()
    }

    /// Stands still meanwhile: what comes, it finds all at once.
    pub(crate) fn paused(&self, meanwhile: impl FnOnce()) {
        self.process.signal(libc::SIGSTOP);
        meanwhile();
        self.process.signal(libc::SIGCONT);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// Sends it a signal once all its threads sleep, and so has no loop of it awake.
    pub(crate) fn signal_asleep(&self, signal: i32) {
        let pid = self.process.pid();
        assert!(wait::until(PATIENCE, || usage::is_asleep(pid)), "it never sleeps");
        self.signal(signal);
    }

    /// Ends it as an operator would; it must do so by itself, and with exit code 0.
    pub(crate) fn stop(mut self) {
        self.process.signal(libc::SIGTERM);
        let status = self.process.wait(PATIENCE).unwrap();
        assert!(status.success(), "{status}: {}", text(self.output.path()));
    }

    /// Waits until it has ended by itself; returns how, and what it printed.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.process.wait(PATIENCE).unwrap();
        (status, text(self.output.path()))
    }

    /// Ends one that hangs.
    pub(crate) fn kill(mut self) {
        self.process.signal(libc::SIGKILL);
        self.process.wait(PATIENCE).unwrap();
    }
}

/// Runs a program to its end, which must be a good one, and returns what it printed.
pub(crate) fn run(program: &str, args: &[&str], preload: &Preload) -> Result<String, String> {
    let (mut process, output) = spawn(program, args, preload);
    let status = process.wait(PATIENCE).map_err(|error| error.to_string());
    let printed = text(output.path());
    match status {
        Ok(status) if status.success() => Ok(printed),
        Ok(status) => Err(format!("{status}, after:\n{}", tail(&printed))),
        Err(error) => Err(format!("{error}, after:\n{}", tail(&printed))),
    }
}

fn spawn(program: &str, args: &[&str], preload: &Preload) -> (Process, NamedTempFile) {
    let output = NamedTempFile::new().unwrap();
    let mut command = Command::new(program);
    // One offset for both, or they would write over each other.
    let both = output.reopen().unwrap();
    command.args(args).stdout(both.try_clone().unwrap()).stderr(both);
    preload.apply(&mut command);
    (Process::start(command, &[]).unwrap(), output)
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

fn announced(output: &Path) -> Option<u16> {
    let text = text(output);
    let line = text.lines().find(|line| line.starts_with("port "))?;
    // The line is whole once its end has been written.
    text.contains(&format!("{line}\n")).then(|| line["port ".len()..].parse().ok())?
}
