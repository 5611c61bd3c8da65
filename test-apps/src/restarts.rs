//! Servers that read their files again under load, again and again: no request fails, and no worker of before
//! stays.

use crate::crowd::{Crowd, Reference, Tally, Transport};
use crate::matrix::Workplace;
use crate::{HarnessError, Preload, Server, WebOptions, WebServer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen.
#[derive(Debug)]
pub struct Restarts {
    /// How many there were.
    pub done: usize,
    /// What the clients saw.
    pub tally: Tally,
    /// What must not be in the server's log.
    pub alarms: Vec<String>,
}

impl Restarts {
    /// Has `server` read its files again so many times, as the mode says, under load. Each time its workers
    /// must be others afterwards (nginx), or it must have started again (lighttpd). Calls `each` after each.
    ///
    /// # Errors
    /// When the server cannot be started, or does not follow.
    pub fn of(
        server: WebServer,
        mode: &str,
        times: usize,
        place: &Workplace,
        each: impl Fn(usize),
    ) -> Result<Self, HarnessError> {
        let workers = match server {
            WebServer::Nginx => 2,
            WebServer::Lighttpd => 1,
        };
        let options = WebOptions { workers, ..WebOptions::default() };
        let preload = Preload::of_mode_with_every_job(mode)?;
        let (reference, running) = place.beside_stock(server, &options, &preload)?;
        let mut done = Ok(());
        let tally = under_load(&running, &reference, || {
            done = (1..=times).try_for_each(|time| {
                match server {
                    WebServer::Nginx => reload(&running, workers as usize)?,
                    WebServer::Lighttpd => start_again(&running, time)?,
                }
                each(time);
                Ok(())
            });
        });
        done?;
        Ok(Self { done: times, tally, alarms: running.alarms() })
    }
}

/// nginx's.
fn reload(nginx: &Server, workers: usize) -> Result<(), HarnessError> {
    let has = |nginx: &Server, old: &[u32]| {
        let new = nginx.workers();
        new.len() == workers && new.iter().all(|pid| !old.contains(pid))
    };
    if !nginx.wait_for(PATIENCE, |nginx| has(nginx, &[])) {
        return Err(failed(nginx, "workers are missing"));
    }
    let old = nginx.workers();
    nginx.reload()?;
    if !nginx.wait_for(PATIENCE, |nginx| has(nginx, &old)) {
        return Err(failed(nginx, "a worker of before is there"));
    }
    Ok(())
}

/// lighttpd's, in the same process.
fn start_again(lighttpd: &Server, time: usize) -> Result<(), HarnessError> {
    let started = |lighttpd: &Server| lighttpd.log().matches("server started").count();
    lighttpd.reload()?;
    if !lighttpd.wait_for(PATIENCE, |lighttpd| started(lighttpd) == time + 1) {
        return Err(failed(lighttpd, "it did not start again"));
    }
    Ok(())
}

fn failed(server: &Server, what: &str) -> HarnessError {
    HarnessError::new(what, format!("workers {:?}\n{}", server.workers(), server.log()))
}

/// Loads the server with small crowds, one after the other, while `act` runs.
pub fn under_load(server: &Server, reference: &Reference, act: impl FnOnce()) -> Tally {
    let done = AtomicBool::new(false);
    let ports = server.ports();
    thread::scope(|scope| {
        let clients: Vec<_> = [
            (Transport::Plain, ports.plain, true),
            (Transport::tls13(), ports.tls, true),
            (Transport::tls12(), ports.tls, false),
        ]
        .into_iter()
        .map(|(transport, port, keep_alive)| {
            let crowd = Crowd { keep_alive, may_close_idle: true, ..Crowd::new(transport, 8, 100) };
            let done = &done;
            scope.spawn(move || {
                let mut tally = Tally::default();
                while !done.load(Ordering::Relaxed) {
                    tally.add(crowd.run(port, reference));
                }
                tally
            })
        })
        .collect();
        // Also when `act` panics: the clients must not go on for ever.
        let stop = Stop(&done);
        act();
        drop(stop);
        let mut tally = Tally::default();
        for client in clients {
            match client.join() {
                Ok(one) => tally.add(one),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        tally
    })
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
