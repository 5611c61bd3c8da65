//! `curl` over HTTP/2: a process for each connection, every body compared by hash.
//!
//! Each process fetches its pages one after the other on one connection and writes the bodies to
//! its output, whose hash must be that of stock's bodies in the same order.

use crate::crowd::{Page, Reference, Tally};
use crate::{HarnessError, Seeded, program, tool};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Most processes at the same time; a curl takes some 10 MB.
pub(super) const PROCESSES: usize = 64;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(600);

/// `requests` requests over `connections` connections.
pub(super) fn fetch(
    port: u16,
    connections: usize,
    requests: usize,
    reference: &Reference,
) -> Result<Tally, HarnessError> {
    let dir = tempfile::tempdir().map_err(|e| HarnessError::new("curl", e))?;
    let curl = program::find("curl")?;
    let each = requests.div_ceil(connections);
    let mut tally = Tally::default();
    let tallies: Vec<Result<Tally, HarnessError>> = thread::scope(|scope| {
        let one = |number: usize| {
            let (curl, dir) = (&curl, dir.path());
            scope.spawn(move || {
                let mut random = Seeded::new(number as u64 + 1);
                let pages: Vec<&Page> = (0..each).map(|_| reference.pick(&mut random)).collect();
                run(curl, port, &dir.join(number.to_string()), &pages)
            })
        };
        let threads: Vec<_> = (0..connections).map(one).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(HarnessError::new("curl", "its thread panicked")))
        };
        threads.into_iter().map(join).collect()
    });
    for one in tallies {
        tally.add(one?);
    }
    Ok(tally)
}

fn run(curl: &Path, port: u16, list: &Path, pages: &[&Page]) -> Result<Tally, HarnessError> {
    let mut tally = Tally { connections: 1, ..Tally::default() };
    let mut urls = String::new();
    let mut expected = Sha256::new();
    for page in pages {
        // Writing to a string does not fail.
        let _ = writeln!(urls, "url = https://127.0.0.1:{port}{}", page.path);
        expected.update(&page.body);
        tally.bytes += page.body.len() as u64;
    }
    fs::write(list, urls).map_err(|e| HarnessError::new(list.display(), e))?;
    let mut command = Command::new(curl);
    command.args(["--silent", "--show-error", "--fail", "--fail-early"]);
    command.args(["--insecure", "--http2"]);
    command.args(["--header", "Accept-Encoding: gzip", "--config"]);
    command.arg(list).args(["--write-out", "%{stderr}%{http_version} %{num_connects}\n"]);
    let mut got = Sha256::new();
    let told = match tool::stream(&mut command, LIMIT, &mut got) {
        Ok(told) => told,
        Err(error) => {
            tally.fail(error);
            return Ok(tally);
        }
    };
    let answers = told.lines().filter(|line| line.starts_with("2 ")).count();
    let connects = told.lines().filter(|line| *line != "2 0").count();
    tally.requests = answers as u64;
    if answers != pages.len() {
        tally.fail(format!("curl: {answers} of {} answers over HTTP/2", pages.len()));
    } else if got.finalize() != expected.finalize() {
        tally.fail(format!("curl: among {answers} bodies one differs from stock's"));
    } else if connects != 1 {
        tally.fail(format!("curl: {connects} connections instead of one"));
    }
    Ok(tally)
}
