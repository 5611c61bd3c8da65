//! How far it is, on stderr: a bar on a terminal, else a line for each pass.

use std::io::{self, IsTerminal, Write};

const WIDTH: usize = 40;

/// A bar that is drawn over itself.
pub(super) struct Progress {
    is_terminal: bool,
    shown: Option<usize>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), shown: None }
    }

    /// A pass over everything begins.
    pub(super) fn pass(&self, number: u32) {
        if !self.is_terminal {
            eprintln!("calibrate: pass {number}");
        }
    }

    /// So much of all is done, from 0 to 1.
    pub(super) fn show(&mut self, done: f64) {
        let percent = (done.clamp(0.0, 1.0) * 100.0) as usize;
        if self.is_terminal && self.shown != Some(percent) {
            self.shown = Some(percent);
            eprint!("\r{}", bar(percent));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r{:width$}\r", "", width = WIDTH + 20);
            // Nothing can be done about it.
            let _ = io::stderr().flush();
        }
    }
}

fn bar(percent: usize) -> String {
    let full = percent * WIDTH / 100;
    format!("calibrate [{}{}] {percent:3} %", "#".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_is_as_long_at_its_end_as_at_its_beginning() {
        assert_eq!(bar(0).len(), bar(100).len());
        assert_eq!(bar(50).matches('#').count(), 20);
    }
}
