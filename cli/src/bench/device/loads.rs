//! `bench device --sweep-loads`: one size at a time by one number of connections at a time, with every call in place, every
//! call parked, and each where the policy says that it had better be made.
//!
//! All three serve side by side, in turns of a fraction of a second: what the machine does besides changes too much
//! between measurements that come one after the other. So does, beside them, the better one of the two that have no
//! choice, once more: by what it differs from itself, two measurements of the same differ here (*floor*).
//!
//! In place is libdeflate here, in all three: what the policy chooses between are the two others. (The benchmark's
//! *software* is ISA-L.)

use super::mode::{ADAPTIVE, LOADS, Mode};
use super::workload::Workload;
use super::{Bench, TURNS, description};
use crate::bench::rounds::in_turn;
use crate::bench::sample::{Sample, median};
use crate::bench::table;
use crate::failure::Failure;
use crate::output;
use interlude_test_apps::AppServer;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// A size and a number of connections.
struct Point {
    bytes: u32,
    connections: u32,
    /// By variant, in the order of [`LOADS`]: a sample a turn.
    samples: [Vec<Sample>; LOADS.len()],
    /// One of those without a choice, again, and which.
    again: Vec<(usize, Sample)>,
    per_second: &'static str,
    on_device: &'static str,
}

/// Those of these sizes and numbers of connections; where none is named, all.
///
/// # Errors
/// If one is not swept.
pub(super) fn chosen(sizes: &[u32], connections: &[u32]) -> Result<Vec<Workload>, Failure> {
    let swept =
        |of: fn(&Workload) -> u32| Workload::loads().map(|load| of(&load)).collect::<Vec<_>>();
    for (list, of) in [(sizes, swept(Workload::largest)), (connections, swept(|l| l.connections))] {
        if let Some(number) = list.iter().find(|number| !of.contains(number)) {
            return Err(Failure::usage(format!("{number}: not swept")));
        }
    }
    let is_meant = |list: &[u32], number| list.is_empty() || list.contains(&number);
    let chosen = Workload::loads()
        .filter(|load| is_meant(sizes, load.largest()) && is_meant(connections, load.connections))
        .collect();
    Ok(chosen)
}

/// Measures and prints.
pub(super) fn run(
    bench: &Bench,
    rounds: u32,
    loads: &[Workload],
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut points: Vec<Point> = loads.iter().map(Point::new).collect();
    for round in 0..rounds {
        for (load, point) in loads.iter().zip(&mut points) {
            point.measure(bench, load)?;
            eprintln!(
                "device: round {} of {rounds}, {} bytes, {} connections: adaptive/best {:.3}, floor {:.3}",
                round + 1,
                point.bytes,
                point.connections,
                point.ratio(),
                point.floor(),
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
            again: Vec::new(),
            per_second: load.keys.per_second,
            on_device: load.keys.on_device,
        }
    }

    /// A round of it.
    fn measure(&mut self, bench: &Bench, load: &Workload) -> Result<(), Failure> {
        let [in_place, parked, adaptive] = &LOADS;
        let time = bench.time / TURNS;
        let turn = |server: &AppServer| bench.workload(server, load, time, Sample::default());
        let served = |mode: &Mode, body: &mut dyn FnMut(&AppServer) -> Result<(), Failure>| {
            bench.served(mode, &[], body).map_err(|failure| failure.within(mode.name))
        };
        served(in_place, &mut |in_place| {
            served(parked, &mut |parked| {
                // Which is the better one, about; that both are warm then is no harm.
                let rates = [self.rate_of(&turn(in_place)?), self.rate_of(&turn(parked)?)];
                let better = usize::from(rates[1] > rates[0]);
                served(adaptive, &mut |adaptive| {
                    served(&LOADS[better], &mut |again| {
                        self.turns(better, [in_place, parked, adaptive, again], turn)
                    })
                })
            })
        })
    }

    /// Each server in each place.
    fn turns(
        &mut self,
        better: usize,
        servers: [&AppServer; LOADS.len() + 1],
        turn: impl Fn(&AppServer) -> Result<Sample, Failure>,
    ) -> Result<(), Failure> {
        let turns = (0..TURNS as usize).flat_map(|turn| in_turn(turn, servers.len()));
        for variant in turns {
            let sample = turn(servers[variant])?;
            match self.samples.get_mut(variant) {
                Some(samples) => samples.push(sample),
                None => self.again.push((better, sample)),
            }
        }
        Ok(())
    }

    fn rate_of(&self, sample: &Sample) -> f64 {
        sample.value(self.per_second).unwrap_or_default()
    }

    /// A variant's median.
    fn rate(&self, variant: usize) -> f64 {
        median(self.samples[variant].iter().map(|sample| self.rate_of(sample)))
    }

    /// The median of the turns' ratios to a variant.
    fn to(&self, samples: impl Iterator<Item = (usize, f64)>) -> f64 {
        let ratio = |(turn, (variant, rate)): (usize, (usize, f64))| {
            let other = self.samples[variant].get(turn)?;
            Some(rate / self.rate_of(other).max(1.0))
        };
        median(samples.enumerate().filter_map(ratio))
    }

    /// The policy's to the better one of those without a choice.
    fn ratio(&self) -> f64 {
        let best = usize::from(self.rate(1) > self.rate(0));
        self.to(self.samples[ADAPTIVE].iter().map(|sample| (best, self.rate_of(sample))))
    }

    /// Of one of those to itself.
    fn floor(&self) -> f64 {
        self.to(self.again.iter().map(|(variant, sample)| (*variant, self.rate_of(sample))))
    }

    /// Of a hundred calls, those that the policy gave to the device.
    fn on_device(&self) -> f64 {
        let values =
            self.samples[ADAPTIVE].iter().filter_map(|sample| sample.value(self.on_device));
        median(values)
    }

    fn errors(&self) -> u64 {
        let again = self.again.iter().map(|(_, sample)| sample);
        self.samples.iter().flatten().chain(again).map(|sample| sample.errors).sum()
    }
}

fn object(bench: &Bench, rounds: u32, points: &[Point]) -> Value {
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    let mut params = bench.params(rounds);
    params.insert("in_place".to_owned(), json!("libdeflate"));
    let spread = |of: fn(&Point) -> f64| {
        let ratios: Vec<f64> = points.iter().map(of).collect();
        let least = rounded(ratios.iter().copied().fold(f64::INFINITY, f64::min));
        let most = rounded(ratios.iter().copied().fold(0.0, f64::max));
        let middle = rounded(median(ratios.into_iter()));
        json!({"least": least, "median": middle, "most": most})
    };
    let loads = points.iter().map(|point| {
        let mut object = Map::from_iter([
            ("bytes".to_owned(), json!(point.bytes)),
            ("connections".to_owned(), json!(point.connections)),
        ]);
        for (variant, mode) in LOADS.iter().enumerate() {
            object.insert(format!("{}_per_second", mode.name), json!(point.rate(variant).round()));
        }
        object.insert("adaptive/best".to_owned(), json!(rounded(point.ratio())));
        object.insert("best/best".to_owned(), json!(rounded(point.floor())));
        object.insert("adaptive_on_device_percent".to_owned(), json!(rounded(point.on_device())));
        object.insert("errors".to_owned(), json!(point.errors()));
        Value::Object(object)
    });
    let loads: Vec<Value> = loads.collect();
    json!({
        "bench": "device",
        "params": params,
        "variants": LOADS.map(|mode| json!({"name": mode.name, "what": mode.title})),
        "ratios": {"adaptive/best": spread(Point::ratio), "best/best": spread(Point::floor)},
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
    let last = ["on device %", "adaptive/best", "floor"].map(str::to_owned);
    let mut rows = vec![head.chain(last).collect::<Vec<_>>()];
    rows.extend(points.iter().map(|point| {
        let rates = (0..LOADS.len()).map(|variant| format!("{:.0}", point.rate(variant)));
        let of = [point.bytes, point.connections].map(|number| number.to_string());
        let ratios = [point.ratio(), point.floor()].map(|ratio| format!("{ratio:.3}"));
        of.into_iter()
            .chain(rates)
            .chain([format!("{:.1}", point.on_device())])
            .chain(ratios)
            .collect()
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
    fn some_of_the_loads_may_be_chosen() {
        let all = Workload::loads().count();
        assert_eq!(chosen(&[], &[]).unwrap().len(), all);
        let load = Workload::loads().last().unwrap();
        assert_eq!(chosen(&[load.largest()], &[load.connections]).unwrap().len(), 1);
        assert!(chosen(&[7, load.largest()], &[]).is_err() && chosen(&[], &[3]).is_err());
    }

    #[test]
    fn a_ratio_is_to_the_better_one_in_the_same_turn() {
        let load = Workload::loads().next().unwrap();
        let mut point = Point::new(&load);
        for (variant, rates) in
            [[100.0, 50.0, 10.0], [50.0, 40.0, 20.0], [110.0, 50.0, 8.0]].iter().enumerate()
        {
            let sample = |rate: &f64| Sample::default().with(point.per_second, *rate);
            point.samples[variant] = rates.iter().map(sample).collect();
        }
        point.again = vec![(0, Sample::default().with(point.per_second, 95.0))];
        assert_eq!((point.ratio(), point.floor(), point.rate(0)), (1.0, 0.95, 50.0));
    }
}
