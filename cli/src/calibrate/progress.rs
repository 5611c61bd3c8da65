//! How far it is, on stderr: a bar on a terminal, else a line for each pass over everything, or for those that begin
//! with a new second.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is gone in the end.
pub(super) struct Progress {
    bar: ProgressBar,
    /// When a line may be written again.
    next: Cell<Instant>,
}

impl Progress {
    /// For so long.
    pub(super) fn over(time: Duration) -> Self {
        let bar = ProgressBar::new(millis(time));
        let style = ProgressStyle::with_template("calibrate [{bar:40}] {percent:>3} %  {msg}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, next: Cell::new(Instant::now()) }
    }

    /// A pass over everything begins.
    pub(super) fn pass(&self, name: &str) {
        self.bar.set_message(name.to_owned());
        let now = Instant::now();
        if self.bar.is_hidden() && now >= self.next.get() {
            self.next.set(now + Duration::from_secs(1));
            eprintln!("calibrate: {name}");
        }
    }

    /// So much time has passed.
    pub(super) fn show(&self, elapsed: Duration) {
        self.bar.set_position(millis(elapsed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
