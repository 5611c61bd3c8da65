//! `bench handshake`: full TLS handshakes, each on a new connection.

use super::lanes;
use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::storm::Storm;
use super::variant::Variant;
use super::web::{Web, examine};
use crate::failure::Failure;
use interlude_test_apps::{KeyKind, Tls, WebOptions, WebServer};
use serde_json::{Map, Value, json};

/// Size of the file that is asked for, in bytes.
const FILE: usize = 1024;

/// Full TLS handshakes, each on a new connection and followed by a small request.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// nginx or lighttpd
    #[arg(long, value_name = "NAME", default_value = "nginx")]
    server: WebServer,
    /// Key of the certificate: rsa2048, rsa4096, ecdsa-p256, ecdsa-p384 or ed25519
    #[arg(long, value_name = "KIND", default_value = "rsa2048")]
    key: KeyKind,
    /// Version of TLS
    #[arg(long, value_name = "VERSION", default_value = "1.3")]
    tls: Version,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: u32,
    /// Requests on each connection; 1 where not given, 0 with lighttpd
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    requests: Option<u32>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A version of TLS by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

impl Version {
    /// Its name on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V12 => "1.2",
            Self::V13 => "1.3",
        }
    }

    fn offered(self) -> Tls {
        match self {
            Self::V12 => Tls::V12,
            Self::V13 => Tls::V13,
        }
    }
}

impl Args {
    /// lighttpd holds a connection that it was asked to close for five seconds more, unless the
    /// client answers its close alert, which tls-storm does not: so there the client closes first,
    /// right after the handshake.
    fn requests(&self) -> u32 {
        self.requests.unwrap_or(match self.server {
            WebServer::Nginx => 1,
            WebServer::Lighttpd => 0,
        })
    }
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let plan = args.common.plan(true)?;
    let options = WebOptions {
        key: args.key,
        tls: args.tls.offered(),
        gzip: None,
        http2: false,
        ..WebOptions::default()
    };
    let web = Web::prepare(args.server, options, FILE, &plan)?;
    compare(&Handshake { args, plan: &plan, web }, &plan)
}

struct Handshake<'a> {
    args: &'a Args,
    plan: &'a Plan,
    web: Web,
}

impl Workload for Handshake<'_> {
    const NAME: &'static str = "handshake";
    const RATIOS: &'static [&'static str] = &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND];

    fn params(&self) -> Map<String, Value> {
        let Args { server, key, tls, connections, .. } = self.args;
        Map::from_iter([
            ("server".to_owned(), json!(server.name())),
            ("key".to_owned(), json!(key.name())),
            ("tls".to_owned(), json!(tls.name())),
            ("connections".to_owned(), json!(connections)),
            ("requests".to_owned(), json!(self.args.requests())),
        ])
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = self.web.start(variant, "")?;
        let file = self.web.file()?;
        let expected = self.web.site().on_disk(file);
        let storm = Storm {
            port: server.ports().tls,
            tls: self.args.tls.name(),
            connections: self.args.connections,
            requests: self.args.requests(),
            path: &file.path,
            expected: &expected,
        };
        let before = server.cpu_time();
        let report = storm.run(self.plan)?;
        let cpu = server.cpu_time().saturating_sub(before).as_secs_f64();
        examine(&server, variant)?;
        let sample = Sample::default()
            .with(key::PER_SECOND, report.handshakes_per_s)
            .with(key::PER_SERVER_CPU_SECOND, report.handshakes as f64 / cpu.max(0.01))
            .with(key::P50_US, report.handshake_us.p50)
            .with(key::P99_US, report.handshake_us.p99)
            .with(key::CLIENT_CPU, report.client_cpu())
            .errors(report.error_total);
        Ok(lanes::add_to(sample, &server))
    }
}
