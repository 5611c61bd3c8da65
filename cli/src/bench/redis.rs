//! redis-benchmark, the client of `overhead --server redis`.

use super::client::Client;
use super::options::Plan;
use crate::failure::Failure;
use interlude_test_apps::program;
use std::process::Command;
use std::time::Duration;

/// The two commands that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Set,
    Get,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Get => "get",
        }
    }
}

/// What redis-benchmark measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Report {
    /// Operations per second.
    pub(crate) per_second: f64,
    /// Median latency.
    pub(crate) p50_us: f64,
    /// 99th percentile.
    pub(crate) p99_us: f64,
    /// CPU seconds of the client per second.
    pub(crate) client_cpu: f64,
}

/// Runs `requests` operations of one kind on `connections` connections.
pub(crate) fn run(
    port: u16,
    operation: Operation,
    connections: u32,
    requests: u64,
    plan: &Plan,
) -> Result<Report, Failure> {
    let benchmark =
        program::find("redis-benchmark").map_err(|error| Failure::usage(error.to_string()))?;
    let mut command = Command::new(benchmark);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "--csv", "-t", operation.name()]);
    command.args(["-c", &connections.to_string(), "-n", &requests.to_string()]);
    let run = Client::start(command, &plan.placement)?
        .finish(Duration::from_secs(plan.seconds.into()))?
        .success()?;
    let mut report = parse(&run.stdout, operation).ok_or_else(|| {
        Failure::not_so(format!("redis-benchmark printed no result: {}", run.last_line()))
    })?;
    report.client_cpu = run.cpu * report.per_second / requests as f64;
    Ok(report)
}

/// `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_..","p99_..","max_.."`
fn parse(stdout: &str, operation: Operation) -> Option<Report> {
    let rows = stdout
        .lines()
        .map(|line| line.split(',').map(|cell| cell.trim().trim_matches('"')).collect::<Vec<_>>());
    let row = rows
        .into_iter()
        .find(|row| row.first().is_some_and(|name| name.eq_ignore_ascii_case(operation.name())))?;
    let number = |column: usize| row.get(column)?.parse::<f64>().ok();
    Some(Report {
        per_second: number(1)?,
        p50_us: number(4)? * 1e3,
        p99_us: number(6)? * 1e3,
        client_cpu: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "\
\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"
\"GET\",\"100000.00\",\"0.251\",\"0.088\",\"0.250\",\"0.310\",\"0.351\",\"0.823\"
";

    #[test]
    fn the_row_of_the_operation_is_taken() {
        let report = parse(CSV, Operation::Get).unwrap();
        assert_eq!((report.per_second, report.p50_us, report.p99_us), (100_000.0, 250.0, 351.0));
        assert_eq!(parse(CSV, Operation::Set), None);
    }
}
