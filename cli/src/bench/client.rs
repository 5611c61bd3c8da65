//! A client program: runs it on the clients' CPUs to its end, and takes what it printed.

use super::interrupt;
use super::placement::Placement;
use crate::failure::Failure;
use interlude_test_apps::process::Process;
use interlude_test_apps::usage::Status;
use interlude_test_apps::wait;
use std::fs;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How much longer than expected a client may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client left.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it printed.
    pub(crate) stdout: String,
    /// CPU time that it used, in seconds; the kernel counts in steps of 10 ms.
    pub(crate) cpu: f64,
    name: String,
    stderr: String,
    status: ExitStatus,
}

impl Run {
    /// The same, where the exit code is 0.
    ///
    /// # Errors
    /// Else, with the last line that it said.
    pub(crate) fn success(self) -> Result<Self, Failure> {
        if self.status.success() {
            return Ok(self);
        }
        let line = format!("{} failed ({}): {}", self.name, self.status, self.last_line());
        Err(Failure::not_so(line))
    }

    /// The last line that it said, on stderr if there is any.
    pub(crate) fn last_line(&self) -> &str {
        let mut lines = self.stdout.lines().chain(self.stderr.lines());
        lines.rfind(|line| !line.trim().is_empty()).unwrap_or("nothing was said")
    }
}

/// A started client.
#[derive(Debug)]
pub(crate) struct Client {
    process: Process,
    name: String,
    dir: TempDir,
    begin: Instant,
}

impl Client {
    /// Starts it on the clients' CPUs.
    pub(crate) fn start(mut command: Command, placement: &Placement) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |error: std::io::Error| Failure::usage(format!("{name}: {error}"));
        let dir = tempfile::tempdir().map_err(failed)?;
        let stdout = fs::File::create(dir.path().join("out")).map_err(failed)?;
        let stderr = fs::File::create(dir.path().join("err")).map_err(failed)?;
        command.env_remove("LD_PRELOAD").stdout(stdout).stderr(stderr);
        let process = Process::start(command, &placement.client)
            .map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { process, name, dir, begin: Instant::now() })
    }

    /// Waits for it; it is expected to take `expected`.
    ///
    /// # Errors
    /// Where it takes much longer.
    pub(crate) fn finish(mut self, expected: Duration) -> Result<Run, Failure> {
        let limit = (expected + PATIENCE).saturating_sub(self.begin.elapsed());
        // Children that have been waited for are in this process's account.
        let before = cpu_of_children();
        let mut status = None;
        wait::until(limit, || {
            status = self.process.try_wait().ok().flatten();
            status.is_some() || interrupt::requested()
        });
        interrupt::check()?;
        let status = status.ok_or_else(|| {
            let seconds = self.begin.elapsed().as_secs();
            Failure::not_so(format!("{} still runs after {seconds} s", self.name))
        })?;
        let cpu = cpu_of_children().saturating_sub(before).as_secs_f64();
        let read = |file: &str| {
            let bytes = fs::read(self.dir.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(Run { stdout: read("out"), stderr: read("err"), cpu, name: self.name.clone(), status })
    }
}

fn cpu_of_children() -> Duration {
    Status::of(std::process::id()).map_or(Duration::ZERO, |status| status.cpu_of_children)
}

#[cfg(test)]
impl Run {
    /// A client that printed this and ended well.
    pub(crate) fn of_test(stdout: &str) -> Self {
        let (stdout, name) = (stdout.to_owned(), "test".to_owned());
        Self { stdout, cpu: 0.0, name, stderr: String::new(), status: ExitStatus::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<Run, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let placement = Placement { server: vec![], client: vec![] };
        Client::start(command, &placement)?.finish(Duration::ZERO)
    }

    #[test]
    fn what_it_printed_is_taken() {
        assert_eq!(run("echo here").unwrap().success().unwrap().stdout, "here\n");
    }

    #[test]
    fn a_failure_has_its_last_line() {
        let failure = run("echo first >&2; echo bad news >&2; exit 3").unwrap().success();
        let failure = failure.unwrap_err();
        assert_eq!(failure.parts().0, 1);
        assert!(failure.parts().1.ends_with("bad news"), "{failure:?}");
    }
}
