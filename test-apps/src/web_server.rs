//! Which of the two web servers: what tests and benchmarks choose from.

use crate::{Certificates, HarnessError, Lighttpd, Nginx, Preload, Server, Site, WebOptions};
use std::str::FromStr;

/// A web server that the harness can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebServer {
    /// nginx, with a master and workers.
    Nginx,
    /// lighttpd, a single process unless told otherwise.
    Lighttpd,
}

impl WebServer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Nginx, Self::Lighttpd];

    /// Its name on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Lighttpd => "lighttpd",
        }
    }

    /// Starts it on the files of `site`.
    ///
    /// # Errors
    /// When it does not start; the line has the end of its log.
    pub fn start(
        self,
        options: &WebOptions,
        site: &Site,
        certificates: &Certificates,
        preload: &Preload,
    ) -> Result<Server, HarnessError> {
        match self {
            Self::Nginx => Nginx::files(options, site, certificates).start(preload),
            Self::Lighttpd => Lighttpd::files(options, site, certificates).start(preload),
        }
    }
}

impl FromStr for WebServer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or("must be nginx or lighttpd")
    }
}
