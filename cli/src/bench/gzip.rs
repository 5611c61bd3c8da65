//! `bench gzip`: a compressible file, compressed on the fly for every request.

use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::variant::Variant;
use super::web::{Web, examine};
use super::{size, wrk};
use crate::failure::Failure;
use interlude_test_apps::{WebOptions, WebServer};
use serde_json::{Map, Value, json};

/// Files compressed on the fly, over plain HTTP with keep-alive.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// nginx or lighttpd
    #[arg(long, value_name = "NAME", default_value = "nginx")]
    server: WebServer,
    /// Level of compression
    #[arg(long, value_name = "L", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    level: u8,
    /// Size of the file in bytes, or with k or m behind it
    #[arg(long, value_name = "SIZE", default_value = "32k", value_parser = size::parse)]
    size: usize,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let plan = args.common.plan(true)?;
    let options = WebOptions { gzip: Some(args.level), ..WebOptions::default() };
    let web = Web::prepare(args.server, options, args.size, &plan)?;
    compare(&Gzip { args, plan: &plan, web }, &plan)
}

struct Gzip<'a> {
    args: &'a Args,
    plan: &'a Plan,
    web: Web,
}

impl Workload for Gzip<'_> {
    const NAME: &'static str = "gzip";
    const RATIOS: &'static [&'static str] = &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND];

    fn params(&self) -> Map<String, Value> {
        let Args { server, level, size, connections, .. } = self.args;
        Map::from_iter([
            ("server".to_owned(), json!(server.name())),
            ("level".to_owned(), json!(level)),
            ("size".to_owned(), json!(size)),
            ("connections".to_owned(), json!(connections)),
        ])
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        const HEADER: &str = "Accept-Encoding: gzip";
        let server = self.web.start(variant, &format!("{HEADER}\r\n"))?;
        let path = &self.web.file()?.path;
        let (port, connections) = (server.ports().plain, self.args.connections);
        let before = server.cpu_time();
        let report = wrk::run(port, path, Some(HEADER), connections, self.plan)?;
        let cpu = server.cpu_time().saturating_sub(before);
        examine(&server, variant)?;
        Ok(report.sample(cpu))
    }
}
