//! What a run is to do: the arguments, checked and put into the form that the run needs.
//!
//! Must not: open a connection. Whatever is wrong with the arguments is found here.

use crate::args::Args;
use crate::budget::Budget;
use crate::page::{Expected, Page};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Version of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Version {
    /// TLS 1.2, with an ephemeral key exchange
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3
    #[value(name = "1.3")]
    Tls13,
}

/// The key exchange group that is offered first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Group {
    /// X25519, with P-256 and P-384 offered behind it
    #[value(name = "x25519")]
    X25519,
    /// P-256 alone
    #[value(name = "p256")]
    P256,
}

/// What does not change during a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) target: SocketAddr,
    pub(crate) server: ServerName<'static>,
    /// `None` is plain HTTP.
    pub(crate) version: Option<Version>,
    pub(crate) group: Group,
    /// By no ephemeral key.
    pub(crate) static_rsa: bool,
    pub(crate) resume: bool,
    pub(crate) connections: usize,
    pub(crate) requests_per_connection: u64,
    /// Connections that begin per second, whatever the server does.
    pub(crate) rate: Option<f64>,
    pub(crate) verify_share: f64,
    pub(crate) timeout: Duration,
    seconds: Option<Duration>,
    handshakes: Option<u64>,
    requests: Option<u64>,
}

/// How long a run lasts where nothing says when it ends.
const DEFAULT_RUN: Duration = Duration::from_secs(10);

impl Plan {
    /// Checks `args`; gives one line that says what is wrong with them.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        let server = ServerName::try_from(args.sni.clone())
            .map_err(|_| format!("--sni {}: neither a host name nor an address", args.sni))?;
        if args.requests_per_connection == 0 {
            if args.plain {
                return Err("--requests-per-connection 0 needs TLS: with --plain there is \
                            nothing to do"
                    .to_owned());
            }
            if args.requests.is_some() {
                return Err("--requests contradicts --requests-per-connection 0".to_owned());
            }
        }
        let seconds = match args.seconds {
            Some(seconds) => Some(positive("--seconds", seconds)?),
            None if args.handshakes.is_none() && args.requests.is_none() => Some(DEFAULT_RUN),
            None => None,
        };
        if args.static_rsa && args.tls != Version::Tls12 {
            return Err("--static-rsa needs --tls 1.2".to_owned());
        }
        if !(0.0..=1.0).contains(&args.verify_share) {
            return Err(format!("--verify-share {}: not between 0 and 1", args.verify_share));
        }
        if let Some(rate) = args.rate.filter(|rate| !(0.001..=1e7).contains(rate)) {
            return Err(format!("--rate {rate}: not between 0.001 and 10000000"));
        }
        Ok(Self {
            target: args.connect,
            server,
            version: (!args.plain).then_some(args.tls),
            group: args.group,
            static_rsa: args.static_rsa,
            resume: args.resume,
            connections: usize::from(args.connections),
            requests_per_connection: args.requests_per_connection,
            rate: args.rate,
            verify_share: args.verify_share,
            timeout: positive("--timeout", args.timeout)?,
            seconds,
            handshakes: args.handshakes,
            requests: args.requests,
        })
    }

    /// What may begin in a run that begins at `begin`.
    pub(crate) fn budget(&self, begin: Instant) -> Budget {
        Budget {
            until: self.seconds.map(|seconds| begin + seconds),
            connections: self.handshakes,
            requests: self.requests,
        }
    }
}

/// The pages that `args` names, in their order.
pub(crate) fn pages(args: &Args) -> Result<Vec<Page>, String> {
    for line in &args.header {
        if !line.contains(':') || line.contains(['\r', '\n']) {
            return Err(format!("--header {line:?}: not of the form \"Name: value\""));
        }
    }
    for path in &args.path {
        if !path.starts_with('/') || path.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(format!("--path {path:?}: not a path"));
        }
    }
    let expected = expectations(args)?;
    if !expected.is_empty() && expected.len() != args.path.len() {
        return Err(format!(
            "{} bodies are expected, but there are {} paths: give one for each, in their order",
            expected.len(),
            args.path.len()
        ));
    }
    let mut expected = expected.into_iter();
    let page = |path: &String| {
        Page::new(path, &args.sni, &args.header, expected.next().unwrap_or(Expected::Same))
    };
    Ok(args.path.iter().map(page).collect())
}

fn expectations(args: &Args) -> Result<Vec<Expected>, String> {
    let from_file = |file: &std::path::PathBuf| match std::fs::read(file) {
        Ok(bytes) => Ok(Expected::Bytes(bytes)),
        Err(error) => Err(format!("--expect-file {}: {error}", file.display())),
    };
    let from_hash = |text: &String| match sha256(text) {
        Some(hash) => Ok(Expected::Hash(hash)),
        None => Err(format!("--expect-sha256 {text}: not 64 hexadecimal digits")),
    };
    let files = args.expect_file.iter().map(from_file);
    files.chain(args.expect_sha256.iter().map(from_hash)).collect()
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn positive(option: &str, seconds: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && seconds <= 1e6 => Ok(duration),
        _ => Err(format!("{option} {seconds}: not between 0 and 1000000 seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn args(more: &[&str]) -> Args {
        let words = ["tls-storm", "--connect", "127.0.0.1:1"].iter().chain(more);
        Args::try_parse_from(words).unwrap()
    }

    #[test]
    fn a_run_lasts_ten_seconds_unless_something_else_ends_it() {
        let now = Instant::now();
        let budget = |more: &[&str]| Plan::new(&args(more)).unwrap().budget(now);
        assert_eq!(budget(&[]).until, Some(now + DEFAULT_RUN));
        assert_eq!(budget(&["--handshakes", "5"]).until, None);
        assert_eq!(budget(&["--requests", "5"]).requests, Some(5));
        let both = budget(&["--seconds", "2", "--handshakes", "5"]);
        assert_eq!(both.until, Some(now + Duration::from_secs(2)));
        assert_eq!(both.connections, Some(5));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_one_line() {
        for more in [
            &["--sni", "a b"][..],
            &["--plain", "--requests-per-connection", "0"],
            &["--requests", "1", "--requests-per-connection", "0"],
            &["--seconds", "0"],
            &["--timeout", "0"],
            &["--verify-share", "1.5"],
            &["--rate", "0"],
        ] {
            let message = Plan::new(&args(more)).unwrap_err();
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn expectations_belong_to_the_paths_in_their_order() {
        let hash = "00".repeat(32);
        assert_eq!(pages(&args(&["--path", "/a", "--expect-sha256", &hash])).unwrap().len(), 1);
        for more in [
            &["--path", "/a", "--path", "/b", "--expect-sha256", &hash][..],
            &["--expect-sha256", "xyz"],
            &["--expect-file", "/does/not/exist"],
            &["--path", "a"],
            &["--path", "/a b"],
            &["--header", "no colon"],
        ] {
            assert!(pages(&args(more)).is_err(), "{more:?}");
        }
    }
}
