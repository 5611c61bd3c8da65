//! How far it is, on stderr: a bar on a terminal, else a line for each pass over everything.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is gone in the end.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For so long.
    pub(super) fn over(time: Duration) -> Self {
        let bar = ProgressBar::new(millis(time));
        let style = ProgressStyle::with_template("calibrate [{bar:40}] {percent:>3} %");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// A pass over everything begins.
    pub(super) fn pass(&self, name: &str) {
        if self.0.is_hidden() {
            eprintln!("calibrate: {name}");
        }
    }

    /// So much time has passed.
    pub(super) fn show(&self, elapsed: Duration) {
        self.0.set_position(millis(elapsed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
