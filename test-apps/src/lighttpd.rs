//! Starts lighttpd, from the configuration in `lighttpd-conf/`.

use crate::launch::{self, Recipe};
use crate::server::{Ports, Server, Signals};
use crate::template::Template;
use crate::{Certificates, HarnessError, Preload, Site, Tls, WebOptions, options};
use std::path::Path;

const FILES: &str = include_str!("../../lighttpd-conf/lighttpd.conf");
/// Without a type to compress, mod_deflate compresses nothing. (Without an encoding that it may
/// use, it takes all that it knows.)
const MIMETYPES: &str = "deflate.mimetypes = ( \"text/html\", \"text/css\", \
                         \"application/javascript\", \"application/json\" )";

/// A lighttpd to be started.
#[derive(Debug)]
pub struct Lighttpd<'a> {
    options: &'a WebOptions,
    site: &'a Site,
    certificates: &'a Certificates,
}

impl<'a> Lighttpd<'a> {
    /// One that serves the files of `site`.
    #[must_use]
    pub fn files(options: &'a WebOptions, site: &'a Site, certificates: &'a Certificates) -> Self {
        Self { options, site, certificates }
    }

    /// Starts it, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it does not start; the line has the end of its log.
    pub fn start(&self, preload: &Preload) -> Result<Server, HarnessError> {
        launch::launch(self, preload, &self.options.cpus)
    }

    fn configuration(&self, ports: Ports) -> Result<String, HarnessError> {
        let options = self.options;
        let (least, most) = match options.tls {
            Tls::Both => ("TLSv1.2", "TLSv1.3"),
            Tls::V12 => ("TLSv1.2", "TLSv1.2"),
            Tls::V13 => ("TLSv1.3", "TLSv1.3"),
        };
        let mut template = Template::new("lighttpd.conf", FILES);
        template
            .replace("server.port = 8080", &format!("server.port = {}", ports.plain))?
            .replace("127.0.0.1:8443", &format!("127.0.0.1:{}", ports.tls))?
            .replace("\"MinProtocol\" => \"TLSv1.2\"", &format!("\"MinProtocol\" => \"{least}\""))?
            .replace("\"MaxProtocol\" => \"TLSv1.3\"", &format!("\"MaxProtocol\" => \"{most}\""))?;
        match options.gzip {
            Some(level) => template
                .replace("compression-level = 1", &format!("compression-level = {level}"))?,
            None => template.replace(MIMETYPES, "deflate.mimetypes = ()")?,
        };
        if !options.http2 {
            template
                .replace("\"server.h2proto\" => \"enable\"", "\"server.h2proto\" => \"disable\"")?;
        }
        if !options.keep_alive {
            let with = "server.max-keep-alive-requests = 100000";
            template.replace(with, "server.max-keep-alive-requests = 0")?;
        }
        Ok(template.into_text())
    }
}

impl Recipe for Lighttpd<'_> {
    const PROGRAM: &'static str = "lighttpd";
    const LOGS: &'static [&'static str] = &["output.log", "error.log"];
    const SIGNALS: Signals = Signals { graceful: libc::SIGINT, reload: Some(libc::SIGUSR1) };
    const TLS: bool = true;

    /// It says so once its handlers of signals are set.
    fn is_in_loop(lighttpd: &Server) -> bool {
        lighttpd.log().contains("server started")
    }

    fn write(&self, dir: &Path, ports: Ports) -> Result<Vec<String>, HarnessError> {
        options::furnish(dir, self.options, Some(self.site), self.certificates)?;
        launch::write(dir, "lighttpd.conf", &self.configuration(ports)?)?;
        // One worker is the one process itself, without a watcher: stock's default.
        let workers = match self.options.workers {
            1 => String::new(),
            n => format!("server.max-worker = {n}\n"),
        };
        launch::write(dir, "conf.d/extra.conf", &format!("{workers}{}\n", self.options.extra))?;
        Ok(["-D", "-f", "lighttpd.conf"].map(str::to_owned).to_vec())
    }
}
