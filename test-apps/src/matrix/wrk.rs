//! `wrk`, which does not look at bodies: load as fast as it can be made, and no error.

use crate::crowd::{Reference, Tally};
use crate::{HarnessError, program, tool};
use std::process::Command;
use std::time::Duration;

/// Seconds of a run, in the order in which they are tried: 512 handshakes alone may take one.
const SECONDS: [u32; 7] = [1, 2, 4, 8, 16, 32, 60];
/// How long a run may take; `wrk` ends by itself, unless it is stuck.
const LIMIT: Duration = Duration::from_secs(120);

/// What `wrk` asks over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) tls: bool,
    pub(super) keep_alive: bool,
}

/// At least `requests` requests, for one page after the other.
pub(super) fn load(
    port: u16,
    load: Load,
    connections: usize,
    requests: usize,
    reference: &Reference,
) -> Result<Tally, HarnessError> {
    let scheme = if load.tls { "https" } else { "http" };
    let mut tally = Tally::default();
    let mut patience = SECONDS.iter();
    let mut seconds = patience.next();
    let pages = reference.pages().iter().filter(|page| page.body.len() < 100_000).cycle();
    for page in pages {
        let Some(duration) = seconds.filter(|_| tally.requests < requests as u64) else { break };
        let url = format!("{scheme}://127.0.0.1:{port}{}", page.path);
        let text = run(&url, load.keep_alive, connections, *duration)?;
        let run = parse(&text).ok_or_else(|| HarnessError::new("wrk", &text))?;
        tally.requests += run.requests;
        for error in run.errors {
            tally.fail(format!("wrk {url}: {error}"));
        }
        // Each time nothing came, the next run is longer.
        if run.requests == 0 || !tally.clean() {
            seconds = patience.next().filter(|_| tally.clean());
        }
    }
    if tally.clean() && tally.requests < requests as u64 {
        tally.fail(format!("wrk: {} requests answered in {SECONDS:?} seconds", tally.requests));
    }
    Ok(tally)
}

fn run(
    url: &str,
    keep_alive: bool,
    connections: usize,
    seconds: u32,
) -> Result<String, HarnessError> {
    let mut command = Command::new(program::find("wrk")?);
    let (duration, connections) = (seconds.to_string(), connections.to_string());
    command.args(["-t", "2", "-c", &connections, "-d", &duration, "--timeout", "30"]);
    command.args(["-H", "Accept-Encoding: gzip"]);
    if !keep_alive {
        command.args(["-H", "Connection: close"]);
    }
    tool::output(command.arg(url), LIMIT)
}

/// What a run of `wrk` printed.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    requests: u64,
    errors: Vec<String>,
}

fn parse(text: &str) -> Option<Run> {
    let lines = || text.lines().map(str::trim);
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok())?;
    let wrong = |line: &&str| line.starts_with("Socket errors") || line.starts_with("Non-2xx");
    Some(Run { requests, errors: lines().filter(wrong).map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_errors_are_read() {
        let text = "Running 1s test\n  1517 requests in 1.02s, 1.82MB read\n";
        assert_eq!(parse(text), Some(Run { requests: 1517, errors: vec![] }));
        let text = "  3 requests in 1.02s, 1B read\n  Socket errors: connect 0, read 4, write 0, \
                    timeout 0\n  Non-2xx or 3xx responses: 3\n";
        assert_eq!(parse(text).unwrap().errors.len(), 2);
        assert_eq!(parse("unable to connect"), None);
    }
}
