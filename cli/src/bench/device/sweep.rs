//! What the thesis sweeps: the polling interval, the dequeue batch, and one request by its size and data.
//!
//! Must not: run beyond the time that `--quick` has; a point that has no time is left out.

use super::mode::{ASYNC, INLINE, Mode, SOFTWARE, SYNC};
use super::workload::CACHE1;
use super::{Bench, Expected};
use crate::bench::sample::{Sample, median};
use crate::failure::Failure;
use interlude_test_apps::AppServer;
use interlude_test_apps::objects::{Kind, Request};
use serde_json::{Map, Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// In nanoseconds; 16 completions at a time.
const INTERVALS: [u32; 7] = [50, 100, 500, 1000, 2000, 5000, 10_000];
/// Completions at a time; one look in a microsecond.
const BATCHES: [u32; 6] = [1, 2, 4, 8, 16, 32];
/// In bytes.
const SIZES: [u32; 11] = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
/// Requests of one size and kind.
const REQUESTS: usize = 40;
/// A point takes that share of a measurement.
const SHARE: u32 = 2;

/// All that is swept.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    /// Nanoseconds, and Cache-1 in mode async.
    pub(crate) intervals: Vec<(u32, Sample)>,
    /// Completions at a time, and the same.
    pub(crate) batches: Vec<(u32, Sample)>,
    pub(crate) latencies: Vec<Latency>,
}

/// A request alone, in microseconds, by the server's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) kind: Kind,
    pub(crate) bytes: u32,
    pub(crate) software: f64,
    /// Emulated.
    pub(crate) device: f64,
}

impl Sweeps {
    pub(super) fn measure(bench: &Bench) -> Result<Self, Failure> {
        let latencies = latencies(bench)?;
        let batches = points(bench, "device.dequeue", &BATCHES)?;
        let intervals = points(bench, "device.poll_interval_ns", &INTERVALS)?;
        Ok(Self { intervals, batches, latencies })
    }

    /// Members of the outcome's object.
    pub(crate) fn json(&self) -> Value {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let point = |name: &str, value: f64, sample: &Sample| {
            let mut object = Map::from_iter([(name.to_owned(), json!(value))]);
            let values = sample.values.iter();
            object.extend(values.map(|(key, value)| ((*key).to_owned(), json!(rounded(*value)))));
            object.insert("errors".to_owned(), json!(sample.errors));
            Value::Object(object)
        };
        let intervals = self.intervals.iter();
        let intervals = intervals
            .map(|(ns, sample)| point("poll_interval_us", f64::from(*ns) / 1e3, sample))
            .collect::<Vec<_>>();
        let batches = self.batches.iter();
        let batches = batches
            .map(|(count, sample)| point("dequeue", f64::from(*count), sample))
            .collect::<Vec<_>>();
        let latencies = self.latencies.iter().map(|latency| {
            let Latency { kind, bytes, software, device } = *latency;
            let (software, device) = (rounded(software), rounded(device));
            json!({"kind": kind.name(), "bytes": bytes, "software_us": software, "device_us": device})
        });
        let latencies = latencies.collect::<Vec<_>>();
        json!({"polling": intervals, "dequeue": batches, "latency": latencies})
    }
}

fn has_time(bench: &Bench) -> bool {
    bench.deadline.is_none_or(|deadline| Instant::now() < deadline)
}

/// Cache-1 in mode async, at each of these values of a setting.
fn points(bench: &Bench, key: &str, values: &[u32]) -> Result<Vec<(u32, Sample)>, Failure> {
    let mut points = Vec::new();
    let Some(mode) = Mode::named(ASYNC) else { return Ok(points) };
    let time = (bench.time / SHARE).max(Duration::from_millis(10));
    for value in values.iter().filter(|_| has_time(bench)) {
        let setting = format!("{key}={value}");
        let measure = |server: &AppServer| bench.workload(server, &CACHE1, time, Sample::default());
        let sample = bench
            .served(&mode, std::slice::from_ref(&setting), measure)
            .map_err(|failure| failure.within(&setting))?;
        eprintln!("device: {setting}");
        points.push((*value, sample));
    }
    Ok(points)
}

/// By both, and as far as both have come.
fn latencies(bench: &Bench) -> Result<Vec<Latency>, Failure> {
    let (software, device) = (alone(bench, SOFTWARE)?, alone(bench, SYNC)?);
    let both = software.into_iter().zip(device);
    Ok(both
        .map(|((kind, bytes, software), (.., device))| Latency { kind, bytes, software, device })
        .collect())
}

/// Up to which of these sizes compressing in place takes a request no longer than the device does (emulated); 0: at no
/// size.
pub(super) fn in_place_up_to(bench: &Bench) -> Result<u32, Failure> {
    Ok(crossover(&alone(bench, INLINE)?, &alone(bench, SYNC)?))
}

/// By the medians over all kinds of data of each size, as far as both were measured.
fn crossover(in_place: &[(Kind, u32, f64)], device: &[(Kind, u32, f64)]) -> u32 {
    let of = |all: &[(Kind, u32, f64)], size: u32| {
        let took: Vec<f64> =
            all.iter().filter(|(_, bytes, _)| *bytes == size).map(|(.., took)| *took).collect();
        (!took.is_empty()).then(|| median(took.into_iter()))
    };
    let is_as_quick = |size: &u32| {
        of(in_place, *size).zip(of(device, *size)).is_some_and(|(here, there)| here <= there)
    };
    SIZES.into_iter().take_while(is_as_quick).last().unwrap_or(0)
}

/// Requests one at a time, on one connection: medians in microseconds.
fn alone(bench: &Bench, mode: &str) -> Result<Vec<(Kind, u32, f64)>, Failure> {
    let Some(mode) = Mode::named(mode) else { return Ok(Vec::new()) };
    bench.served(&mode, &[], |server| {
        let failed = |error: std::io::Error| Failure::not_so(format!("objects: {error}"));
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let mut medians = Vec::new();
        for (kind, bytes) in Kind::ALL.into_iter().flat_map(|kind| SIZES.map(|bytes| (kind, bytes)))
        {
            if !has_time(bench) {
                break;
            }
            let request = Request::Compress { kind, which: 1, size: bytes };
            Expected::default().ask(server.port(), [request], &bench.corpora)?;
            let mut took = Vec::new();
            for _ in 0..REQUESTS {
                let (answer, _) = request.ask(&mut stream).map_err(failed)?;
                took.push(f64::from(answer.nanoseconds) / 1e3);
            }
            medians.push((kind, bytes, median(took.into_iter())));
        }
        Ok(medians)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_goes_up_to_where_the_device_is_quicker() {
        let html = |took: [f64; 5]| -> Vec<(Kind, u32, f64)> {
            let sizes = SIZES.into_iter().zip(took);
            sizes.map(|(bytes, took)| (Kind::Html, bytes, took)).collect()
        };
        let device = html([5.0, 5.0, 5.0, 6.0, 6.0]);
        assert_eq!(crossover(&html([1.0, 2.0, 5.0, 7.0, 1.0]), &device), 256);
        assert_eq!(crossover(&html([6.0, 2.0, 2.0, 2.0, 2.0]), &device), 0);
        assert_eq!(crossover(&html([1.0; 5]), &device), 1024, "as far as it was measured");
        assert_eq!(crossover(&[], &device), 0);
    }
}
