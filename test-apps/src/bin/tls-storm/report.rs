//! What a run found, as one JSON object or as a table.
//!
//! Must not: judge. The numbers are those of the tally, divided at most by time or count.

use crate::failure::Failures;
use crate::plan::{Plan, Version};
use crate::storm::Ended;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The result of a run. Times are microseconds where the name ends in `_us`, seconds in `_s`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    tool: &'static str,
    connect: String,
    protocol: &'static str,
    connections: usize,
    requests_per_connection: u64,
    elapsed_s: f64,
    interrupted: bool,
    handshakes: u64,
    full: u64,
    resumed: u64,
    hello_retries: u64,
    handshakes_per_s: f64,
    requests: u64,
    requests_per_s: f64,
    body_bytes: u64,
    verified_signatures: u64,
    errors: Failures,
    error_total: u64,
    messages: Vec<Message>,
    missed_connections: u64,
    handshake_us: Latency,
    request_us: Latency,
    client_cpu_s: f64,
    client_cpu_share: f64,
    client_cpu_us_per_handshake: Option<f64>,
    client_cpu_us_per_request: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
    times: u64,
}

/// Quantiles of a latency, in microseconds; zero where nothing was counted.
#[derive(Debug, Serialize)]
struct Latency {
    count: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Report {
    /// `cpu` is the processor time that the whole run took.
    pub(crate) fn new(ended: Ended, cpu: Duration) -> Self {
        let tally = &ended.world.tally;
        let elapsed_s = ended.elapsed.as_secs_f64().max(1e-9);
        let cpu_each = |count: u64| (count > 0).then(|| cpu.as_secs_f64() * 1e6 / count as f64);
        Self {
            tool: "tls-storm",
            connect: ended.world.plan.target.to_string(),
            protocol: protocol(&ended.world.plan),
            connections: ended.world.plan.connections,
            requests_per_connection: ended.world.plan.requests_per_connection,
            elapsed_s,
            interrupted: ended.interrupted,
            handshakes: tally.handshakes(),
            full: tally.full,
            resumed: tally.resumed,
            hello_retries: tally.retried,
            handshakes_per_s: tally.handshakes() as f64 / elapsed_s,
            requests: tally.requests,
            requests_per_s: tally.requests as f64 / elapsed_s,
            body_bytes: tally.body_bytes,
            verified_signatures: ended.world.tls.as_ref().map_or(0, |tls| tls.verified()),
            error_total: tally.failures.total(),
            missed_connections: ended.missed,
            handshake_us: Latency::new(&tally.handshake_ns),
            request_us: Latency::new(&tally.request_ns),
            client_cpu_s: cpu.as_secs_f64(),
            client_cpu_share: cpu.as_secs_f64() / elapsed_s,
            client_cpu_us_per_handshake: cpu_each(tally.handshakes()),
            client_cpu_us_per_request: cpu_each(tally.requests),
            errors: ended.world.tally.failures,
            messages: ended.world.tally.messages.into_iter().map(Message::from).collect(),
        }
    }

    /// Whether any connection failed.
    pub(crate) fn has_errors(&self) -> bool {
        self.error_total > 0
    }
}

fn protocol(plan: &Plan) -> &'static str {
    match plan.version {
        None => "http",
        Some(Version::Tls12) => "tls1.2",
        Some(Version::Tls13) => "tls1.3",
    }
}

impl From<(String, u64)> for Message {
    fn from((text, times): (String, u64)) -> Self {
        Self { text, times }
    }
}

impl Latency {
    fn new(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            count: histogram.len(),
            mean: histogram.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max, .. } = self;
        write!(out, "{p50:>10.1} {p90:>10.1} {p99:>10.1} {p999:>10.1} {max:>10.1}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect, protocol, connections, elapsed_s, .. } = self;
        let state = if self.interrupted { ", interrupted" } else { "" };
        writeln!(
            out,
            "{protocol} to {connect}, {connections} connections, {elapsed_s:.2} s{state}"
        )?;
        if self.protocol != "http" {
            let Self { handshakes, handshakes_per_s, full, resumed, .. } = self;
            writeln!(
                out,
                "handshakes  {handshakes:>9}  {handshakes_per_s:>11.1}/s  {full} full, \
                 {resumed} resumed, {} signatures verified",
                self.verified_signatures
            )?;
        }
        let Self { requests, requests_per_s, body_bytes, .. } = self;
        writeln!(
            out,
            "requests    {requests:>9}  {requests_per_s:>11.1}/s  {body_bytes} bytes of bodies"
        )?;
        writeln!(
            out,
            "{:<14}{:>10} {:>10} {:>10} {:>10} {:>10}",
            "latency, us", "p50", "p90", "p99", "p99.9", "max"
        )?;
        writeln!(out, "  handshake   {}", self.handshake_us)?;
        writeln!(out, "  request     {}", self.request_us)?;
        self.write_cpu(out)?;
        if self.missed_connections > 0 {
            writeln!(
                out,
                "missed      {} connections were due and never began",
                self.missed_connections
            )?;
        }
        write!(out, "errors      {}", self.error_total)?;
        if self.has_errors() {
            write!(out, ": {}", self.errors)?;
        }
        for Message { text, times } in &self.messages {
            write!(out, "\n  {times} x {text}")?;
        }
        Ok(())
    }
}

impl Report {
    fn write_cpu(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.client_cpu_share * 100.0;
        write!(out, "client CPU  {:.3} s, {share:.0} % of a core", self.client_cpu_s)?;
        if let Some(each) = self.client_cpu_us_per_handshake {
            write!(out, ", {each:.1} us a handshake")?;
        }
        if let Some(each) = self.client_cpu_us_per_request {
            write!(out, ", {each:.1} us a request")?;
        }
        writeln!(out)
    }
}
