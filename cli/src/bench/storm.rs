//! tls-storm, the client of `handshake` and `mixed`.

use super::client::{Client, Run};
use super::options::Plan;
use crate::failure::Failure;
use interlude_test_apps::program;
use serde::Deserialize;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = "tls-storm";

/// What a storm is to be.
#[derive(Debug)]
pub(crate) struct Storm<'a> {
    /// Where the server listens for TLS.
    pub(crate) port: u16,
    /// `1.2` or `1.3`.
    pub(crate) tls: &'a str,
    /// Connections at a time.
    pub(crate) connections: u32,
    /// Does a connection resume a session of an earlier one?
    pub(crate) resumes: bool,
    /// Is it TLS 1.2 without an ephemeral key?
    pub(crate) static_rsa: bool,
    /// Requests on each connection, one after the other.
    pub(crate) requests: u32,
    /// What is asked for.
    pub(crate) path: &'a str,
    /// The file that every body has to equal.
    pub(crate) expected: &'a Path,
}

/// The part of tls-storm's report that is used here.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    elapsed_s: f64,
    /// Handshakes that were finished.
    pub(crate) handshakes: u64,
    /// Those of which resumed a session.
    pub(crate) resumed: u64,
    /// Per second of wall clock.
    pub(crate) handshakes_per_s: f64,
    /// Failed connections.
    pub(crate) error_total: u64,
    /// What failed, in words.
    messages: Vec<Message>,
    /// Latencies of handshakes.
    pub(crate) handshake_us: Latency,
    /// CPU time of tls-storm.
    client_cpu_s: f64,
}

#[derive(Debug, Deserialize)]
struct Message {
    text: String,
}

/// Quantiles in microseconds.
#[derive(Debug, Deserialize)]
pub(crate) struct Latency {
    /// Median.
    pub(crate) p50: f64,
    /// 99th percentile.
    pub(crate) p99: f64,
}

impl Report {
    /// CPU seconds of the client per second.
    pub(crate) fn client_cpu(&self) -> f64 {
        self.client_cpu_s / self.elapsed_s.max(1e-9)
    }
}

impl Storm<'_> {
    /// Starts it for so many seconds.
    pub(crate) fn start(&self, seconds: u32, plan: &Plan) -> Result<Client, Failure> {
        let mut command = Command::new(find()?);
        command.arg("--json");
        command.args(["--connect", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--tls", self.tls]);
        command.args(["--connections", &self.connections.to_string()]);
        if self.resumes {
            command.arg("--resume");
        }
        if self.static_rsa {
            command.arg("--static-rsa");
        }
        command.args(["--requests-per-connection", &self.requests.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        command.args(["--path", self.path]).arg("--expect-file").arg(self.expected);
        Client::start(command, &plan.placement)
    }

    /// Runs it for the plan's seconds.
    pub(crate) fn run(&self, plan: &Plan) -> Result<Report, Failure> {
        finish(self.start(plan.seconds, plan)?, plan.seconds)
    }
}

/// Takes a storm's report. Its failed connections are no failure here: they are counted.
pub(crate) fn finish(client: Client, seconds: u32) -> Result<Report, Failure> {
    let run = client.finish(Duration::from_secs(seconds.into()))?;
    let report = parse(&run)?;
    if let Some(message) = report.messages.first() {
        eprintln!("interlude: {PROGRAM}: {} errors: {}", report.error_total, message.text);
    }
    Ok(report)
}

fn parse(run: &Run) -> Result<Report, Failure> {
    serde_json::from_str(&run.stdout)
        .map_err(|_| Failure::not_so(format!("{PROGRAM} failed: {}", run.last_line())))
}

/// Beside this program, or in PATH.
fn find() -> Result<PathBuf, Failure> {
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(PROGRAM)));
    match beside.filter(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => program::find(PROGRAM).map_err(|_| {
            Failure::usage(format!("{PROGRAM} is neither beside interlude nor in PATH"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_from_what_tls_storm_prints() {
        let stdout = r#"{"elapsed_s": 2.0, "handshakes": 10, "resumed": 4, "handshakes_per_s": 5.0,
            "error_total": 1, "messages": [{"text": "reset", "times": 1}], "requests": 9,
            "handshake_us": {"count": 10, "mean": 2.0, "p50": 3.0, "p90": 4.0, "p99": 7.0},
            "client_cpu_s": 0.5}"#;
        let report = parse(&Run::of_test(stdout)).unwrap();
        assert_eq!((report.handshakes, report.error_total), (10, 1));
        assert_eq!((report.handshake_us.p99, report.client_cpu()), (7.0, 0.25));
    }

    #[test]
    fn what_is_no_report_is_named_by_its_last_line() {
        let failure = parse(&Run::of_test("tls-storm: no route\n")).unwrap_err();
        assert_eq!(failure.parts(), (1, "tls-storm failed: tls-storm: no route"));
    }
}
