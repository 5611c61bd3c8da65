//! Clients that others have written, each of which verifies every certificate and every signature: they have to
//! accept all handshakes of a server.
//!
//! ```text
//! rustls        tls-storm with --verify-share 1: one process, many connections
//! openssl       `openssl s_client`: a process a handshake
//! curl-openssl  libcurl of Debian's curl            \\ c/curl-client.c: some processes,
//! curl-gnutls   libcurl of Debian's libcurl3-gnutls /  one connection after the other
//! ```
//!
//! Must not: resume a session. Where a client is not installed, that is said and is no failure.

use crate::matrix::Workplace;
use crate::{HarnessError, KeyKind, Preload, Server, WebOptions, WebServer, program, tool};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fmt, thread};

/// Processes of one client at a time, and connections of one that has many.
const PROCESSES: usize = 4;
const CONNECTIONS: usize = 32;
/// How long a client may take at most, for each thousand of handshakes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// rustls.
    Rustls,
    /// `openssl s_client`.
    Openssl,
    /// curl over OpenSSL.
    CurlOpenssl,
    /// curl over GnuTLS.
    CurlGnutls,
}

impl Client {
    /// Every client.
    pub const ALL: [Self; 4] = [Self::Rustls, Self::Openssl, Self::CurlOpenssl, Self::CurlGnutls];

    /// Its name on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustls => "rustls",
            Self::Openssl => "openssl",
            Self::CurlOpenssl => "curl-openssl",
            Self::CurlGnutls => "curl-gnutls",
        }
    }
}

/// How many of a hundred handshakes each client makes, in the order of [`Client::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares(pub [usize; 4]);

/// One of `openssl s_client` takes a process: on two CPUs, 15 ms and more.
impl Default for Shares {
    fn default() -> Self {
        Self([80, 4, 8, 8])
    }
}

impl FromStr for Shares {
    type Err = String;

    /// `rustls=80,openssl=4,curl-openssl=8,curl-gnutls=8`; who is not named makes none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut shares = [0; 4];
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or("must be NAME=PERCENT,...")?;
            let client = Client::ALL.iter().position(|client| client.name() == name);
            let place = client.and_then(|client| shares.get_mut(client));
            let share = share.parse().map_err(|_| format!("{share:?} is no number"))?;
            *place.ok_or(format!("no client is called {name:?}"))? = share;
        }
        if shares.iter().sum::<usize>() == 100 {
            Ok(Self(shares))
        } else {
            Err("must be 100 in all".into())
        }
    }
}

/// What became of one client's handshakes.
#[derive(Debug)]
pub struct Outcome {
    /// Who made them.
    pub client: Client,
    /// Handshakes that it was to make.
    pub wanted: usize,
    /// Those that it accepted, with a whole answer where it asks for one; `None`: it is not installed.
    pub accepted: Option<usize>,
    /// What it said, if it did not accept all.
    pub said: String,
}

impl Outcome {
    /// Did it accept all, or is it not there?
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.accepted.is_none_or(|accepted| accepted == self.wanted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, wanted, accepted, said } = self;
        let name = client.name();
        match accepted {
            Some(accepted) => write!(to, "{name:<12} {accepted:>7} of {wanted:>7}")?,
            None => write!(to, "{name:<12}       - of {wanted:>7}, not installed")?,
        }
        if said.is_empty() { Ok(()) } else { write!(to, ": {said}") }
    }
}

/// Where handshakes are made, and by what.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The server's port for TLS.
    pub port: u16,
    /// Its certificate, which is trusted.
    pub certificate: &'a Path,
    /// What is asked for.
    pub path: &'a str,
    /// `1.2` or `1.3`.
    pub version: &'a str,
}

impl Target<'_> {
    /// Has all clients make so many handshakes, all at the same time.
    #[must_use]
    pub fn run(&self, handshakes: usize, shares: Shares) -> Vec<Outcome> {
        thread::scope(|scope| {
            let runs: Vec<_> = Client::ALL
                .into_iter()
                .zip(shares.0)
                .filter(|(_, share)| *share > 0)
                .map(|(client, share)| (handshakes * share / 100, client))
                .filter(|(wanted, _)| *wanted > 0)
                .map(|(wanted, client)| {
                    (client, wanted, scope.spawn(move || self.by(client, wanted)))
                })
                .collect();
            let failed = |client, wanted| {
                let said = "its thread panicked".to_owned();
                Outcome { client, wanted, accepted: Some(0), said }
            };
            runs.into_iter()
                .map(|(client, wanted, run)| run.join().unwrap_or_else(|_| failed(client, wanted)))
                .collect()
        })
    }

    fn by(&self, client: Client, wanted: usize) -> Outcome {
        let result = match client {
            Client::Rustls => self.by_rustls(wanted),
            Client::Openssl => self.by_openssl(wanted),
            Client::CurlOpenssl => self.by_curl("libcurl.so.4", wanted),
            Client::CurlGnutls => self.by_curl("libcurl-gnutls.so.4", wanted),
        };
        let (accepted, said) = match result {
            Ok(Some((accepted, said))) => (Some(accepted), said),
            Ok(None) => (None, String::new()),
            Err(error) => (Some(0), error.to_string()),
        };
        Outcome { client, wanted, accepted, said }
    }

    fn limit(wanted: usize) -> Duration {
        PATIENCE * u32::try_from(wanted / 1000 + 1).unwrap_or(u32::MAX)
    }

    fn by_rustls(&self, wanted: usize) -> Done {
        let mut command = Command::new("/bin/sh");
        // An exit code of 1 says that there were errors; they are in the report.
        command.args(["-c", "\"$0\" \"$@\" || [ $? = 1 ]"]).arg(beside("tls-storm")?);
        command.args(["--json", "--verify-share", "1", "--tls", self.version]);
        command.args(["--connect", &format!("127.0.0.1:{}", self.port), "--path", self.path]);
        command.args(["--connections", &CONNECTIONS.min(wanted).to_string()]);
        command.args(["--handshakes", &wanted.to_string(), "--seconds", "86400"]);
        let text = tool::output(&mut command, Self::limit(wanted))?;
        let report: Value =
            serde_json::from_str(&text).map_err(|e| HarnessError::new("tls-storm", e))?;
        let number = |key: &str| report[key].as_u64().unwrap_or(0);
        let errors = usize::try_from(number("error_total")).unwrap_or(usize::MAX);
        // Of each of them the signature was verified, or it does not count.
        let verified = number("full").min(number("verified_signatures"));
        let accepted = usize::try_from(verified).unwrap_or(0).saturating_sub(errors);
        let said = report["messages"][0]["text"].as_str().unwrap_or_default().to_owned();
        Ok(Some((accepted, said)))
    }

    fn by_openssl(&self, wanted: usize) -> Done {
        let Ok(openssl) = program::find("openssl") else { return Ok(None) };
        let version = if self.version == "1.2" { "-tls1_2" } else { "-tls1_3" };
        let one = || {
            let mut command = Command::new(&openssl);
            command.args(["s_client", "-brief", version, "-servername", "localhost"]);
            command.args(["-verify_return_error", "-verify_hostname", "localhost", "-CAfile"]);
            command.arg(self.certificate).args(["-connect", &format!("127.0.0.1:{}", self.port)]);
            let told = tool::stream(&mut command, PATIENCE, &mut std::io::sink())?;
            if told.contains("Verification: OK") {
                Ok(1)
            } else {
                Err(HarnessError::new("openssl s_client", told))
            }
        };
        let next = AtomicUsize::new(0);
        let all = together(|| {
            let mut sum = Sum::default();
            while next.fetch_add(1, Ordering::Relaxed) < wanted {
                sum.add(one());
            }
            sum
        });
        Ok(Some((all.accepted, all.said)))
    }

    fn by_curl(&self, library: &str, wanted: usize) -> Done {
        let next = AtomicUsize::new(0);
        let url = format!("https://localhost:{}{}", self.port, self.path);
        let is_missing = AtomicUsize::new(0);
        let all = together(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let own = wanted / PROCESSES + usize::from(number < wanted % PROCESSES);
            let mut command = Command::new("/bin/sh");
            // Its exit code comes after what it has printed.
            command.args(["-c", "\"$0\" \"$@\"; echo $?", env!("APP_CURL_CLIENT"), library, &url]);
            command.arg(self.certificate).args([self.version, &own.to_string()]);
            let mut printed = Vec::new();
            let told = tool::stream(&mut command, Self::limit(own), &mut printed);
            let printed = String::from_utf8_lossy(&printed).into_owned();
            if printed.trim() == "3" {
                is_missing.fetch_add(1, Ordering::Relaxed);
            }
            let mut sum = Sum::default();
            let accepted = printed.split_whitespace().next().and_then(|n| n.parse().ok());
            if let Ok(told) = &told {
                told.lines().next().unwrap_or_default().clone_into(&mut sum.said);
            }
            sum.add(told.map(|_| accepted.unwrap_or(0)));
            sum
        });
        if is_missing.load(Ordering::Relaxed) > 0 {
            return Ok(None);
        }
        Ok(Some((all.accepted, all.said)))
    }
}

/// How many were accepted, and what was said of another; `None`: there is no such client.
type Done = Result<Option<(usize, String)>, HarnessError>;

#[derive(Default)]
struct Sum {
    accepted: usize,
    said: String,
}

impl Sum {
    fn add(&mut self, done: Result<usize, HarnessError>) {
        match done {
            Ok(accepted) => self.accepted += accepted,
            Err(error) if self.said.is_empty() => self.said = error.to_string(),
            Err(_) => {}
        }
    }
}

/// As many at a time as there are processes of a client.
fn together(one: impl Fn() -> Sum + Sync) -> Sum {
    let sums: Vec<Sum> = thread::scope(|scope| {
        let all: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(&one)).collect();
        all.into_iter().filter_map(|one| one.join().ok()).collect()
    });
    let said = sums.iter().map(|sum| sum.said.clone()).find(|said| !said.is_empty());
    Sum { accepted: sums.iter().map(|sum| sum.accepted).sum(), said: said.unwrap_or_default() }
}

/// A program of ours, which lies where this one does, or above where tests do.
fn beside(name: &str) -> Result<PathBuf, HarnessError> {
    let exe = env::current_exe().map_err(|e| HarnessError::new(name, e))?;
    let found = exe.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|at| at.is_file());
    found.ok_or_else(|| HarnessError::new(name, "is not built"))
}

/// What became of handshakes with a server, which still runs.
#[derive(Debug)]
pub struct Ran {
    /// Of each version and client.
    pub outcomes: Vec<(&'static str, Outcome)>,
    /// Whoever made them with them.
    pub server: Server,
}

/// Handshakes of each version with stock nginx under `preload`, by all clients: so many in all.
///
/// # Errors
/// When the server cannot be started, or complained.
pub fn run(
    key: KeyKind,
    preload: &Preload,
    handshakes: usize,
    shares: Shares,
    place: &Workplace,
) -> Result<Ran, HarnessError> {
    let options = WebOptions { key, gzip: None, ..WebOptions::default() };
    let server = WebServer::Nginx.start(&options, &place.site, &place.certificates, preload)?;
    let certificate = place.certificates.get(key)?.certificate;
    let small = place.site.files().iter().filter(|file| !file.bytes.is_empty());
    let small = small.min_by_key(|file| file.bytes.len());
    let file = small.ok_or_else(|| HarnessError::new("the site", "has no page"))?;
    let mut outcomes = Vec::new();
    for version in ["1.3", "1.2"] {
        let (port, certificate) = (server.ports().tls, certificate.as_path());
        let target = Target { port, certificate, path: &file.path, version };
        outcomes.extend(target.run(handshakes / 2, shares).into_iter().map(|one| (version, one)));
    }
    match server.alarms().first() {
        Some(alarm) => Err(HarnessError::new("nginx", alarm)),
        None => Ok(Ran { outcomes, server }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_named_and_come_to_a_hundred() {
        assert_eq!("openssl=30,rustls=70".parse(), Ok(Shares([70, 30, 0, 0])));
        for wrong in ["rustls=99", "rustls", "rustls=x", "wget=100", ""] {
            assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
        }
        assert_eq!(Shares::default().0.iter().sum::<usize>(), 100);
    }
}
