//! The web server under measurement, and whether it was what it is taken for.

use super::options::Plan;
use super::variant::Variant;
use crate::failure::Failure;
use interlude_test_apps::crowd::{Answer, Connection, Transport};
use interlude_test_apps::{
    Certificates, Content, HarnessError, Server, Site, SiteFile, WebOptions, WebServer,
};
use std::time::Duration;
use tempfile::TempDir;

/// How long a single answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests before a measurement begins: files in the page cache, helper threads started.
const WARM_UP: u32 = 20;

/// A web server to be started once for each measurement, on one site.
#[derive(Debug)]
pub(crate) struct Web {
    server: WebServer,
    options: WebOptions,
    site: Site,
    certificates: Certificates,
    // Removed when dropped: the keys are for this run.
    _keys: TempDir,
}

impl Web {
    /// Prepares a site of one HTML file of `size` bytes, and the certificate.
    pub(crate) fn prepare(
        server: WebServer,
        mut options: WebOptions,
        size: usize,
        plan: &Plan,
    ) -> Result<Self, Failure> {
        options.cpus.clone_from(&plan.placement.server);
        let keys = tempfile::tempdir()
            .map_err(|error| Failure::usage(format!("no temporary directory: {error}")))?;
        let certificates = Certificates::in_dir(keys.path()).map_err(usage)?;
        certificates.get(options.key).map_err(usage)?;
        let site = Site::new(&[(Content::Html, size)]).map_err(usage)?;
        Ok(Self { server, options, site, certificates, _keys: keys })
    }

    /// The one file of the site.
    pub(crate) fn file(&self) -> Result<&SiteFile, Failure> {
        self.site.files().first().ok_or_else(|| Failure::usage("the site is empty"))
    }

    /// The site, for clients that compare bodies.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Starts the server as this variant, and lets it answer some requests.
    pub(crate) fn start(&self, variant: &Variant, headers: &str) -> Result<Server, Failure> {
        let server = self
            .server
            .start(&self.options, &self.site, &self.certificates, &variant.preload)
            .map_err(|error| Failure::not_so(error.to_string()))?;
        self.warm_up(&server, headers)?;
        Ok(server)
    }

    fn warm_up(&self, server: &Server, headers: &str) -> Result<(), Failure> {
        let request = request(self.file()?, headers);
        let failed = |error: std::io::Error| Failure::not_so(format!("first requests: {error}"));
        let mut connection =
            Connection::open(&Transport::Plain, server.ports().plain, PATIENCE).map_err(failed)?;
        for _ in 0..WARM_UP {
            connection.send(request.as_bytes()).map_err(failed)?;
            self.check(&connection.receive().map_err(failed)?)?;
        }
        Ok(())
    }

    /// Compressed where that was asked for, and whole where it was not: else something other than
    /// what the table says would be measured.
    fn check(&self, answer: &Answer) -> Result<(), Failure> {
        let wrong = |what: String| Err(Failure::not_so(format!("the server answers with {what}")));
        if answer.status != 200 {
            return wrong(format!("status {}", answer.status));
        }
        match (self.options.gzip, answer.header("content-encoding")) {
            (Some(_), Some("gzip")) => Ok(()),
            (Some(_), _) => wrong("a body that is not compressed".to_owned()),
            (None, Some(coding)) => wrong(format!("content-encoding {coding}")),
            (None, None) if answer.body == self.file()?.bytes => Ok(()),
            (None, None) => wrong("another body than the file's".to_owned()),
        }
    }
}

/// An HTTP/1.1 request for a file, with further header lines.
pub(crate) fn request(file: &SiteFile, headers: &str) -> String {
    format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", file.path)
}

/// Says so where the server did not live through the measurement, or was not what it is named.
pub(crate) fn examine(server: &Server, variant: &Variant) -> Result<(), Failure> {
    if let Some(alarm) = server.alarms().first() {
        return Err(Failure::not_so(format!("the server complained: {alarm}")));
    }
    if !server.alive() {
        let log = server.log();
        let last = log.lines().last().unwrap_or_default();
        return Err(Failure::not_so(format!("the server ended: {last}")));
    }
    match server.stats() {
        Err(error) if variant.is_active() => Err(Failure::not_so(error.to_string())),
        _ => Ok(()),
    }
}

fn usage(error: HarnessError) -> Failure {
    Failure::usage(error.to_string())
}
