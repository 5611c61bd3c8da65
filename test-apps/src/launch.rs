//! Starting a server: a directory of its own, free ports, and patience until it accepts.
//!
//! What is particular to a server lies in its launcher (`nginx.rs`, ...), which implements
//! [`Recipe`].

use crate::process::Process;
use crate::server::{Launched, Ports, Server, Signals, read_logs};
use crate::{HarnessError, Preload, port, program, site, wait};
use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How often a start is tried again when another process took the port.
const ATTEMPTS: u32 = 5;
/// How long a server may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the standard output and error go.
const OUTPUT: &str = "output.log";
/// Variable that keeps the directories of servers, for a look after a failure.
const KEEP: &str = "INTERLUDE_KEEP";

/// What a launcher knows of its server.
pub(crate) trait Recipe {
    /// The program's name.
    const PROGRAM: &'static str;
    /// The logs that it writes, beside its output.
    const LOGS: &'static [&'static str];
    /// How it is spoken to.
    const SIGNALS: Signals;
    /// Whether it has a TLS port, too.
    const TLS: bool;

    /// Is it in its loop? One that accepts connections may yet be on its way there, and lose a signal.
    fn is_in_loop(_: &Server) -> bool {
        true
    }

    /// Writes the configuration into `dir`, and returns the command line's arguments.
    fn write(&self, dir: &Path, ports: Ports) -> Result<Vec<String>, HarnessError>;
}

/// Starts a server on the CPUs `cpus` (empty: all), and waits until it accepts connections.
pub(crate) fn launch<R: Recipe>(
    recipe: &R,
    preload: &Preload,
    cpus: &[usize],
) -> Result<Server, HarnessError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match attempt(recipe, preload, cpus) {
            Err(error) if error.to_string().contains("ddress already in use") => last = Some(error),
            other => return other,
        }
    }
    Err(last.unwrap_or_else(|| HarnessError::new(R::PROGRAM, "not started")))
}

fn attempt<R: Recipe>(
    recipe: &R,
    preload: &Preload,
    cpus: &[usize],
) -> Result<Server, HarnessError> {
    let ports =
        Ports { plain: port::free_port()?, tls: if R::TLS { port::free_port()? } else { 0 } };
    let failed = |e: std::io::Error| HarnessError::new(format!("starting {}", R::PROGRAM), e);
    let dir = directory(R::PROGRAM).map_err(failed)?;
    let args = recipe.write(dir.path(), ports)?;
    let output = File::create(dir.path().join(OUTPUT)).map_err(failed)?;
    let mut command = Command::new(program::find(R::PROGRAM)?);
    command.args(args).current_dir(dir.path());
    command.stdout(output.try_clone().map_err(failed)?).stderr(output);
    preload.apply(&mut command);
    let mut process = Process::start(command, cpus)?;
    await_ready(&mut process, ports).map_err(|why| {
        let log = read_logs(dir.path(), R::LOGS);
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        HarnessError::new(
            format!("starting {} ({preload})", R::PROGRAM),
            format!("{why}\n{}", tail.join("\n")),
        )
    })?;
    let launched = Launched { ports, signals: R::SIGNALS, preload: preload.clone(), logs: R::LOGS };
    let server = Server::new(process, launched, dir);
    match server.wait_for(PATIENCE, R::is_in_loop) {
        true => Ok(server),
        false => {
            Err(HarnessError::new(format!("starting {} ({preload})", R::PROGRAM), server.log()))
        }
    }
}

fn directory(program: &str) -> std::io::Result<TempDir> {
    let mut dir = tempfile::Builder::new().prefix(&format!("interlude-{program}-")).tempdir()?;
    dir.disable_cleanup(env::var_os(KEEP).is_some());
    site::open_to_all(dir.path())?;
    Ok(dir)
}

fn await_ready(process: &mut Process, ports: Ports) -> Result<(), String> {
    let mut ended = None;
    let ready = wait::until(PATIENCE, || {
        ended = process.try_wait().ok().flatten();
        ended.is_some() || [ports.plain, ports.tls].into_iter().all(accepts)
    });
    match ended {
        Some(status) => Err(format!("it ended at once ({status})")),
        None if ready => Ok(()),
        None => Err(format!("it does not accept connections after {} s", PATIENCE.as_secs())),
    }
}

fn accepts(port: u16) -> bool {
    port == 0 || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Puts a copy of `from` into `dir` under `name`.
pub(crate) fn copy(from: &Path, dir: &Path, name: &str) -> Result<(), HarnessError> {
    let copied = fs::copy(from, dir.join(name));
    copied.map(|_| ()).map_err(|e| HarnessError::new(from.display(), e))
}

/// Writes a file of the server's directory.
pub(crate) fn write(dir: &Path, name: &str, text: &str) -> Result<(), HarnessError> {
    let path = dir.join(name);
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent.and_then(|()| fs::write(&path, text));
    written.map_err(|e| HarnessError::new(path.display(), e))
}
