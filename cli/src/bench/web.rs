//! The web server under measurement, and whether it was what it is taken for.

use super::options::Plan;
use super::variant::Variant;
use crate::failure::Failure;
use interlude_test_apps::crowd::{Answer, Connection, Transport};
use interlude_test_apps::{
    Certificates, Content, HarnessError, Lighttpd, Nginx, Preload, Server, Site, SiteFile,
    WebOptions, WebServer,
};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use tempfile::TempDir;

/// How long a single answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests before a measurement begins: files in the page cache, helper threads started.
const WARM_UP: u32 = 20;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// What it holds.
    pub(crate) content: Content,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// Does the server have it from another one?
    pub(crate) is_proxied: bool,
}

/// A web server to be started once for each measurement, on one site.
#[derive(Debug)]
pub(crate) struct Web {
    server: WebServer,
    options: WebOptions,
    site: Site,
    certificates: Certificates,
    /// A stock server that has the page, and compresses nothing. It is on the clients' CPUs.
    behind: Option<Server>,
    // Removed when dropped: the keys are for this run.
    _keys: TempDir,
}

impl Web {
    /// Prepares a site of one HTML file of `size` bytes, and the certificate.
    pub(crate) fn prepare(
        server: WebServer,
        options: WebOptions,
        size: usize,
        plan: &Plan,
    ) -> Result<Self, Failure> {
        let page = Page { content: Content::Html, size, is_proxied: false };
        Self::prepare_page(server, options, page, plan)
    }

    /// Prepares a site of one page, the certificate, and the server behind where there is to be one.
    pub(crate) fn prepare_page(
        server: WebServer,
        mut options: WebOptions,
        page: Page,
        plan: &Plan,
    ) -> Result<Self, Failure> {
        options.cpus.clone_from(&plan.placement.server);
        let keys = tempfile::tempdir()
            .map_err(|error| Failure::usage(format!("no temporary directory: {error}")))?;
        let certificates = Certificates::in_dir(keys.path()).map_err(usage)?;
        certificates.get(options.key).map_err(usage)?;
        let site = Site::new(&[(page.content, page.size)]).map_err(usage)?;
        if options.gzip.is_some() && !page.content.compressible() {
            options.extra += also_compressed(server);
        }
        let behind = if page.is_proxied {
            let cpus = plan.placement.client.clone();
            let options = WebOptions { gzip: None, cpus, ..WebOptions::default() };
            let started = Nginx::files(&options, &site, &certificates).start(&Preload::Stock);
            Some(started.map_err(usage)?)
        } else {
            None
        };
        if let (Some(behind), WebServer::Lighttpd) = (&behind, server) {
            options.extra += &lighttpd_passes_on(behind.ports().plain);
        }
        Ok(Self { server, options, site, certificates, behind, _keys: keys })
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
        let server =
            self.launch(&variant.preload).map_err(|error| Failure::not_so(error.to_string()))?;
        self.warm_up(&server, headers)?;
        Ok(server)
    }

    fn launch(&self, preload: &Preload) -> Result<Server, HarnessError> {
        let Self { server, options, site, certificates, behind, .. } = self;
        match (server, behind) {
            (_, None) => server.start(options, site, certificates, preload),
            (WebServer::Nginx, Some(behind)) => {
                Nginx::proxy(options, behind.ports().plain, certificates).start(preload)
            }
            (WebServer::Lighttpd, Some(_)) => {
                Lighttpd::files(options, site, certificates).start(preload)
            }
        }
    }

    /// Bytes of one answer: head and body as they are sent, without those of TCP.
    pub(crate) fn wire_bytes(&self, server: &Server, headers: &str) -> Result<u64, Failure> {
        let request = request(self.file()?, &format!("Connection: close\r\n{headers}"));
        let receive = || -> io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.ports().plain))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let failed = |error: io::Error| Failure::not_so(format!("one answer: {error}"));
        let bytes = receive().map_err(failed)?;
        self.check(&Answer::read(&mut bytes.as_slice()).map_err(failed)?)?;
        Ok(bytes.len() as u64)
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
            (Some(_), Some("gzip")) => match answer.content() {
                Ok(content) if content == self.file()?.bytes => Ok(()),
                Ok(_) => wrong("another page than the file, compressed".to_owned()),
                Err(error) => wrong(format!("what does not decompress: {error}")),
            },
            (Some(_), _) => wrong("a body that is not compressed".to_owned()),
            (None, Some(coding)) => wrong(format!("content-encoding {coding}")),
            (None, None) if answer.body == self.file()?.bytes => Ok(()),
            (None, None) => wrong("another body than the file's".to_owned()),
        }
    }
}

/// Has the server compress what nobody would have it compress: archives, pictures, logs.
fn also_compressed(server: WebServer) -> &'static str {
    match server {
        WebServer::Nginx => "gzip_types *;\n",
        WebServer::Lighttpd => "deflate.mimetypes := ( \"application/octet-stream\" )\n",
    }
}

fn lighttpd_passes_on(behind: u16) -> String {
    format!(
        "server.modules += ( \"mod_proxy\" )\n\
         proxy.server = ( \"\" => ( ( \"host\" => \"127.0.0.1\", \"port\" => {behind} ) ) )\n"
    )
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
