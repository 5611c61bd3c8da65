//! What went wrong in the harness, in one line: what was being done, and why it could not be.

use std::fmt;

/// A failure of the harness or of a server that it runs. `Display` is one line.
#[derive(Debug)]
pub struct HarnessError {
    line: String,
}

impl HarnessError {
    /// A failure to do `what`, because of `why`. Line breaks in `why` become " | ".
    pub fn new(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        let why = why.to_string();
        let why: Vec<&str> = why.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        Self { line: format!("{what}: {}", why.join(" | ")) }
    }
}

impl fmt::Display for HarnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for HarnessError {}
