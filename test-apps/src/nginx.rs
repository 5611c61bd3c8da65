//! Starts nginx, from the configurations in `nginx-conf/`.

use crate::launch::{self, Recipe};
use crate::server::{Ports, Server, Signals};
use crate::template::Template;
use crate::{Certificates, HarnessError, Preload, Site, Tls, WebOptions, options};
use std::path::Path;

const FILES: &str = include_str!("../../nginx-conf/nginx.conf");
const PROXY: &str = include_str!("../../nginx-conf/proxy.conf");

/// An nginx to be started.
#[derive(Debug)]
pub struct Nginx<'a> {
    options: &'a WebOptions,
    certificates: &'a Certificates,
    serves: Serves<'a>,
    user: Option<&'a str>,
}

#[derive(Debug)]
enum Serves<'a> {
    Files(&'a Site),
    Proxy(u16),
}

impl<'a> Nginx<'a> {
    /// One that serves the files of `site` (`nginx-conf/nginx.conf`).
    #[must_use]
    pub fn files(options: &'a WebOptions, site: &'a Site, certificates: &'a Certificates) -> Self {
        Self { options, certificates, serves: Serves::Files(site), user: None }
    }

    /// One that passes requests on to port `behind` (`nginx-conf/proxy.conf`).
    #[must_use]
    pub fn proxy(options: &'a WebOptions, behind: u16, certificates: &'a Certificates) -> Self {
        Self { options, certificates, serves: Serves::Proxy(behind), user: None }
    }

    /// Lets the workers run as `user`, which takes root; else they run as whoever starts them.
    #[must_use]
    pub fn user(mut self, user: &'a str) -> Self {
        self.user = Some(user);
        self
    }

    /// Starts it, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it does not start; the line has the end of its log.
    pub fn start(&self, preload: &Preload) -> Result<Server, HarnessError> {
        launch::launch(self, preload, &self.options.cpus)
    }

    fn template(&self) -> Result<Template, HarnessError> {
        Ok(match self.serves {
            Serves::Files(_) => Template::new("nginx.conf", FILES),
            Serves::Proxy(behind) => {
                let mut template = Template::new("proxy.conf", PROXY);
                template.replace("server 127.0.0.1:8081", &format!("server 127.0.0.1:{behind}"))?;
                template
            }
        })
    }

    fn configuration(&self, ports: Ports) -> Result<String, HarnessError> {
        let options = self.options;
        let http2 = if options.http2 { " http2" } else { "" };
        let protocols = match options.tls {
            Tls::Both => "TLSv1.2 TLSv1.3",
            Tls::V12 => "TLSv1.2",
            Tls::V13 => "TLSv1.3",
        };
        let gzip = match options.gzip {
            Some(level) => format!("gzip on;\n    gzip_comp_level {level};"),
            None => "gzip off;".to_owned(),
        };
        let mut template = self.template()?;
        template
            .replace("user www-data;", &user_directive(self.user))?
            .replace("worker_processes 1;", &format!("worker_processes {};", options.workers))?
            .replace("listen 127.0.0.1:8080 ", &format!("listen 127.0.0.1:{} ", ports.plain))?
            .replace(
                "listen 127.0.0.1:8443 ssl http2 ",
                &format!("listen 127.0.0.1:{} ssl{http2} ", ports.tls),
            )?
            .replace("ssl_protocols TLSv1.2 TLSv1.3;", &format!("ssl_protocols {protocols};"))?
            .replace("gzip on;\n    gzip_comp_level 1;", &gzip)?;
        if !options.keep_alive {
            template.replace("keepalive_timeout 65;", "keepalive_timeout 0;")?;
        }
        Ok(template.into_text())
    }
}

impl Recipe for Nginx<'_> {
    const PROGRAM: &'static str = "nginx";
    const LOGS: &'static [&'static str] = &["output.log", "error.log"];
    const SIGNALS: Signals = Signals { graceful: libc::SIGQUIT, reload: Some(libc::SIGHUP) };
    const TLS: bool = true;

    /// Its master forks workers once it keeps signals back for its loop.
    fn is_in_loop(nginx: &Server) -> bool {
        nginx.workers() != [nginx.master()]
    }

    fn write(&self, dir: &Path, ports: Ports) -> Result<Vec<String>, HarnessError> {
        let site = match self.serves {
            Serves::Files(site) => Some(site),
            Serves::Proxy(_) => None,
        };
        options::furnish(dir, self.options, site, self.certificates)?;
        launch::write(dir, "nginx.conf", &self.configuration(ports)?)?;
        launch::write(dir, "server.d/extra.conf", &self.options.extra)?;
        launch::write(dir, "http.d/extra.conf", &self.options.http)?;
        std::fs::create_dir(dir.join("tmp")).map_err(|e| HarnessError::new(dir.display(), e))?;
        // Before the configuration is read, messages would go to the built-in log file.
        let early_log = dir.join("error.log").display().to_string();
        let prefix = dir.display().to_string();
        Ok(["-p", &prefix, "-e", &early_log, "-c", "nginx.conf"].map(str::to_owned).to_vec())
    }
}

/// Root's workers stay root unless told otherwise: the default user could not read a site in a
/// private directory. Others may not use the directive at all.
fn user_directive(user: Option<&str>) -> String {
    // SAFETY: geteuid has no argument and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    match user {
        Some(user) => format!("user {user};"),
        None if root => "user root;".to_owned(),
        None => String::new(),
    }
}
