//! A client program run to its end: wrk, h2load, curl. It ends with this process and in bounded
//! time, whatever the server does to it.

use crate::{HarnessError, process, wait};
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Runs `command`, and returns what it printed.
///
/// # Errors
/// When it cannot be started, takes longer than `limit` (it is killed then), or fails.
pub fn output(command: &mut Command, limit: Duration) -> Result<String, HarnessError> {
    let mut printed = Vec::new();
    stream(command, limit, &mut printed)?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

/// Runs `command`, and hands what it prints on to `sink` as it comes. Returns its standard error.
///
/// # Errors
/// As [`output`].
pub fn stream(
    command: &mut Command,
    limit: Duration,
    sink: &mut (impl Write + Send),
) -> Result<String, HarnessError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: &dyn std::fmt::Display| HarnessError::new(&name, why);
    command.env_remove("LD_PRELOAD");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process::tie(command, &[], libc::SIGKILL).map_err(|e| failed(&e))?;
    let mut tool = Tool(command.spawn().map_err(|e| failed(&e))?);
    let (out, err) = (tool.0.stdout.take(), tool.0.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || copy(out, sink));
        let err = scope.spawn(move || {
            let mut text = Vec::new();
            copy(err, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut status = None;
        wait::until(limit, || {
            status = tool.0.try_wait().ok().flatten();
            status.is_some()
        });
        // Only now: with the program gone, the two threads come to their end.
        drop(tool);
        let told = err.join().unwrap_or_default();
        match status {
            None => Err(failed(&format!("not done after {} s: {told}", limit.as_secs()))),
            Some(status) if !status.success() => Err(failed(&format!("{status}: {told}"))),
            Some(_) => Ok(told),
        }
    })
}

/// Killed when dropped.
struct Tool(Child);

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Until the program closes its end. A sink that fails only loses the rest.
fn copy(from: Option<impl Read>, to: &mut impl Write) {
    if let Some(mut from) = from {
        let _ = io::copy(&mut from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_it_prints_comes_back_however_long() {
        let text = output(&mut shell("head -c 1000000 /dev/zero; echo >&2 words"), LIMIT).unwrap();
        assert_eq!(text.len(), 1_000_000);
        let told = stream(&mut shell("echo >&2 words"), LIMIT, &mut io::sink()).unwrap();
        assert_eq!(told, "words\n");
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let error = output(&mut shell("echo >&2 no such page; exit 3"), LIMIT).unwrap_err();
        assert!(error.to_string().contains("exit status: 3: no such page"), "{error}");
    }

    #[test]
    fn one_that_does_not_end_is_killed() {
        let error = output(&mut shell("exec sleep 1000"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("not done"), "{error}");
    }
}
