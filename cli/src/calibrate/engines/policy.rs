//! The policy as a file with settings, for `interlude run --config FILE`.

use super::crossover::Crossover;
use super::{Calibration, Of};
use std::fmt::Write;

/// The file.
pub(super) fn text(calibration: &Calibration) -> String {
    let mut text = String::new();
    for (index, of) in calibration.engines.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        one(&mut text, calibration, of);
    }
    text
}

fn one(text: &mut String, calibration: &Calibration, of: &Of) {
    let Calibration { machine, day, .. } = calibration;
    let engine = of.engine.name();
    let _ =
        writeln!(text, "# measured by `interlude calibrate --engine {engine}` on {day}, {machine}");
    if let Some(remark) = &of.remark {
        let _ = writeln!(text, "# {remark}");
    }
    for Crossover { kind, batch, latency } in &of.crossovers {
        let what = if kind.answers() { "bytes of input" } else { "bytes of the key" };
        let (batch, latency) = (value(*batch), value(*latency));
        let _ = write!(
            text,
            "[policy.thresholds.{engine}.{}]\n{:<24} # {what}; \"never\"\nlatency_from = {latency}\n",
            kind.name(),
            format!("batch_from = {batch}"),
        );
    }
}

fn value(size: Option<usize>) -> String {
    size.map_or_else(|| "\"never\"".to_owned(), |size| size.to_string())
}
