//! `bench device --sweep-loads`: one size at a time by one number of connections at a time, with every call in place, every
//! call parked, and each where the policy says that it had better be made.
//!
//! In place is libdeflate here, in all three: what the policy chooses between are the two others. (The benchmark's
//! *software* is ISA-L.)

use super::mode::{ADAPTIVE, LOADS, Mode};
use super::workload::Workload;
use super::{Bench, description};
use crate::bench::sample::{Sample, median};
use crate::bench::table;
use crate::failure::Failure;
use crate::output;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// A size and a number of connections.
struct Point {
    bytes: u32,
    connections: u32,
    /// By variant, in the order of [`LOADS`]: a sample a round.
    samples: [Vec<Sample>; LOADS.len()],
    per_second: &'static str,
}

/// Measures and prints.
pub(super) fn run(bench: &Bench, rounds: u32, json: bool) -> Result<ExitCode, Failure> {
    let mut points: Vec<Point> = Workload::loads().map(|load| Point::new(&load)).collect();
    for round in 0..rounds {
        for (load, point) in Workload::loads().zip(&mut points) {
            let mut variants: Vec<(&Mode, &mut Vec<Sample>)> =
                LOADS.iter().zip(&mut point.samples).collect();
            if !round.is_multiple_of(2) {
                variants.reverse();
            }
            for (mode, samples) in variants {
                let measure =
                    |server: &_| bench.workload(server, &load, bench.time, Sample::default());
                let sample = bench.served(mode, &[], measure);
                samples.push(sample.map_err(|failure| failure.within(mode.name))?);
            }
            let ratio = point.ratio();
            eprintln!(
                "device: round {} of {rounds}, {} bytes, {} connections: adaptive/best {ratio:.3}",
                round + 1,
                point.bytes,
                point.connections
            );
        }
    }
    if json {
        return output::print_json(&object(bench, rounds, &points));
    }
    output::print(&text(&points)?)
}

impl Point {
    fn new(load: &Workload) -> Self {
        Self {
            bytes: load.largest(),
            connections: load.connections,
            samples: std::array::from_fn(|_| Vec::new()),
            per_second: load.keys.per_second,
        }
    }

    /// A variant's median.
    fn rate(&self, variant: usize) -> f64 {
        median(self.samples[variant].iter().filter_map(|sample| sample.value(self.per_second)))
    }

    /// The median of the rounds' ratios: the policy's by the better one of the others.
    fn ratio(&self) -> f64 {
        let rate = |variant: usize, round: usize| {
            self.samples[variant].get(round).and_then(|sample| sample.value(self.per_second))
        };
        let rounds = 0..self.samples[ADAPTIVE].len();
        median(rounds.filter_map(|round| {
            let best = f64::max(rate(0, round)?, rate(1, round)?);
            Some(rate(ADAPTIVE, round)? / best.max(1.0))
        }))
    }

    fn errors(&self) -> u64 {
        self.samples.iter().flatten().map(|sample| sample.errors).sum()
    }
}

fn object(bench: &Bench, rounds: u32, points: &[Point]) -> Value {
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    let mut params = bench.params(rounds);
    params.insert("in_place".to_owned(), json!("libdeflate"));
    let ratios: Vec<f64> = points.iter().map(Point::ratio).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    let middle = median(ratios.iter().copied());
    let loads = points.iter().map(|point| {
        let mut object = Map::from_iter([
            ("bytes".to_owned(), json!(point.bytes)),
            ("connections".to_owned(), json!(point.connections)),
        ]);
        for (variant, mode) in LOADS.iter().enumerate() {
            object.insert(format!("{}_per_second", mode.name), json!(point.rate(variant).round()));
        }
        object.insert("adaptive/best".to_owned(), json!(rounded(point.ratio())));
        object.insert("errors".to_owned(), json!(point.errors()));
        Value::Object(object)
    });
    let loads: Vec<Value> = loads.collect();
    let [least, middle, most] = [least, middle, most].map(rounded);
    json!({
        "bench": "device",
        "params": params,
        "variants": LOADS.map(|mode| json!({"name": mode.name, "what": mode.title})),
        "ratios": {"adaptive/best": {"least": least, "median": middle, "most": most}},
        "loads": loads,
    })
}

fn text(points: &[Point]) -> Result<String, Failure> {
    let mut text =
        format!("{} is emulated. Requests in a second of one server core:\n", description()?.name);
    for mode in LOADS {
        let _ = writeln!(text, "{:<9} {}", mode.name, mode.title);
    }
    let names = LOADS.iter().map(|mode| mode.name.to_owned());
    let head = ["bytes", "connections"].map(str::to_owned).into_iter().chain(names);
    let mut rows = vec![head.chain(["adaptive/best".to_owned()]).collect::<Vec<_>>()];
    rows.extend(points.iter().map(|point| {
        let rates = (0..LOADS.len()).map(|variant| format!("{:.0}", point.rate(variant)));
        let of = [point.bytes, point.connections].map(|number| number.to_string());
        of.into_iter().chain(rates).chain([format!("{:.3}", point.ratio())]).collect()
    }));
    for line in table::aligned(&rows) {
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_to_the_better_one_of_the_same_round() {
        let load = Workload::loads().next().unwrap();
        let mut point = Point::new(&load);
        for (variant, rates) in
            [[100.0, 50.0, 10.0], [50.0, 100.0, 20.0], [110.0, 90.0, 20.0]].iter().enumerate()
        {
            let sample = |rate: &f64| Sample::default().with(point.per_second, *rate);
            point.samples[variant] = rates.iter().map(sample).collect();
        }
        assert_eq!((point.ratio(), point.rate(0)), (1.0, 50.0));
    }
}
