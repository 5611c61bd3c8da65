//! Why a command ends without having done what it was asked: one line and an exit code.

use std::process::ExitCode;

/// A command's unhappy end.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    line: String,
}

impl Failure {
    /// The thing asked about is not so: exit code 1.
    pub(crate) fn not_so(line: impl Into<String>) -> Self {
        Self { code: 1, line: line.into() }
    }

    /// Bad usage or configuration: exit code 2.
    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self { code: 2, line: line.into() }
    }

    /// The same, with the name of what it happened in.
    pub(crate) fn within(self, what: &str) -> Self {
        Self { code: self.code, line: format!("{what}: {}", self.line) }
    }

    /// Says the line on stderr.
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("interlude: {}", self.line);
        ExitCode::from(self.code)
    }
}

#[cfg(test)]
impl Failure {
    /// Code and line, for tests.
    pub(crate) fn parts(&self) -> (u8, &str) {
        (self.code, &self.line)
    }
}
