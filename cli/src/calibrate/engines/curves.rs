//! The curves, as figures.
//!
//! ```text
//! ENGINE-deflate-cost      in place and set-up, by size, for each kind of data: what class `batch` goes by
//! ENGINE-deflate-latency   in place and latency, likewise: what class `latency` goes by
//! ENGINE-keys              all three, by kind of job and algorithm
//! ```

use super::measure::{Curve, Point};
use super::{Calibration, Of};
use crate::figures::{Axis, Chart, Mark, Scale, Series};
use interlude_offload::JobKind;

/// All figures of all engines.
pub(super) fn charts(calibration: &Calibration) -> Vec<Chart> {
    calibration.engines.iter().flat_map(of_engine).collect()
}

/// Those of one.
pub(super) fn of_engine(of: &Of) -> Vec<Chart> {
    let buffers = JobKind::ALL.into_iter().filter(|kind| kind.compresses());
    let mut charts: Vec<Chart> = buffers.flat_map(|kind| by_size(of, kind)).collect();
    charts.push(by_algorithm(of));
    charts.retain(|chart| !chart.series.is_empty());
    charts
}

/// What of a point is shown, in microseconds, and how it is called.
type Shown = (&'static str, fn(&Point) -> f64);

const IN_PLACE: Shown = ("in place", |point| point.inline / 1e3);
const SET_UP: Shown = ("set-up", |point| point.setup / 1e3);
const LATENCY: Shown = ("latency", |point| point.latency / 1e3);

fn time() -> Axis {
    Axis { label: "us".to_owned(), scale: Scale::Logarithmic }
}

fn title(of: &Of, what: &str) -> String {
    let remark = of.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default();
    format!("{}{remark}: {what}", of.engine.name())
}

fn by_size(of: &Of, kind: JobKind) -> [Chart; 2] {
    let chart = |name: &str, what: &str, shown: Shown| {
        let curves = of.measured.curves.iter().filter(|curve| curve.kind == kind);
        let line = |curve: &Curve, (what, value): Shown| Series {
            name: format!("{}, {what}", curve.data),
            mark: Mark::Line,
            points: curve.points.iter().map(|point| (point.bytes as f64, value(point))).collect(),
        };
        Chart {
            name: format!("{}-{}-{name}", of.engine.name(), kind.name()),
            title: title(of, &format!("{}, {what}", kind.name())),
            x: Axis { label: "bytes of input".to_owned(), scale: Scale::Bytes },
            y: time(),
            series: curves.flat_map(|curve| [line(curve, IN_PLACE), line(curve, shown)]).collect(),
        }
    };
    [
        chart("cost", "CPU time of the submitter", SET_UP),
        chart("latency", "latency of one job", LATENCY),
    ]
}

fn by_algorithm(of: &Of) -> Chart {
    let curves = || of.measured.curves.iter().filter(|curve| !curve.kind.compresses());
    let names: Vec<String> =
        curves().map(|curve| format!("{} {}", curve.kind.name(), curve.data)).collect();
    let series = |(what, value): Shown| {
        let places = curves().enumerate().flat_map(|(place, curve)| {
            curve.points.iter().map(move |point| (place as f64, value(point)))
        });
        Series { name: what.to_owned(), mark: Mark::Dot, points: places.collect() }
    };
    let shown = if names.is_empty() { Vec::new() } else { vec![IN_PLACE, SET_UP, LATENCY] };
    Chart {
        name: format!("{}-keys", of.engine.name()),
        title: title(of, "operations with keys"),
        x: Axis { label: String::new(), scale: Scale::Names(names) },
        y: time(),
        series: shown.into_iter().map(series).collect(),
    }
}
