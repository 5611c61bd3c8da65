//! `h2load`: HTTP/2 on many connections with several streams each; it counts statuses and bytes.

use crate::crowd::{Page, Reference, Tally};
use crate::{HarnessError, program, tool};
use std::process::Command;
use std::time::Duration;

/// Streams at the same time on each connection.
const STREAMS: &str = "4";
/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(600);

/// At least `requests` requests: every connection asks for all pages in turn, as often as it takes,
/// so that the number of bytes to come is known.
pub(super) fn load(
    port: u16,
    connections: usize,
    requests: usize,
    reference: &Reference,
) -> Result<Tally, HarnessError> {
    let pages: Vec<&Page> =
        reference.pages().iter().filter(|page| page.body.len() < 100_000).collect();
    let turns = requests.div_ceil(connections * pages.len().max(1));
    let answers = connections * pages.len() * turns;
    let mut command = Command::new(program::find("h2load")?);
    command.args(["-n", &answers.to_string(), "-c", &connections.to_string()]);
    command.args(["-m", STREAMS, "-H", "accept-encoding: gzip", "--npn-list", "h2"]);
    command.args(pages.iter().map(|page| format!("https://127.0.0.1:{port}{}", page.path)));
    let text = tool::output(&mut command, LIMIT)?;
    let run = parse(&text).ok_or_else(|| HarnessError::new("h2load", &text))?;
    let mut tally = Tally {
        requests: run.succeeded,
        bytes: run.bytes,
        connections: connections as u64,
        ..Tally::default()
    };
    let bytes: usize = pages.iter().map(|page| page.body.len()).sum();
    let expected = Run { succeeded: answers as u64, bytes: (bytes * connections * turns) as u64 };
    if run != expected {
        tally.fail(format!("h2load: {run:?}, stock {expected:?}"));
    }
    Ok(tally)
}

/// What a run of `h2load` printed.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    /// Answers with a status of 2xx.
    succeeded: u64,
    /// Bytes of their DATA frames.
    bytes: u64,
}

fn parse(text: &str) -> Option<Run> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let succeeded = line("status codes: ")?.split_once(" 2xx")?.0.parse().ok()?;
    let data = line("traffic: ")?.rsplit_once('(')?.1;
    Some(Run { succeeded, bytes: data.split_once(") data")?.0.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_bytes_are_read() {
        let text = "\
requests: 300 total, 300 started, 300 done, 300 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 299 2xx, 0 3xx, 0 4xx, 1 5xx
traffic: 1.73MB (1815360) total, 30.92KB (31660) headers (space savings 35.86%), 1.69MB (1775880) data
";
        assert_eq!(parse(text), Some(Run { succeeded: 299, bytes: 1_775_880 }));
        assert_eq!(parse("connect failed"), None);
    }
}
