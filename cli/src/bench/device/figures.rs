//! The outcome as figures, the thesis's own beside ours where it has them.
//!
//! ```text
//! device-WORKLOAD-rate, -gain, -latency   by mode: requests per second, times software, a request's time
//! device-polling-rate, -latency           Cache-1, async, by the polling interval
//! device-dequeue-rate, -latency           Cache-1, async, by the dequeue batch
//! device-latency                          one request alone, by size and data
//! ```
//!
//! Must not: have a title without the word *emulated*.

use super::report::{self, Thesis};
use super::sweep::Sweeps;
use super::workload::{CACHE1, FEED1, Workload};
use crate::bench::outcome::Outcome;
use crate::bench::sample::Sample;
use crate::figures::{Axis, Chart, Mark, Scale, Series};
use interlude_device::Description;
use interlude_test_apps::objects::Kind;

const THESIS: &str = "the thesis";

/// All that there are.
pub(super) fn charts(outcome: &Outcome, sweeps: &Sweeps, device: &Description) -> Vec<Chart> {
    let mut charts: Vec<Chart> =
        Workload::ALL.into_iter().flat_map(|workload| modes(workload, outcome)).collect();
    let intervals: Vec<_> =
        sweeps.intervals.iter().map(|(ns, sample)| (f64::from(*ns) / 1e3, sample)).collect();
    let batches: Vec<_> =
        sweeps.batches.iter().map(|(count, sample)| (f64::from(*count), sample)).collect();
    let of_what = ("polling", "polling interval, us", Scale::Logarithmic);
    charts.extend(swept(of_what, &intervals));
    charts.extend(swept(("dequeue", "completions taken at a time", Scale::Bytes), &batches));
    charts.push(by_size(sweeps));
    for chart in &mut charts {
        chart.title = format!("{} ({}, emulated)", chart.title, device.name);
    }
    charts
}

fn axis(label: &str, scale: Scale) -> Axis {
    Axis { label: label.to_owned(), scale }
}

fn series(name: &str, mark: Mark, points: impl Iterator<Item = (f64, f64)>) -> Series {
    Series { name: name.to_owned(), mark, points: points.filter(|point| point.1 > 0.0).collect() }
}

fn file(workload: &Workload) -> &'static str {
    match workload.name {
        name if name == CACHE1.name => "cache1",
        name if name == FEED1.name => "feed1",
        _ => "web",
    }
}

/// By mode: rate, rate to software's, latency.
fn modes(workload: &Workload, outcome: &Outcome) -> [Chart; 3] {
    let keys = &workload.keys;
    let names: Vec<String> = outcome.variants.iter().map(|(name, _)| name.clone()).collect();
    let by_mode = |name: &str, mark, of: &dyn Fn(&str, &Sample) -> f64| {
        let places = outcome.variants.iter().enumerate();
        series(name, mark, places.map(|(place, (mode, sample))| (place as f64, of(mode, sample))))
    };
    let ours = |name: &str, key: &'static str| {
        by_mode(name, Mark::Dot, &|_, sample| sample.value(key).unwrap_or_default())
    };
    let thesis = |name: &str, of: fn(&Thesis) -> f64| {
        by_mode(name, Mark::Cross, &|mode, _| of(Thesis::of(workload, mode)))
    };
    let chart = |name: &str, title: &str, label: &str, series: Vec<Series>| Chart {
        name: format!("device-{}-{name}", file(workload)),
        title: format!("{}: {title}", workload.name),
        x: axis("", Scale::Names(names.clone())),
        y: axis(label, Scale::Linear),
        series,
    };
    let gain = by_mode("here", Mark::Dot, &|mode, _| {
        report::to_software(outcome, mode, keys.per_second).unwrap_or_default()
    });
    let rate = vec![ours("here", keys.per_second), thesis(THESIS, |thesis| thesis.per_second)];
    let gain = vec![
        gain,
        thesis("the thesis, least", |thesis| thesis.to_software.0),
        thesis("the thesis, most", |thesis| thesis.to_software.1),
    ];
    let latency = vec![
        ours("median", keys.p50_us),
        ours("90th percentile", keys.p90_us),
        thesis("the thesis, median", |thesis| thesis.p50_us),
        thesis("the thesis, 90th percentile", |thesis| thesis.p90_us),
    ];
    let latency = latency.into_iter().filter(|series| !series.points.is_empty()).collect();
    [
        chart("rate", "requests per second", "per s", rate),
        chart("gain", "requests per second, times software's", "times", gain),
        chart("latency", "latency of a request", "us", latency),
    ]
}

/// Cache-1 in mode async, by a setting: rate, latency.
fn swept(of_what: (&str, &str, Scale), points: &[(f64, &Sample)]) -> [Chart; 2] {
    let (name, label, scale) = of_what;
    let line = |title: &str, key: &str| {
        let places = points.iter();
        series(
            title,
            Mark::Line,
            places.map(|(at, sample)| (*at, sample.value(key).unwrap_or_default())),
        )
    };
    let chart = |what: &str, title: &str, unit: &str, series: Vec<Series>| Chart {
        name: format!("device-{name}-{what}"),
        title: format!("Cache-1, async, by {label}: {title}"),
        x: axis(label, scale.clone()),
        y: axis(unit, Scale::Linear),
        series,
    };
    let keys = &CACHE1.keys;
    let latency = vec![line("median", keys.p50_us), line("90th percentile", keys.p90_us)];
    [
        chart("rate", "requests per second", "per s", vec![line("here", keys.per_second)]),
        chart("latency", "latency of a request", "us", latency),
    ]
}

/// One request alone.
fn by_size(sweeps: &Sweeps) -> Chart {
    let of_kind = |kind: Kind| {
        let own = sweeps.latencies.iter().filter(move |latency| latency.kind == kind);
        let at = |bytes: u32| f64::from(bytes);
        [
            series(
                &format!("{}, software", kind.name()),
                Mark::Line,
                own.clone().map(|latency| (at(latency.bytes), latency.software)),
            ),
            series(
                &format!("{}, device", kind.name()),
                Mark::Line,
                own.map(|latency| (at(latency.bytes), latency.device)),
            ),
        ]
    };
    Chart {
        name: "device-latency".to_owned(),
        title: "One request alone, by size and data".to_owned(),
        x: axis("bytes", Scale::Bytes),
        y: axis("us", Scale::Logarithmic),
        series: Kind::ALL.into_iter().flat_map(of_kind).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::description;
    use super::super::mode::{ASYNC, SOFTWARE};
    use super::super::sweep::Latency;
    use super::super::workload::WEB;
    use super::*;
    use serde_json::Map;

    fn example() -> (Outcome, Sweeps) {
        let sample = |rate: f64| {
            Workload::ALL.into_iter().fold(Sample::default(), |sample, workload| {
                sample.with(workload.keys.per_second, rate).with(workload.keys.p50_us, 1e6 / rate)
            })
        };
        let ratios = Workload::ALL.map(|workload| (workload.keys.per_second, 1.8)).to_vec();
        let outcome = Outcome {
            bench: "device",
            params: Map::new(),
            variants: vec![
                (SOFTWARE.to_owned(), sample(100_000.0)),
                (ASYNC.to_owned(), sample(180_000.0)),
            ],
            ratios: vec![(format!("{ASYNC}/{SOFTWARE}"), ratios)],
            counts_errors: true,
        };
        let latency = |bytes, software| Latency { kind: Kind::Html, bytes, software, device: 3.0 };
        let sweeps = Sweeps {
            intervals: vec![(50, sample(1000.0)), (1000, sample(2000.0))],
            batches: vec![(1, sample(3000.0)), (16, sample(4000.0))],
            latencies: vec![latency(64, 2.0), latency(8192, 20.0)],
        };
        (outcome, sweeps)
    }

    fn points<'a>(charts: &'a [Chart], name: &str, series: &str) -> &'a [(f64, f64)] {
        let chart = charts.iter().find(|chart| chart.name == name).unwrap();
        &chart.series.iter().find(|of| of.name == series).unwrap().points
    }

    #[test]
    fn every_title_says_that_it_is_emulated() {
        let (outcome, sweeps) = example();
        let charts = charts(&outcome, &sweeps, &description().unwrap());
        assert_eq!(charts.len(), 3 * 3 + 2 * 2 + 1);
        for chart in &charts {
            assert!(chart.title.ends_with("(BlueField-2, off-chip, emulated)"), "{}", chart.title);
        }
    }

    #[test]
    fn ours_stands_beside_the_thesiss_where_it_has_a_figure() {
        let (outcome, sweeps) = example();
        let charts = charts(&outcome, &sweeps, &description().unwrap());
        let of = |name, series| points(&charts, name, series);
        assert_eq!(of("device-cache1-rate", "here"), [(0.0, 100_000.0), (1.0, 180_000.0)]);
        assert_eq!(of("device-cache1-rate", "the thesis"), [(0.0, 143_700.0)]);
        assert_eq!(of("device-feed1-gain", "here"), [(0.0, 1.0), (1.0, 1.8)]);
        assert_eq!(of("device-feed1-gain", "the thesis, least"), [(0.0, 1.0), (1.0, 3.4)]);
        assert_eq!(of("device-feed1-gain", "the thesis, most"), [(0.0, 1.0), (1.0, 3.8)]);
        assert_eq!(of("device-web-latency", "the thesis, median"), [(0.0, 38.4), (1.0, 36.1)]);
        let web = charts.iter().find(|chart| chart.name == "device-web-rate").unwrap();
        assert!(web.title.starts_with(WEB.name));
        // It has none of these.
        let cache = charts.iter().find(|chart| chart.name == "device-cache1-latency").unwrap();
        let names: Vec<&str> = cache.series.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["median"]);
    }

    #[test]
    fn sweeps_are_drawn_by_what_was_swept() {
        let (outcome, sweeps) = example();
        let charts = charts(&outcome, &sweeps, &description().unwrap());
        let of = |name, series| points(&charts, name, series);
        assert_eq!(of("device-polling-rate", "here"), [(0.05, 1000.0), (1.0, 2000.0)]);
        assert_eq!(of("device-dequeue-rate", "here"), [(1.0, 3000.0), (16.0, 4000.0)]);
        assert_eq!(of("device-latency", "html, software"), [(64.0, 2.0), (8192.0, 20.0)]);
        assert_eq!(of("device-latency", "html, device"), [(64.0, 3.0), (8192.0, 3.0)]);
    }
}
