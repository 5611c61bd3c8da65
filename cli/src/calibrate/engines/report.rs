//! The outcome on stdout: crossovers, and below them every point of every curve.

use super::crossover::{Crossover, MARGIN};
use super::measure::{Curve, Measured};
use super::{Calibration, Of};
use crate::bench::table;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// For a person.
pub(super) fn text(calibration: &Calibration) -> String {
    let Calibration { machine, level, engines, missing, .. } = calibration;
    let mut text = format!("{machine}; compressions at level {level}\n");
    for of in engines {
        let _ = writeln!(text, "\n{}", head(of));
        lines(&mut text, &crossovers(of));
        text.push('\n');
        lines(&mut text, &points(of));
    }
    for (engine, why) in missing {
        let _ = writeln!(text, "\n{engine}: not measured: {why}");
    }
    text.push('\n');
    text.push_str(&legend());
    text
}

fn lines(text: &mut String, rows: &[Vec<String>]) {
    for line in table::aligned(rows) {
        let _ = writeln!(text, "{line}");
    }
}

/// What is to be said of an engine before its figures.
pub(super) fn head(of: &Of) -> String {
    let Measured { passes, switch, jobs, behind, .. } = &of.measured;
    let mut head = of.engine.name().to_owned();
    if let Some(remark) = &of.remark {
        let _ = write!(head, " ({remark})");
    }
    let _ = write!(head, ": passes: {passes}, jobs: {jobs}, a park and a resume: {switch:.0} ns");
    if *behind > 0 {
        let _ = write!(
            head,
            "\n{:.0} % of the jobs were not computed by the time that the emulated device was done: there the latency \
             is a helper thread's (see device.results)",
            *behind as f64 * 100.0 / (*jobs).max(1) as f64
        );
    }
    head
}

/// What the words in the tables mean.
pub(super) fn legend() -> String {
    format!(
        "batch from, latency from: the least size from which on set-up, or latency, takes at most {:.0} % of the CPU time in\n\
         place, for each kind of data. Sizes are bytes of input, or of a key.\n\
         set-up: CPU time of the thread that submits, a park and a resume included; latency: of one job alone\n",
        MARGIN * 100.0
    )
}

fn size(size: Option<usize>) -> String {
    size.map_or_else(|| "never".to_owned(), |size| size.to_string())
}

/// A row for each kind of job, below their head.
pub(super) fn crossovers(of: &Of) -> Vec<Vec<String>> {
    let mut rows = vec![["kind", "batch from", "latency from"].map(str::to_owned).to_vec()];
    rows.extend(of.crossovers.iter().map(|crossover| {
        let Crossover { kind, batch, latency } = *crossover;
        vec![kind.name().to_owned(), size(batch), size(latency)]
    }));
    rows
}

/// A row for each point.
pub(super) fn points(of: &Of) -> Vec<Vec<String>> {
    let head = ["kind", "data", "bytes", "in place us", "set-up us", "latency us"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for Curve { kind, data, points } in &of.measured.curves {
        rows.extend(points.iter().map(|point| {
            let us = |nanoseconds: f64| format!("{:.2}", nanoseconds / 1e3);
            let names = [kind.name().to_owned(), (*data).to_owned(), point.bytes.to_string()];
            let times = [point.inline, point.setup, point.latency].map(us);
            names.into_iter().chain(times).collect()
        }));
    }
    rows
}

/// For programs.
pub(super) fn json(calibration: &Calibration) -> Value {
    let missing =
        calibration.missing.iter().map(|(engine, why)| json!({"engine": engine, "why": why}));
    json!({
        "calibrate": "engines",
        "machine": calibration.machine,
        "day": calibration.day,
        "seconds": calibration.seconds,
        "level": calibration.level,
        "margin": MARGIN,
        "engines": calibration.engines.iter().map(engine).collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
    })
}

fn engine(of: &Of) -> Value {
    let Measured { curves, passes, switch, jobs, behind } = &of.measured;
    let mut object = Map::from_iter([("engine".to_owned(), json!(of.engine.name()))]);
    if let Some(remark) = &of.remark {
        object.insert("emulated".to_owned(), json!(true));
        object.insert("device".to_owned(), json!(remark));
        object.insert("behind".to_owned(), json!(behind));
    }
    let or_never = |size: Option<usize>| size.map_or_else(|| json!("never"), |size| json!(size));
    let thresholds = of.crossovers.iter().map(|Crossover { kind, batch, latency }| {
        json!({
            "kind": kind.name(),
            "batch_from": or_never(*batch),
            "latency_from": or_never(*latency),
        })
    });
    let curves = curves.iter().map(|Curve { kind, data, points }| {
        let points = points.iter().map(|point| {
            json!({
                "bytes": point.bytes,
                "inline_ns": point.inline.round(),
                "setup_ns": point.setup.round(),
                "latency_ns": point.latency.round(),
            })
        });
        json!({"kind": kind.name(), "data": data, "points": points.collect::<Vec<_>>()})
    });
    object.extend([
        ("passes".to_owned(), json!(passes)),
        ("jobs".to_owned(), json!(jobs)),
        ("park_resume_ns".to_owned(), json!(switch.round())),
        ("thresholds".to_owned(), json!(thresholds.collect::<Vec<_>>())),
        ("curves".to_owned(), json!(curves.collect::<Vec<_>>())),
    ]);
    Value::Object(object)
}
