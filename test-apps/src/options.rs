//! What a web server is asked to be: the same for nginx and lighttpd, so that a test or a
//! benchmark names its case once.

use crate::{Certificates, HarnessError, KeyKind, Site, launch};
use std::path::Path;

/// Which versions of TLS a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    V12,
    /// 1.3 only.
    V13,
}

/// Options of a web server. The defaults are those of the templates.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Worker processes.
    pub workers: u32,
    /// Key of the certificate.
    pub key: KeyKind,
    /// TLS versions offered.
    pub tls: Tls,
    /// Compression level, or no compression.
    pub gzip: Option<u8>,
    /// Whether connections stay open between requests.
    pub keep_alive: bool,
    /// Whether HTTP/2 is offered on the TLS port.
    pub http2: bool,
    /// CPUs it may run on; empty: all.
    pub cpus: Vec<usize>,
    /// More directives: at the top level for lighttpd, in the `server` block for nginx.
    pub extra: String,
    /// More directives in nginx's `http` block.
    pub http: String,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            key: KeyKind::default(),
            tls: Tls::default(),
            gzip: Some(1),
            keep_alive: true,
            http2: true,
            cpus: Vec::new(),
            extra: String::new(),
            http: String::new(),
        }
    }
}

/// Puts what both servers need beside their configuration: the site, the certificate.
pub(crate) fn furnish(
    dir: &Path,
    options: &WebOptions,
    site: Option<&Site>,
    certificates: &Certificates,
) -> Result<(), HarnessError> {
    let certificate = certificates.get(options.key)?;
    launch::copy(&certificate.certificate, dir, "cert.pem")?;
    launch::copy(&certificate.key, dir, "key.pem")?;
    if let Some(site) = site {
        let link = dir.join("html");
        std::os::unix::fs::symlink(site.root(), &link)
            .map_err(|e| HarnessError::new(link.display(), e))?;
    }
    Ok(())
}
