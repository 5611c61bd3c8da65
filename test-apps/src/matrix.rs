//! The end-to-end matrix: every server, in every mode, under every kind of traffic, must answer as
//! the stock server does.
//!
//! The test suite runs a selection of it shortly (`tests/matrix.rs`), `scripts/e2e.sh` all of it
//! with as many requests as one likes.
//!
//! ```text
//! crowd   HTTP/1.1, plain or TLS: status, headers and body of every answer against stock's
//! curl    HTTP/2: the bodies of all answers against stock's; then h2load, sizes and statuses
//! wrk     as fast as it can: no error, no status other than 2xx
//! ```

use crate::crowd::{Page, Reference, Tally, Transport};
use crate::{Certificates, HarnessError, Preload, Server, Site, WebOptions, WebServer};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

mod case_list;
mod curl;
mod drive;
mod h2load;
mod wrk;

/// The modes that are compared: the server alone, then the shim in each of its modes.
pub const MODES: [&str; 6] = ["stock", "off", "inline", "block", "spin", "coroutine"];

/// What engines have answered, by their counters.
const ENGINES: [&str; 6] = [
    "engine.inline.completed",
    "engine.cores.completed",
    "engine.simd.completed",
    "engine.onnx.completed",
    "engine.device.completed",
    "engine.plugin.completed",
];

/// What travels between the client and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// HTTP/1.1 over TCP.
    Http,
    /// HTTP/1.1 over TLS 1.2.
    Tls12,
    /// HTTP/1.1 over TLS 1.3.
    Tls13,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/1.1 over TCP, by `wrk`.
    WrkHttp,
    /// HTTP/1.1 over TLS, by `wrk`.
    WrkTls,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Case {
    /// The server.
    pub server: WebServer,
    /// One of [`MODES`].
    pub mode: &'static str,
    /// The traffic.
    pub traffic: Traffic,
    /// Whether the server compresses.
    pub gzip: bool,
    /// Whether connections are kept open.
    pub keep_alive: bool,
    /// Connections at the same time.
    pub connections: usize,
}

/// What all cases share.
#[derive(Debug)]
pub struct Workplace {
    /// The site that is served.
    pub site: Site,
    /// The certificates.
    pub certificates: Certificates,
    /// A file of settings of the library's, besides those of each case; those win.
    pub config: Option<PathBuf>,
    /// More directives of each server's, as [`WebOptions::extra`].
    pub directives: String,
    /// Only pages of so many bytes are asked for by crowds, each as often as another; `None`: all, small ones more
    /// often.
    pub sizes: Option<RangeInclusive<usize>>,
    /// How many requests the crowds of all cases have made so far. (`wrk`, `curl` and `h2load` do not tell.)
    pub made: Arc<AtomicUsize>,
}

impl Workplace {
    /// The standard site, and the certificates in `dir`.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self, HarnessError> {
        Ok(Self {
            site: Site::standard()?,
            certificates: Certificates::in_dir(dir)?,
            config: None,
            directives: String::new(),
            sizes: None,
            made: Arc::default(),
        })
    }

    /// What the stock server answers, and then that server under `preload`.
    ///
    /// # Errors
    /// When one of the two cannot be started or asked.
    pub fn beside_stock(
        &self,
        server: WebServer,
        options: &WebOptions,
        preload: &Preload,
    ) -> Result<(Reference, Server), HarnessError> {
        let start = |preload| server.start(options, &self.site, &self.certificates, preload);
        let reference = {
            let stock = start(&Preload::Stock)?;
            Reference::take(stock.ports().plain, &self.site, true)?
        };
        Ok((reference, start(preload)?))
    }
}

/// What came of one case.
#[derive(Debug)]
pub struct Outcome {
    /// The requests and what was wrong with them.
    pub tally: Tally,
    /// Events that the shim delivered.
    pub events: u64,
    /// Coroutines that it parked.
    pub parked: u64,
    /// Jobs that an engine was given, and has answered.
    pub jobs: u64,
    /// How long the load took.
    pub duration: Duration,
}

impl Case {
    /// Runs the case with about that many requests.
    ///
    /// # Errors
    /// When the servers cannot be started or a client is missing; whatever the server does wrong
    /// is in the outcome's tally.
    pub fn run(&self, requests: usize, place: &Workplace) -> Result<Outcome, HarnessError> {
        let options = WebOptions {
            gzip: self.gzip.then_some(1),
            keep_alive: self.keep_alive,
            extra: place.directives.clone(),
            ..WebOptions::default()
        };
        let preload = Preload::of_mode_with_every_job(self.mode)?.with_config(&place.config);
        let (reference, mut server) = place.beside_stock(self.server, &options, &preload)?;
        if reference.pages().iter().any(Page::compressed) != self.gzip {
            return Err(HarnessError::new(self, "stock does not compress as asked for"));
        }
        // Others may compress by them than zlib.
        let reference = match place.config {
            Some(_) => reference.whoever_compresses()?,
            None => reference,
        };
        let reference = match &place.sizes {
            Some(sizes) => reference.sized(sizes.clone()),
            None => reference,
        };
        if reference.is_empty() {
            return Err(HarnessError::new(self, "no page is of such a size"));
        }
        let began = Instant::now();
        let mut tally = self.drive(&server, requests, &reference, &place.made)?;
        let duration = began.elapsed();
        self.inspect(&server, &mut tally);
        let (events, parked) =
            (server.counter("event.delivered"), server.counter("coroutine.parked"));
        let jobs = ENGINES.iter().map(|engine| server.counter(engine)).sum();
        drive::quit(&mut server, &mut tally);
        Ok(Outcome { tally, events, parked, jobs, duration })
    }

    /// The transport of the crowd, and whether the port is the TLS one.
    fn transport(&self) -> Transport {
        match self.traffic {
            Traffic::Http | Traffic::WrkHttp => Transport::Plain,
            Traffic::Tls12 => Transport::tls12(),
            _ => Transport::tls13(),
        }
    }

    fn over_tls(&self) -> bool {
        !matches!(self.traffic, Traffic::Http | Traffic::WrkHttp)
    }
}

impl fmt::Display for Case {
    /// One line: `nginx coroutine tls1.3 gzip keep-alive 64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traffic = match self.traffic {
            Traffic::Http => "http",
            Traffic::Tls12 => "tls1.2",
            Traffic::Tls13 => "tls1.3",
            Traffic::Http2 => "http/2",
            Traffic::WrkHttp => "wrk-http",
            Traffic::WrkTls => "wrk-tls",
        };
        let gzip = if self.gzip { "gzip" } else { "plain" };
        let keep = if self.keep_alive { "keep-alive" } else { "close" };
        let (server, mode, connections) = (self.server.name(), self.mode, self.connections);
        write!(f, "{server:<8} {mode:<9} {traffic:<8} {gzip:<5} {keep:<10} {connections:>3}")
    }
}
