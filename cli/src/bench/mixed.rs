//! `bench mixed`: what small requests feel of heavy ones in the same worker.

use super::gets::{self, Gets};
use super::handshake::Version;
use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::storm::{self, Storm};
use super::variant::Variant;
use super::web::{Web, examine};
use crate::failure::Failure;
use interlude_test_apps::{KeyKind, Server, WebOptions, WebServer};
use serde_json::{Map, Value, json};
use std::thread;
use std::time::Duration;

/// Size of the file that is asked for, in bytes.
const FILE: usize = 1024;

/// How long the storm has raged when the first GET is due.
const LEAD: Duration = Duration::from_millis(300);

/// Small plain GETs at a steady rate while TLS handshakes storm the same worker.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// nginx or lighttpd
    #[arg(long, value_name = "NAME", default_value = "nginx")]
    server: WebServer,
    /// Key of the certificate: rsa2048, rsa4096, ecdsa-p256, ecdsa-p384 or ed25519
    #[arg(long, value_name = "KIND", default_value = "rsa4096")]
    key: KeyKind,
    /// Connections of the storm at a time
    #[arg(long, value_name = "N", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: u32,
    /// Plain GETs per second
    #[arg(long, value_name = "R", default_value_t = 250)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Keep-alive connections of the GETs: enough for stock to answer at this rate while each waits
    /// for a whole round of handshakes
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    get_connections: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let plan = args.common.plan(true)?;
    let options = WebOptions { key: args.key, gzip: None, http2: false, ..WebOptions::default() };
    let web = Web::prepare(args.server, options, FILE, &plan)?;
    compare(&Mixed { args, plan: &plan, web }, &plan)
}

struct Mixed<'a> {
    args: &'a Args,
    plan: &'a Plan,
    web: Web,
}

impl Workload for Mixed<'_> {
    const NAME: &'static str = "mixed";
    const RATIOS: &'static [&'static str] =
        &[key::P50_US, key::P99_US, "p999_us", "handshakes_per_second"];

    fn params(&self) -> Map<String, Value> {
        let Args { server, key, connections, rate, get_connections, .. } = self.args;
        Map::from_iter([
            ("server".to_owned(), json!(server.name())),
            ("key".to_owned(), json!(key.name())),
            ("connections".to_owned(), json!(connections)),
            ("rate".to_owned(), json!(rate)),
            ("get_connections".to_owned(), json!(get_connections)),
        ])
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = self.web.start(variant, "")?;
        let (gets, storm) = self.load(&server)?;
        examine(&server, variant)?;
        Ok(Sample::default()
            .with(key::PER_SECOND, gets.answers() as f64 / gets.elapsed)
            .with(key::P50_US, gets.quantile(0.5))
            .with(key::P99_US, gets.quantile(0.99))
            .with("p999_us", gets.quantile(0.999))
            .with("handshakes_per_second", storm.handshakes_per_s)
            .with(key::CLIENT_CPU, storm.client_cpu() + gets.cpu / gets.elapsed)
            .errors(gets.errors + storm.error_total))
    }
}

impl Mixed<'_> {
    /// The storm begins before the GETs and ends after them: no GET meets a quiet server.
    fn load(&self, server: &Server) -> Result<(gets::Report, storm::Report), Failure> {
        let file = self.web.file()?;
        let expected = self.web.site().on_disk(file);
        let storm = Storm {
            port: server.ports().tls,
            tls: Version::V13.name(),
            connections: self.args.connections,
            resumes: false,
            static_rsa: false,
            requests: 0,
            path: &file.path,
            expected: &expected,
        };
        let gets = Gets {
            port: server.ports().plain,
            file,
            connections: self.args.get_connections,
            rate: self.args.rate,
            seconds: self.plan.seconds,
        };
        let client = storm.start(self.plan.seconds + 1, self.plan)?;
        thread::sleep(LEAD);
        let gets = gets.run(&self.plan.placement)?;
        Ok((gets, storm::finish(client, self.plan.seconds + 1)?))
    }
}
