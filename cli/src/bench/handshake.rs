//! `bench handshake`: TLS handshakes, each on a new connection.

mod field;
mod rows;

use super::options::{Common, Plan};
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::storm::Storm;
use super::variant::Variant;
use super::web::{Web, examine};
use super::{lanes, print};
use crate::failure::Failure;
use crate::output;
use interlude_test_apps::{KeyKind, Tls, WebOptions, WebServer};
use rows::Rows;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Size of the file that is asked for, in bytes.
const FILE: usize = 1024;

/// TLS handshakes, each on a new connection and followed by a small request.
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
    /// How a key is agreed on and signed for by TLS 1.2: as the key of the certificate has it, where not given
    #[arg(long, value_name = "NAME")]
    cipher: Option<Cipher>,
    /// Resume sessions, all but a connection's first, by what the server keeps or hands out
    #[arg(long, value_name = "BY")]
    resume: Option<Resume>,
    /// Connections at a time; of several, as in 1,8,64, each is measured, and a row of the table
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "64")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: Vec<u32>,
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

/// What the first part of a suite's name says, by TLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cipher {
    /// An ephemeral key, signed for by RSA.
    #[value(name = "ECDHE-RSA")]
    EcdheRsa,
    /// An ephemeral key, signed for on a curve.
    #[value(name = "ECDHE-ECDSA")]
    EcdheEcdsa,
    /// The client encrypts its secret to the server's key.
    #[value(name = "RSA")]
    Rsa,
}

impl Cipher {
    fn name(self) -> &'static str {
        match self {
            Self::EcdheRsa => "ECDHE-RSA",
            Self::EcdheEcdsa => "ECDHE-ECDSA",
            Self::Rsa => "RSA",
        }
    }

    fn suits(self, key: KeyKind) -> bool {
        matches!(key, KeyKind::Rsa2048 | KeyKind::Rsa4096) == (self != Self::EcdheEcdsa)
    }
}

/// How a session is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Resume {
    /// The client hands in what the server has given it.
    Tickets,
    /// The client names a session that the server has kept.
    Ids,
}

impl Resume {
    fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Ids => "ids",
        }
    }
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
    /// With what a server is told to keep sessions instead of handing them out, where that is asked for.
    fn without_tickets(&self) -> Result<&'static str, Failure> {
        match (self.resume, self.server) {
            (Some(Resume::Ids), WebServer::Nginx) => Ok("ssl_session_tickets off;\n"),
            (Some(Resume::Ids), WebServer::Lighttpd) => {
                Err(Failure::usage("lighttpd keeps no sessions: --resume tickets"))
            }
            _ => Ok(""),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let Some(cipher) = self.cipher else { return Ok(()) };
        let (name, key) = (cipher.name(), self.key.name());
        if self.tls != Version::V12 {
            return Err(Failure::usage(format!("--cipher {name} is TLS 1.2's: --tls 1.2")));
        }
        if !cipher.suits(self.key) {
            return Err(Failure::usage(format!("--cipher {name} is not for --key {key}")));
        }
        if cipher == Cipher::Rsa && self.resume.is_some() {
            return Err(Failure::usage("--cipher RSA and --resume are not measured together"));
        }
        Ok(())
    }

    /// The key, where the strongest of the field was measured by such handshakes.
    fn field(&self) -> Option<KeyKind> {
        let is_such =
            self.server == WebServer::Nginx && self.tls == Version::V13 && self.resume.is_none();
        is_such.then_some(self.key)
    }

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

/// Measures, and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    args.check()?;
    let plan = args.common.plan(true)?;
    let options = WebOptions {
        key: args.key,
        tls: args.tls.offered(),
        gzip: None,
        http2: false,
        extra: args.without_tickets()?.to_owned(),
        ..WebOptions::default()
    };
    let web = Web::prepare(args.server, options, FILE, &plan)?;
    let measure = |connections: u32| {
        // What is limited by default is the time of one row.
        let plan = args.common.plan(true)?;
        compare(&Handshake { args, connections, plan: &plan, web: &web }, &plan)
    };
    if let [connections] = *args.connections {
        return print(&measure(connections)?, args.common.json);
    }
    let mut rows = Vec::new();
    for connections in &args.connections {
        rows.push((*connections, measure(*connections)?));
    }
    let rows = Rows { rows, field: args.field() };
    if args.common.json { output::print_json(&rows.json()) } else { output::print(&rows.text()) }
}

struct Handshake<'a> {
    args: &'a Args,
    connections: u32,
    plan: &'a Plan,
    web: &'a Web,
}

impl Workload for Handshake<'_> {
    const NAME: &'static str = "handshake";
    const RATIOS: &'static [&'static str] =
        &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND, key::P50_US];

    fn params(&self) -> Map<String, Value> {
        let Args { server, key, tls, cipher, resume, .. } = self.args;
        let mut params = Map::from_iter([
            ("server".to_owned(), json!(server.name())),
            ("key".to_owned(), json!(key.name())),
            ("tls".to_owned(), json!(tls.name())),
            ("connections".to_owned(), json!(self.connections)),
            ("requests".to_owned(), json!(self.args.requests())),
        ]);
        if let Some(cipher) = cipher {
            params.insert("cipher".to_owned(), json!(cipher.name()));
        }
        if let Some(resume) = resume {
            params.insert("resume".to_owned(), json!(resume.name()));
        }
        params
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        let server = self.web.start(variant, "")?;
        let file = self.web.file()?;
        let expected = self.web.site().on_disk(file);
        let storm = Storm {
            port: server.ports().tls,
            tls: self.args.tls.name(),
            connections: self.connections,
            resumes: self.args.resume.is_some(),
            static_rsa: self.args.cipher == Some(Cipher::Rsa),
            requests: self.args.requests(),
            path: &file.path,
            expected: &expected,
        };
        let before = server.cpu_time();
        let report = storm.run(self.plan)?;
        let cpu = server.cpu_time().saturating_sub(before).as_secs_f64();
        examine(&server, variant)?;
        if self.args.resume.is_some() && report.resumed == 0 {
            return Err(Failure::not_so("no session was resumed"));
        }
        let sample = Sample::default()
            .with(key::PER_SECOND, report.handshakes_per_s)
            .with(key::PER_SERVER_CPU_SECOND, report.handshakes as f64 / cpu.max(0.01))
            .with(key::US_PER_HANDSHAKE, 1e6 * cpu / (report.handshakes as f64).max(1.0))
            .with(key::P50_US, report.handshake_us.p50)
            .with(key::P99_US, report.handshake_us.p99)
            .with(key::CLIENT_CPU, report.client_cpu())
            .errors(report.error_total);
        Ok(lanes::add_to(sample, &server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Args {
        Line::parse_from(line.split_whitespace()).args
    }

    #[test]
    fn connections_may_be_a_list() {
        assert_eq!(args("handshake --connections 1,8,1024").connections, [1, 8, 1024]);
        assert_eq!(args("handshake").connections, [64]);
        assert!(Line::try_parse_from(["handshake", "--connections", "1,0"]).is_err());
    }

    #[test]
    fn a_cipher_is_one_of_tls_1_2_that_the_key_can_do() {
        let is_fit = |line: &str| args(&format!("handshake {line}")).check().is_ok();
        assert!(is_fit("--tls 1.2 --cipher RSA --key rsa4096"));
        assert!(is_fit("--tls 1.2 --cipher ECDHE-ECDSA --key ecdsa-p256"));
        assert!(is_fit("--tls 1.2 --cipher ECDHE-RSA --resume ids"));
        assert!(!is_fit("--cipher ECDHE-RSA"));
        assert!(!is_fit("--tls 1.2 --cipher RSA --key ed25519"));
        assert!(!is_fit("--tls 1.2 --cipher ECDHE-ECDSA --key rsa2048"));
        assert!(!is_fit("--tls 1.2 --cipher RSA --resume tickets"));
    }

    #[test]
    fn only_nginx_keeps_sessions() {
        let told = |line: &str| args(&format!("handshake {line}")).without_tickets().map(str::len);
        assert_eq!(told("--resume tickets").ok(), Some(0));
        assert!(told("--resume ids").is_ok_and(|len| len > 0));
        assert!(told("--resume ids --server lighttpd").is_err());
    }

    #[test]
    fn the_field_is_beside_what_it_was_measured_by() {
        assert_eq!(args("handshake --key ecdsa-p256").field(), Some(KeyKind::EcdsaP256));
        for other in ["--server lighttpd", "--tls 1.2", "--resume tickets"] {
            assert_eq!(args(&format!("handshake {other}")).field(), None, "{other}");
        }
    }
}
