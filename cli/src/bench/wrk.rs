//! wrk, the client of `gzip` and `overhead`.

use super::client::Client;
use super::options::Plan;
use crate::failure::Failure;
use interlude_test_apps::program;
use serde::Deserialize;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Printed by wrk at its end (its SCRIPTING page, "done"). No other hook, so requests are as cheap
/// as without a script.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"duration_us":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
        summary.requests, summary.duration,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
"#;

/// What wrk measured.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Report {
    /// Answers.
    pub(crate) requests: f64,
    /// Wall clock.
    duration_us: f64,
    /// Failures of every kind.
    pub(crate) errors: u64,
    /// Median latency.
    pub(crate) p50_us: f64,
    /// 99th percentile.
    pub(crate) p99_us: f64,
    /// CPU seconds of wrk per second.
    #[serde(skip)]
    pub(crate) client_cpu: f64,
}

impl Report {
    /// Answers per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.requests * 1e6 / self.duration_us.max(1.0)
    }
}

/// Loads a plain HTTP server with keep-alive connections from one thread.
pub(crate) fn run(
    port: u16,
    path: &str,
    header: Option<&str>,
    connections: u32,
    plan: &Plan,
) -> Result<Report, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("wrk: {error}"));
    let dir = tempfile::tempdir().map_err(failed)?;
    let script = dir.path().join("done.lua");
    fs::write(&script, SCRIPT).map_err(failed)?;
    let wrk = program::find("wrk").map_err(|error| Failure::usage(error.to_string()))?;
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--timeout", "20s"]);
    command.args(["--connections", &connections.to_string()]);
    command.args(["--duration", &format!("{}s", plan.seconds)]);
    if let Some(header) = header {
        command.args(["--header", header]);
    }
    command.arg("--script").arg(&script).arg(format!("http://127.0.0.1:{port}{path}"));
    let run = Client::start(command, &plan.placement)?
        .finish(Duration::from_secs(plan.seconds.into()))?
        .success()?;
    let mut report = parse(&run.stdout)
        .ok_or_else(|| Failure::not_so(format!("wrk printed no result: {}", run.last_line())))?;
    report.client_cpu = run.cpu * 1e6 / report.duration_us.max(1.0);
    Ok(report)
}

fn parse(stdout: &str) -> Option<Report> {
    let line = stdout.lines().rev().find(|line| line.starts_with('{'))?;
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_in_braces_is_the_result() {
        let stdout = "Running 1s test\n  Latency 1ms\n\
            {\"requests\":500,\"duration_us\":2000000,\"errors\":1,\"p50_us\":90,\"p99_us\":900}\n";
        let report = parse(stdout).unwrap();
        assert_eq!((report.per_second(), report.errors, report.p99_us), (250.0, 1, 900.0));
        assert_eq!(parse("unable to connect"), None);
    }
}
