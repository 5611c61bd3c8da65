//! The outcome beside the thesis's figures (A. Vijeev, "Operating System Scheduling for Emerging Hardware
//! Accelerators", UC San Diego, 2023).
//!
//! Must not: show what an emulated device decides without saying so.

use super::mode::{ASYNC, MODES, SOFTWARE, SYNC};
use super::sweep::Sweeps;
use super::workload::{CACHE1, FEED1, Workload, isal_us};
use super::{IN_PLACE, device_us};
use crate::bench::options;
use crate::bench::outcome::Outcome;
use crate::bench::sample::Sample;
use crate::bench::table;
use interlude_device::Description;
use std::fmt::Write;

/// What the thesis has of a mode; 0: nothing. A range is its two ends.
pub(super) struct Thesis {
    mode: &'static str,
    pub(super) per_second: f64,
    pub(super) to_software: (f64, f64),
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
}

const NOTHING: Thesis =
    Thesis { mode: "", per_second: 0.0, to_software: (0.0, 0.0), p50_us: 0.0, p90_us: 0.0 };

/// Its table 4.2.
const WEB_SERVICE: [Thesis; 5] = [
    web(SOFTWARE, 28_100.0, 38.4, 42.4),
    web(SYNC, 39_300.0, 27.6, 30.3),
    web("custom-lc", 39_300.0, 27.6, 30.2),
    web(ASYNC, 60_200.0, 36.1, 39.4),
    web("custom-batch", 60_300.0, 36.0, 39.9),
];

const fn web(mode: &'static str, per_second: f64, p50_us: f64, p90_us: f64) -> Thesis {
    let ratio = per_second / 28_100.0;
    Thesis { mode, per_second, to_software: (ratio, ratio), p50_us, p90_us }
}

/// Its section on request-size distributions.
const CACHE1_THESIS: [Thesis; 5] = [
    Thesis { mode: SOFTWARE, per_second: 143_700.0, to_software: (1.0, 1.0), ..NOTHING },
    ratio(SYNC, 1.12, 1.6),
    ratio("custom-lc", 1.12, 1.6),
    ratio(ASYNC, 3.4, 3.8),
    ratio("custom-batch", 3.4, 3.8),
];
const FEED1_THESIS: [Thesis; 5] = [
    Thesis { mode: SOFTWARE, per_second: 68_600.0, to_software: (1.0, 1.0), ..NOTHING },
    ratio(SYNC, 1.12, 1.6),
    ratio("custom-lc", 1.12, 1.6),
    ratio(ASYNC, 3.4, 3.8),
    ratio("custom-batch", 3.4, 3.8),
];

const fn ratio(mode: &'static str, least: f64, most: f64) -> Thesis {
    Thesis { mode, to_software: (least, most), ..NOTHING }
}

impl Thesis {
    pub(super) fn of(workload: &Workload, mode: &str) -> &'static Self {
        let all = match workload.name {
            name if name == CACHE1.name => &CACHE1_THESIS,
            name if name == FEED1.name => &FEED1_THESIS,
            _ => &WEB_SERVICE,
        };
        all.iter().find(|thesis| thesis.mode == mode).unwrap_or(&NOTHING)
    }
}

/// What it says of the mean request in ISA-L, and of requests under 10 us.
fn said_of(workload: &Workload) -> (&'static str, &'static str) {
    match workload.name {
        name if name == CACHE1.name => ("7.0 us", "more than 85 %"),
        name if name == FEED1.name => ("14.6 us", "about 70 %"),
        _ => ("19.9 us, reckoned", "nothing"),
    }
}

/// Everything for a person to read.
pub(crate) fn text(outcome: &Outcome, sweeps: &Sweeps, device: &Description) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "device  {}  pipeline={}  rounds={}  server CPUs {}  client CPUs {}\n\n\
         {}: its times are its description's, results are remembered. Figures are of one server core.\n\
         Latencies are of requests, by the server's clock. \"/thesis\" is ours by the thesis's (a range's middle).\n",
        options::emulated(&[]),
        outcome.params["pipeline"],
        outcome.params["rounds"],
        outcome.params["server_cpus"],
        outcome.params["client_cpus"],
        emulated(device),
    );
    for mode in MODES {
        if outcome.variants.iter().any(|(name, _)| name == mode.name) {
            let _ = writeln!(text, "{:<13} {}", mode.name, mode.title);
        }
    }
    if let Some(bytes) = outcome.params.get(IN_PLACE) {
        let _ = writeln!(text, "{:<13} (here: up to {bytes} bytes; the thesis: up to 256)", "");
    }
    for workload in Workload::ALL {
        let _ = writeln!(text, "\n{}", meets(workload, outcome, device));
        lines(&mut text, &rows(workload, outcome));
        for line in remarks(workload, outcome, device) {
            let _ = writeln!(text, "{line}");
        }
    }
    swept(&mut text, sweeps);
    text
}

fn emulated(device: &Description) -> String {
    format!("{} is emulated", device.name)
}

fn lines(text: &mut String, rows: &[Vec<String>]) {
    for line in table::aligned(rows) {
        let _ = writeln!(text, "{line}");
    }
}

/// How the distribution meets what the thesis says of it.
fn meets(workload: &Workload, outcome: &Outcome, device: &Description) -> String {
    let total = |bytes| {
        let (setup, latency) = device_us(device, bytes);
        setup + latency
    };
    let share =
        |of: &dyn Fn(u32) -> bool| 100.0 * workload.mean(|size| f64::from(u8::from(of(size))));
    let (isal, under) = said_of(workload);
    let here = value(outcome, SOFTWARE, workload.keys.mean_us).unwrap_or_default();
    format!(
        "{}: {} connections, mean {:.0} bytes, {:.0} % below 256. ISA-L as the description takes it: {:.1} us \
         (thesis: {isal}); here, with all that the server does: {here:.1} us.\n\
         On the device, emulated, {:.0} % take less than 10 us (thesis: {under}).",
        workload.name,
        workload.connections,
        workload.mean(f64::from),
        share(&|size| size < 256),
        workload.mean(isal_us),
        share(&|size| total(size) < 10.0),
    )
}

fn value(outcome: &Outcome, mode: &str, key: &str) -> Option<f64> {
    outcome.variants.iter().find(|(name, _)| name == mode)?.1.value(key)
}

pub(super) fn to_software(outcome: &Outcome, mode: &str, key: &str) -> Option<f64> {
    if mode == SOFTWARE {
        return Some(1.0);
    }
    let name = format!("{mode}/{SOFTWARE}");
    let (_, values) = outcome.ratios.iter().find(|(known, _)| *known == name)?;
    values.iter().find(|(known, _)| *known == key).map(|(_, ratio)| *ratio)
}

const HEAD: [&str; 16] = [
    "mode",
    "per s",
    "thesis",
    "/thesis",
    "/software",
    "thesis",
    "/thesis",
    "p50 us",
    "thesis",
    "/thesis",
    "p90 us",
    "thesis",
    "<10 us",
    "on device",
    "client CPU",
    "errors",
];

fn rows(workload: &Workload, outcome: &Outcome) -> Vec<Vec<String>> {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    let keys = &workload.keys;
    for (name, sample) in &outcome.variants {
        let thesis = Thesis::of(workload, name);
        let of = |key: &str| sample.value(key).unwrap_or_default();
        let ratio = to_software(outcome, name, keys.per_second).unwrap_or_default();
        let (least, most) = thesis.to_software;
        let rate = of(keys.per_second);
        let mut row = vec![name.clone(), format!("{rate:.0}")];
        row.extend([known(thesis.per_second, 0), by(rate, thesis.per_second)]);
        let range = if least < most { format!("{least}-{most}") } else { known(least, 2) };
        row.extend([format!("{ratio:.2}"), range, by(ratio, f64::midpoint(least, most))]);
        let (p50, p90) = (of(keys.p50_us), of(keys.p90_us));
        row.extend([format!("{p50:.1}"), known(thesis.p50_us, 1), by(p50, thesis.p50_us)]);
        row.extend([format!("{p90:.1}"), known(thesis.p90_us, 1)]);
        row.extend([keys.under_10_us, keys.on_device].map(|key| format!("{:.0} %", of(key))));
        row.extend([format!("{:.2}", of(keys.client_cpu)), sample.errors.to_string()]);
        rows.push(row);
    }
    rows
}

/// A figure that the thesis has, or nothing.
fn known(value: f64, decimals: usize) -> String {
    if value > 0.0 { format!("{value:.decimals$}") } else { String::new() }
}

fn by(ours: f64, thesis: f64) -> String {
    if thesis > 0.0 { format!("{:.2}", ours / thesis) } else { String::new() }
}

/// From here on a part decides.
const DECIDES: f64 = 0.5;
/// From here on something is at its limit.
const LIMIT: f64 = 0.9;

/// Where it is the emulation, or the client, that a figure is of.
fn remarks(workload: &Workload, outcome: &Outcome, device: &Description) -> Vec<String> {
    let keys = &workload.keys;
    let (setup, latency) = (
        workload.mean(|bytes| device_us(device, bytes).0),
        workload.mean(|bytes| device_us(device, bytes).1),
    );
    let mut remarks = Vec::new();
    if let Some(mean) = value(outcome, SYNC, keys.mean_us).filter(|mean| *mean > 0.0) {
        let share = (setup + latency) / mean;
        if share >= DECIDES {
            remarks.push(format!(
                "* sync: {:.0} % of a request is the emulated device's time: the description decides",
                100.0 * share.min(1.0)
            ));
        }
    }
    let most = f64::from(device.units) / latency.max(0.001) * 1e6;
    if let Some(rate) = value(outcome, ASYNC, keys.per_second) {
        let decides =
            if rate / most >= LIMIT { "the emulation decides" } else { "the CPU decides" };
        let share = 100.0 * rate / most;
        remarks.push(format!(
            "* async: {share:.0} % of the {most:.0} per s that the emulated device's {} units can do: {decides}",
            device.units,
        ));
    }
    let names = |of: &dyn Fn(&Sample) -> bool| {
        let found = outcome.variants.iter().filter(|(_, sample)| of(sample));
        found.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let behind = names(&|sample| sample.value(keys.behind).is_some_and(|count| count > 0.0));
    if !behind.is_empty() {
        remarks
            .push(format!("* {behind}: some results came later than the emulated device's times"));
    }
    let saturated = names(&|sample| sample.value(keys.client_cpu).is_some_and(|cpu| cpu >= LIMIT));
    if !saturated.is_empty() {
        remarks.push(format!("* {saturated}: the client was saturated, \"per s\" is its limit"));
    }
    remarks
}

fn swept(text: &mut String, sweeps: &Sweeps) {
    let cache = |name: &str, value: f64, sample: &Sample| {
        let of = |key: &str| sample.value(key).unwrap_or_default();
        let (rate, p50) = (of(CACHE1.keys.per_second), of(CACHE1.keys.p50_us));
        let p90 = of(CACHE1.keys.p90_us);
        let shown = if name.is_empty() { format!("{value}") } else { format!("{value} {name}") };
        vec![shown, format!("{rate:.0}"), format!("{p50:.1}"), format!("{p90:.1}")]
    };
    let head = |first: &str| [first, "per s", "p50 us", "p90 us"].map(str::to_owned).to_vec();
    if !sweeps.intervals.is_empty() {
        let _ = writeln!(text, "\n{}", INTERVALS);
        let mut rows = vec![head("interval")];
        let all = sweeps.intervals.iter();
        rows.extend(all.map(|(ns, sample)| cache("us", f64::from(*ns) / 1e3, sample)));
        lines(text, &rows);
    }
    if !sweeps.batches.is_empty() {
        let _ = writeln!(text, "\n{}", BATCHES);
        let mut rows = vec![head("at a time")];
        let all = sweeps.batches.iter();
        rows.extend(all.map(|(count, sample)| cache("", f64::from(*count), sample)));
        lines(text, &rows);
    }
    if !sweeps.latencies.is_empty() {
        let _ = writeln!(text, "\n{}", LATENCIES);
        let head = ["data", "bytes", "software us", "device us", "software/device"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(sweeps.latencies.iter().map(|latency| {
            let (software, device) = (latency.software, latency.device);
            let by = by(software, device);
            let bytes = latency.bytes.to_string();
            let name = latency.kind.name().to_owned();
            vec![name, bytes, format!("{software:.1}"), format!("{device:.1}"), by]
        }));
        lines(text, &rows);
    }
}

const INTERVALS: &str = "Cache-1, async, by the polling interval; 16 completions at a time; the device is emulated \
    (thesis: short gives latency, long gives throughput, 1 us is the balance)";
const BATCHES: &str = "Cache-1, async, by the dequeue batch; a look in a microsecond; the device is emulated \
    (thesis: 1 is bad, 2 and more are alike)";
const LATENCIES: &str = "One request alone, by size and data; \"device us\" is emulated: the description decides \
    (thesis: software depends on the data, the device hardly; below 256 bytes software wins)";

#[cfg(test)]
mod tests {
    use super::super::description;
    use super::super::workload::WEB;
    use super::*;
    use serde_json::{Map, json};

    fn outcome() -> Outcome {
        let sample = |rate: f64, mean: f64, behind: f64, client: f64| {
            let of = |sample: Sample, workload: &Workload| {
                let keys = &workload.keys;
                sample
                    .with(keys.per_second, rate)
                    .with(keys.mean_us, mean)
                    .with(keys.p50_us, mean)
                    .with(keys.behind, behind)
                    .with(keys.client_cpu, client)
            };
            Workload::ALL.into_iter().fold(Sample::default(), of)
        };
        let ratios = Workload::ALL.map(|workload| (workload.keys.per_second, 1.8)).to_vec();
        Outcome {
            bench: "device",
            params: Map::from_iter(
                ["pipeline", "rounds", "server_cpus", "client_cpus"]
                    .map(|name| (name.to_owned(), json!(1))),
            ),
            variants: vec![
                (SOFTWARE.to_owned(), sample(100_000.0, 9.0, 0.0, 0.2)),
                (SYNC.to_owned(), sample(110_000.0, 8.0, 0.0, 0.95)),
                (ASYNC.to_owned(), sample(180_000.0, 50.0, 3.0, 0.2)),
            ],
            ratios: vec![(format!("{ASYNC}/{SOFTWARE}"), ratios)],
            counts_errors: true,
        }
    }

    #[test]
    fn the_thesis_stands_beside_ours_and_their_ratio() {
        let rows = rows(&CACHE1, &outcome());
        assert_eq!(rows[1][..7], ["software", "100000", "143700", "0.70", "1.00", "1.00", "1.00"]);
        assert_eq!(rows[3][..7], ["async", "180000", "", "", "1.80", "3.4-3.8", "0.50"]);
        let rows = super::rows(&WEB, &outcome());
        assert_eq!(rows[3][..7], ["async", "180000", "60200", "2.99", "1.80", "2.14", "0.84"]);
        assert_eq!(rows[3][7..10], ["50.0", "36.1", "1.39"]);
    }

    #[test]
    fn it_is_said_where_the_emulation_decides() {
        let device = description().unwrap();
        let remarks = remarks(&FEED1, &outcome(), &device).join("\n");
        for part in [
            "sync: 95 % of a request is the emulated device's time: the description decides",
            "emulated device's 4 units can do: the CPU decides",
            "async: some results came later than the emulated",
            "sync: the client was saturated",
        ] {
            assert!(remarks.contains(part), "{part:?} is not in {remarks}");
        }
        let mut slow = outcome();
        for (key, value) in &mut slow.variants[1].1.values {
            if *key == FEED1.keys.mean_us {
                *value = 40.0;
            }
        }
        let remarks = super::remarks(&FEED1, &slow, &device).join("\n");
        assert!(!remarks.contains("the description decides"), "{remarks}");
        let text = text(&outcome(), &Sweeps::default(), &device);
        assert!(text.contains("BlueField-2, off-chip is emulated"), "{text}");
    }
}
