//! HTTP/2 by `curl`, several streams of a connection at a time; every second one is killed.
//!
//! A worker of nginx that is told to end says `GOAWAY` and closes when the streams that it knows have
//! ended. One that the client has begun meanwhile is lost, and `curl` ends with "Error in the HTTP2
//! framing layer": one connection of 340 where stock nginx is reloaded four times a second. And `curl` 7.88 now and then
//! loses one after `GOAWAY` that it was sent whole (one connection of 800 where stock nginx is reloaded five times a
//! second; nginx's debug log has the last frame, and `close_notify` after it): "not closed cleanly". So where a
//! server is reloaded such a connection's pages are asked for again, and it counts as reopened. What is cut without a
//! `GOAWAY` is a finding.

use crate::crowd::{Page, Reference, Tally};
use crate::{HarnessError, Seeded, program, tool};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Pages of one connection.
const PAGES: usize = 24;
/// Streams at the same time.
const STREAMS: &str = "8";
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Times that a connection may be lost to a reload, one after the other.
const REOPENED: u64 = 3;
/// How `curl` says that one was (`CURLE_HTTP2`),
const LOST: &str = "exit status: 16";
/// or an answer (`CURLE_PARTIAL_FILE`), which may be its own doing where this was said before.
const CUT: (&str, &str) = ("exit status: 18", "GOAWAY, error=0");

/// One connection's worth. Half of them are killed after some milliseconds. `is_reloaded`: the server
/// may go away.
pub(super) fn fetch(port: u16, reference: &Reference, seed: u64, is_reloaded: bool) -> Tally {
    let mut tally = Tally::default();
    let mut random = Seeded::new(seed);
    let pages: Vec<&Page> = (0..PAGES).map(|_| reference.pick(&mut random)).collect();
    let after = (random.below(2) == 1).then(|| Duration::from_millis(random.below(400) as u64));
    while let Err(error) = run(port, &pages, after, &mut tally) {
        if !is_reloaded || tally.reopened == REOPENED || !is_reloads(&error.to_string()) {
            tally.fail(error);
            break;
        }
        tally.reopened += 1;
    }
    tally
}

/// May it be so for a reload alone?
fn is_reloads(error: &str) -> bool {
    error.contains(LOST) || (error.contains(CUT.0) && error.contains(CUT.1))
}

fn run(
    port: u16,
    pages: &[&Page],
    killed_after: Option<Duration>,
    tally: &mut Tally,
) -> Result<(), HarnessError> {
    let failed = |e: std::io::Error| HarnessError::new("curl", e);
    let dir = tempfile::tempdir().map_err(failed)?;
    let mut list = String::new();
    for (number, page) in pages.iter().enumerate() {
        let body = dir.path().join(number.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(list, "url = https://127.0.0.1:{port}{}", page.path);
        let _ = writeln!(list, "output = \"{}\"", body.display());
    }
    let config = dir.path().join("config");
    fs::write(&config, list).map_err(failed)?;
    let mut command = Command::new(program::find("curl")?);
    command.args(["--silent", "--show-error", "--fail", "--insecure", "--http2"]);
    command.args(["--parallel", "--parallel-max", STREAMS]);
    command.args(["--header", "Accept-Encoding: gzip", "--config"]).arg(&config);
    let trace = dir.path().join("trace");
    command.args(["--verbose", "--stderr"]).arg(&trace);
    tally.connections += 1;
    let result = tool::output(&mut command, killed_after.unwrap_or(LIMIT));
    match (killed_after, result) {
        (Some(_), Err(_)) => {
            tally.aborted += 1;
            return Ok(());
        }
        (_, Err(error)) => return Err(HarnessError::new(error, told(&trace))),
        (_, Ok(_)) => {}
    }
    for (number, page) in pages.iter().enumerate() {
        compare(page, &dir.path().join(number.to_string()), tally);
    }
    Ok(())
}

/// What matters of a trace.
fn told(trace: &Path) -> String {
    let trace = fs::read(trace).unwrap_or_default();
    let trace = String::from_utf8_lossy(&trace);
    let lines = trace.lines().filter(|line| line.contains("curl: (") || line.contains(CUT.1));
    lines.collect::<Vec<_>>().join(" | ")
}

fn compare(page: &Page, body: &Path, tally: &mut Tally) {
    match fs::read(body) {
        Ok(body) => match page.compare_body(&body) {
            Ok(()) => {
                tally.requests += 1;
                tally.bytes += body.len() as u64;
                tally.compressed += u64::from(page.compressed());
            }
            Err(why) => tally.fail(format!("{} by HTTP/2: {why}", page.path)),
        },
        Err(error) => tally.fail(HarnessError::new(&page.path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_is_a_reloads_only_after_goaway() {
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("trace");
        let of = |status: u8, lines: &str| {
            fs::write(&trace, lines).unwrap();
            let error = HarnessError::new("curl", format!("exit status: {status}: "));
            HarnessError::new(error, told(&trace)).to_string()
        };
        let cut = "* x\ncurl: (18) HTTP/2 stream 9 was not closed cleanly\n";
        assert!(!is_reloads(&of(18, cut)) && of(18, cut).ends_with("cleanly"));
        assert!(is_reloads(&of(18, &format!("* recveived GOAWAY, error=0\n{cut}"))));
        assert!(!is_reloads(&of(18, &format!("* recveived GOAWAY, error=1\n{cut}"))));
        assert!(is_reloads(&of(16, "")) && !is_reloads(&of(56, "* recveived GOAWAY, error=0\n")));
    }
}
