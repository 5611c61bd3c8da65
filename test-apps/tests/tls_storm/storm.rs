//! Runs tls-storm and reads its report.

use serde_json::Value;
use std::fmt;
use std::process::{Command, Output};

/// A run to be made.
pub(crate) struct Storm(Command);

/// tls-storm on the server at `address`.
pub(crate) fn storm(address: &str) -> Storm {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tls-storm"));
    command.args(["--connect", address]);
    Storm(command)
}

impl Storm {
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    /// Makes the run; fails unless there is exactly one JSON object on its standard output.
    pub(crate) fn run(mut self) -> Run {
        Run::of(self.0.arg("--json").output().unwrap())
    }

    /// Makes a run that is expected to go well, and gives the table.
    pub(crate) fn table(mut self) -> String {
        let output = self.0.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The command, for runs that are to be interrupted.
    pub(crate) fn into_command(mut self) -> Command {
        self.0.arg("--json");
        self.0
    }

    /// Makes a run that is expected to be refused; gives the one line that says why.
    pub(crate) fn refusal(mut self) -> String {
        let output = self.0.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}

/// What a run left.
pub(crate) struct Run {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    report: Value,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = String::from_utf8(output.stdout).unwrap();
        let report = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        Self { code: output.status.code(), report }
    }

    /// Asserts that nothing went wrong.
    pub(crate) fn is_clean(&self) {
        assert_eq!(self.count("error_total"), 0, "{self}");
        assert_eq!(self.code, Some(0), "{self}");
    }

    /// Asserts that errors of `kind` occurred so often, and no others.
    pub(crate) fn has_errors(&self, kind: &str, times: u64) {
        assert_eq!(self.at(&format!("/errors/{kind}")), times, "{self}");
        assert_eq!(self.count("error_total"), times, "{self}");
        assert_eq!(self.code, Some(1), "{self}");
    }

    pub(crate) fn count(&self, key: &str) -> u64 {
        self.at(&format!("/{key}"))
    }

    pub(crate) fn at(&self, pointer: &str) -> u64 {
        self.report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}"))
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        self.report[key].as_f64().unwrap_or_else(|| panic!("{key}"))
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.report["interrupted"].as_bool().unwrap()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#}", self.report)
    }
}
