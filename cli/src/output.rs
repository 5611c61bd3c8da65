//! What goes to stdout. A reader that has gone away (`interlude check nginx | head -1`) is not an
//! error.

use crate::failure::Failure;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Prints a finished text.
pub(crate) fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints one JSON value, indented, with a final newline.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))?;
    print(&(text + "\n"))
}
