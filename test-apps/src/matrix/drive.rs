//! Puts a case's traffic on a server, and looks at the server afterwards.

use super::{Case, Traffic, curl, h2load, wrk};
use crate::crowd::{Crowd, Reference, Tally};
use crate::stats::StatsError;
use crate::{HarnessError, Server};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// How long a server may take to end gracefully.
const PATIENCE: Duration = Duration::from_secs(30);
/// One request in so many of an `h2load` case is made by curl, which sees the bodies.
const CURL_SHARE: usize = 8;

impl Case {
    pub(super) fn drive(
        &self,
        server: &Server,
        requests: usize,
        reference: &Reference,
        made: &Arc<AtomicUsize>,
    ) -> Result<Tally, HarnessError> {
        let ports = server.ports();
        let port = if self.over_tls() { ports.tls } else { ports.plain };
        match self.traffic {
            Traffic::Http | Traffic::Tls12 | Traffic::Tls13 => {
                let crowd = Crowd::new(self.transport(), self.connections, requests);
                let (keep_alive, made) = (self.keep_alive, Arc::clone(made));
                Ok(Crowd { keep_alive, made, ..crowd }.run(port, reference))
            }
            Traffic::Http2 if self.connections <= curl::PROCESSES => {
                curl::fetch(port, self.connections, requests, reference)
            }
            Traffic::Http2 => {
                let mut tally = h2load::load(port, self.connections, requests, reference)?;
                let checked = (requests / CURL_SHARE).max(curl::PROCESSES);
                tally.add(curl::fetch(port, curl::PROCESSES, checked, reference)?);
                Ok(tally)
            }
            Traffic::WrkHttp | Traffic::WrkTls => {
                let load = wrk::Load { tls: self.over_tls(), keep_alive: self.keep_alive };
                wrk::load(port, load, self.connections, requests, reference)
            }
        }
    }

    /// What a server must show after a load, whatever its answers were.
    pub(super) fn inspect(&self, server: &Server, tally: &mut Tally) {
        for line in server.alarms() {
            tally.fail(HarnessError::new("log", line));
        }
        if self.mode == "stock" {
            return;
        }
        match server.stats() {
            // Where the shim does nothing, it publishes nothing.
            Err(StatsError::NoPage(_)) if self.mode == "off" => {}
            Err(error) => tally.fail(error),
            Ok(pages) => {
                let mode = |page: &interlude_core::page::Snapshot| {
                    page.facts.iter().any(|(key, value)| key == "mode" && value == self.mode)
                };
                if !pages.iter().all(mode) {
                    tally.fail(HarnessError::new("statistics", "another mode than asked for"));
                }
            }
        }
    }
}

/// Ends the server as an operator would; it must do so, and without an error.
pub(super) fn quit(server: &mut Server, tally: &mut Tally) {
    match server.quit(PATIENCE) {
        Ok(status) if status.success() => {}
        Ok(status) => tally.fail(HarnessError::new("graceful quit", status)),
        Err(error) => tally.fail(error),
    }
}
