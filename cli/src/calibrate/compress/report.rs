//! The outcome on stdout: for each policy and level what was chosen, and what the library does.

use super::measure::Measured;
use super::rule::{Chosen, Row};
use serde_json::{Value, json};
use std::fmt::Write;

/// For a person.
pub(super) fn text(measured: &Measured, rows: &[Row]) -> String {
    let mut text = format!(
        "zlib {}, {} inputs, passes: {}\n\n{:<14} {:>5}  {:<10}  {:<14} {:>8} {:>8} {:>6} {:>7}  {}\n",
        measured.zlib,
        measured.inputs.len(),
        measured.passes,
        "policy",
        "level",
        "input",
        "fastest",
        "size",
        "worst",
        "MB/s",
        "speed",
        "in the library"
    );
    for row in rows {
        let Chosen { subject, growth, time, gain } = row.chosen;
        let mut library = row.built_in.subject.name();
        if row.built_in.subject != subject {
            let _ = write!(library, " ({:.2})", row.built_in.gain);
        }
        if row.broken().is_some() {
            let _ = write!(library, " {:+.1} %: too large", row.built_in.growth.mean * 100.0);
        }
        let _ = writeln!(
            text,
            "{:<14} {:>5}  {:<10}  {:<14} {:>+6.1} % {:>+6.1} % {:>6.0} {gain:>7.2}  {library}",
            row.policy,
            row.level,
            row.shape.name(),
            subject.name(),
            growth.mean * 100.0,
            growth.worst * 100.0,
            1e3 / time,
        );
    }
    text.push_str(
        "\nsize: over zlib's at that level, in the mean of the kinds of data that compress; worst: of the kind \
         that fares worst; speed: times zlib's\n",
    );
    text
}

/// For programs: the choices, and every cell.
pub(super) fn json(measured: &Measured, rows: &[Row]) -> Value {
    let chosen = |chosen: &Chosen| {
        json!({
            "compressor": chosen.subject.name(),
            "growth": rounded(chosen.growth.mean),
            "worst_growth": rounded(chosen.growth.worst),
            "megabytes_per_second": rounded(1e3 / chosen.time),
            "times_zlib": rounded(chosen.gain),
        })
    };
    let choices: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "policy": row.policy,
                "level": row.level,
                "input": row.shape.name(),
                "fastest": chosen(&row.chosen),
                "library": chosen(&row.built_in),
                "too_large": row.broken().is_some(),
            })
        })
        .collect();
    let mut cells = Vec::new();
    for (subject, of) in &measured.cells {
        for (input, cell) in measured.inputs.iter().zip(of) {
            let Some(cell) = cell else { continue };
            let len = input.bytes.len();
            cells.push(json!({
                "compressor": subject.name(),
                "kind": input.kind,
                "bytes": len,
                "compressed": cell.size,
                "megabytes_per_second": rounded(len as f64 / cell.seconds / 1e6),
            }));
        }
    }
    json!({
        "calibrate": "compress",
        "zlib": measured.zlib,
        "passes": measured.passes,
        "choices": choices,
        "measured": cells,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
