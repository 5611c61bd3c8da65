//! `bench overhead`: what the library costs where it has nothing to offload.

use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::redis::{self, Operation, Report};
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::variant::Variant;
use super::web::{Web, examine};
use super::{size, wrk};
use crate::failure::Failure;
use interlude_test_apps::{Preload, Redis, Server, WebOptions, WebServer};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Work without any call that becomes a job: plain HTTP, or Redis GET and SET.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// nginx, lighttpd or redis
    #[arg(long, value_name = "NAME", default_value = "nginx", value_parser = kind)]
    server: Kind,
    /// Size of the file in bytes, or with k or m behind it; not for redis
    #[arg(long, value_name = "SIZE", default_value = "1k", value_parser = size::parse)]
    size: usize,
    /// Connections at a time; 64 where not given, 50 for redis
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: Option<u32>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Web(WebServer),
    Redis,
}

fn kind(text: &str) -> Result<Kind, &'static str> {
    match text {
        "redis" => Ok(Kind::Redis),
        _ => text.parse().map(Kind::Web).map_err(|_| "must be nginx, lighttpd or redis"),
    }
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let plan = args.common.plan(false)?;
    match args.server {
        Kind::Web(server) => {
            let options = WebOptions { gzip: None, ..WebOptions::default() };
            let web = Web::prepare(server, options, args.size, &plan)?;
            let connections = args.connections.unwrap_or(64);
            let size = args.size;
            compare(&PlainHttp { server, size, connections, plan: &plan, web }, &plan)
        }
        Kind::Redis => {
            let connections = args.connections.unwrap_or(50);
            let requests = requests_for(&plan, connections)?;
            compare(&GetSet { connections, requests, plan: &plan }, &plan)
        }
    }
}

struct PlainHttp<'a> {
    server: WebServer,
    size: usize,
    connections: u32,
    plan: &'a Plan,
    web: Web,
}

impl Workload for PlainHttp<'_> {
    const NAME: &'static str = "overhead";
    const RATIOS: &'static [&'static str] = &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND];

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([
            ("server".to_owned(), json!(self.server.name())),
            ("size".to_owned(), json!(self.size)),
            ("connections".to_owned(), json!(self.connections)),
        ])
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = self.web.start(variant, "")?;
        let path = &self.web.file()?.path;
        let before = server.cpu_time();
        let report = wrk::run(server.ports().plain, path, None, self.connections, self.plan)?;
        let cpu = server.cpu_time().saturating_sub(before);
        examine(&server, variant)?;
        Ok(report.sample(cpu))
    }
}

struct GetSet<'a> {
    connections: u32,
    requests: u64,
    plan: &'a Plan,
}

impl Workload for GetSet<'_> {
    const NAME: &'static str = "overhead";
    const RATIOS: &'static [&'static str] = &[
        key::PER_SECOND,
        key::PER_SERVER_CPU_SECOND,
        "get_per_second",
        "get_per_server_cpu_second",
        "set_per_second",
        "set_per_server_cpu_second",
    ];

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([
            ("server".to_owned(), json!("redis")),
            ("connections".to_owned(), json!(self.connections)),
            ("requests".to_owned(), json!(self.requests)),
        ])
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = start_redis(&variant.preload, self.plan)?;
        let (set, set_cpu) = self.operation(&server, Operation::Set)?;
        let (get, get_cpu) = self.operation(&server, Operation::Get)?;
        examine(&server, variant)?;
        Ok(combined(self.requests as f64, (&get, get_cpu), (&set, set_cpu)))
    }
}

impl GetSet<'_> {
    fn operation(&self, server: &Server, operation: Operation) -> Result<(Report, f64), Failure> {
        let before = server.cpu_time();
        let port = server.ports().plain;
        let report = redis::run(port, operation, self.connections, self.requests, self.plan)?;
        Ok((report, server.cpu_time().saturating_sub(before).as_secs_f64().max(0.01)))
    }
}

/// Both operations together, as often one as the other, and each for itself.
fn combined(requests: f64, get: (&Report, f64), set: (&Report, f64)) -> Sample {
    let ((get, get_cpu), (set, set_cpu)) = (get, set);
    let seconds = requests / get.per_second + requests / set.per_second;
    Sample::default()
        .with(key::PER_SECOND, 2.0 * requests / seconds)
        .with(key::PER_SERVER_CPU_SECOND, 2.0 * requests / (get_cpu + set_cpu))
        .with(key::P50_US, f64::midpoint(get.p50_us, set.p50_us))
        .with(key::P99_US, get.p99_us.max(set.p99_us))
        .with(key::CLIENT_CPU, f64::midpoint(get.client_cpu, set.client_cpu))
        .with("get_per_second", get.per_second)
        .with("get_per_server_cpu_second", requests / get_cpu)
        .with("set_per_second", set.per_second)
        .with("set_per_server_cpu_second", requests / set_cpu)
}

/// redis-benchmark counts requests, not seconds: as many as stock does in half of them, so that
/// GET and SET together fill them.
fn requests_for(plan: &Plan, connections: u32) -> Result<u64, Failure> {
    const TRIAL: u64 = 20_000;
    let server = start_redis(&Preload::Stock, plan)?;
    let report = redis::run(server.ports().plain, Operation::Get, connections, TRIAL, plan)?;
    let wanted = report.per_second * f64::from(plan.seconds) / 2.0;
    Ok((wanted / 1e3).ceil().max(1.0) as u64 * 1000)
}

fn start_redis(preload: &Preload, plan: &Plan) -> Result<Server, Failure> {
    let redis = Redis { cpus: plan.placement.server.clone() };
    redis.start(preload).map_err(|error| Failure::not_so(error.to_string()))
}

impl wrk::Report {
    /// As a sample; `cpu` is what the server used meanwhile.
    pub(crate) fn sample(&self, cpu: Duration) -> Sample {
        Sample::default()
            .with(key::PER_SECOND, self.per_second())
            .with(key::PER_SERVER_CPU_SECOND, self.requests / cpu.as_secs_f64().max(0.01))
            .with(key::P50_US, self.p50_us)
            .with(key::P99_US, self.p99_us)
            .with(key::CLIENT_CPU, self.client_cpu)
            .errors(self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_and_set_count_alike_in_the_whole() {
        let report = |per_second: f64| Report {
            per_second,
            p50_us: 1.0,
            p99_us: per_second,
            client_cpu: 0.5,
        };
        let sample = combined(1000.0, (&report(1000.0), 1.0), (&report(500.0), 3.0));
        assert_eq!(sample.value(key::PER_SECOND), Some(2000.0 / 3.0));
        assert_eq!(sample.value(key::PER_SERVER_CPU_SECOND), Some(500.0));
        assert_eq!(sample.value("get_per_server_cpu_second"), Some(1000.0));
        assert_eq!(sample.value(key::P99_US), Some(1000.0));
    }

    #[test]
    fn servers_are_known_by_name() {
        assert!(matches!(kind("redis"), Ok(Kind::Redis)));
        assert!(matches!(kind("lighttpd"), Ok(Kind::Web(WebServer::Lighttpd))));
        assert!(kind("apache").is_err());
    }
}
