//! What an operator may set, and where it comes from.
//!
//! One structure, filled from three places, later ones winning: the defaults here, a TOML file
//! (`INTERLUDE_CONFIG`), and single `INTERLUDE_*` variables. The command line of `interlude run`
//! reaches the library as such variables, so that there is one path only.
//!
//! Must not: touch the process. `Settings::load` takes the environment as a function, so the shim
//! can read it in its constructor (nginx clears its workers' environment later) and tests can
//! make one up.

use serde::Deserialize;

mod error;
mod variables;

pub use error::SettingsError;
pub use variables::{VARIABLES, Variable};

/// How an offloadable call is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is intercepted; every hook passes through.
    Off,
    /// The original call, in place, counted.
    Inline,
    /// The engine does it while the OS thread sleeps: the context-switch baseline.
    Block,
    /// The engine does it while the OS thread spins: the busy-wait baseline.
    Spin,
    /// The engine does it while the thread serves other connections.
    #[default]
    Coroutine,
}

/// Which engine takes the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The original call, now, in place.
    Inline,
    /// Helper threads.
    #[default]
    Cores,
}

/// Everything that can be set. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How offloadable calls are carried out.
    pub mode: Mode,
    /// Which engine takes the jobs.
    pub engine: EngineName,
    /// Absolute path of the only executable to act in; empty: every preloaded program.
    pub program: String,
    /// The `cores` engine.
    pub cores: Cores,
    /// Which calls become jobs, and from which size on.
    pub jobs: Jobs,
    /// Rules of conflict; switching one off is for tests that show what it is for.
    pub rules: Rules,
}

/// `[cores]`: the helper-thread engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cores {
    /// Helper threads; 0: as many as the process may use CPUs.
    pub threads: u32,
    /// Jobs that may wait in the engine before it refuses one, 1 to 65536.
    pub queue: u32,
    /// Nice value of the helper threads relative to the server, 0 to 19.
    pub nice: u32,
}

/// `[jobs]`: which calls are offloaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// `EVP_DigestSign`.
    pub sign: bool,
    /// `EVP_PKEY_derive`.
    pub derive: bool,
    /// `EVP_PKEY_keygen`.
    pub keygen: bool,
    /// `EVP_PKEY_decrypt`.
    pub decrypt: bool,
    /// `deflate` and `libdeflate_*_compress`.
    pub deflate: bool,
    /// Calls that take less than so many microseconds, as measured, run in place; 0: none do.
    pub min_us: u32,
    /// Smallest input of a compression, in bytes, that is worth a job.
    pub deflate_min: u32,
    /// File names of libraries whose compression shares buffers between connections: in
    /// coroutine mode, a process that has one of them loaded compresses in place.
    pub deflate_in_place: Vec<String>,
}

/// `[rules]`: rules of conflict (design names C1 to C5). All are on in real use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// C1: no event for an fd that a parked coroutine owns.
    pub own_fd: bool,
    /// C2: nor for a connection that one of its own is linked to.
    pub linked_fds: bool,
    /// C3: a lock held by a parked coroutine of this thread is waited for by parking.
    pub locks: bool,
    /// C4: a call on an object that a parked coroutine is inside of waits, and fails if that was
    /// freed or closed meanwhile.
    pub objects: bool,
    /// C5: the server's clocks do not pass its next timer while coroutines are parked.
    pub timers: bool,
}

impl Default for Cores {
    fn default() -> Self {
        Self { threads: 0, queue: 1024, nice: 5 }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            sign: true,
            derive: true,
            keygen: true,
            decrypt: true,
            deflate: true,
            min_us: 100,
            deflate_min: 2048,
            // lighttpd's: one output buffer for all streams, and settings of the request at hand
            // in a variable of the module's.
            deflate_in_place: vec!["mod_deflate.so".to_owned()],
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { own_fd: true, linked_fds: true, locks: true, objects: true, timers: true }
    }
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// `variable` returns the value of an environment variable, or `None`. The file named by
    /// `INTERLUDE_CONFIG` is read with `read_file`.
    ///
    /// # Errors
    /// The first key that is unknown or out of range, with where it came from.
    pub fn load(
        variable: impl Fn(&str) -> Option<String>,
        read_file: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let mut settings = match variable("INTERLUDE_CONFIG").filter(|path| !path.is_empty()) {
            Some(path) => Self::from_toml(&path, &read_file)?,
            None => Self::default(),
        };
        for entry in VARIABLES {
            if let Some(value) = variable(entry.name) {
                (entry.apply)(&mut settings, &value)
                    .map_err(|why| SettingsError::variable(entry.name, &value, why))?;
            }
        }
        settings.check()?;
        Ok(settings)
    }

    fn from_toml(
        path: &str,
        read_file: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, SettingsError> {
        let text = read_file(path).map_err(|e| SettingsError::file(path, &e.to_string()))?;
        toml::from_str(&text).map_err(|e| SettingsError::file(path, &e.to_string()))
    }

    fn check(&self) -> Result<(), SettingsError> {
        if !(1..=65536).contains(&self.cores.queue) {
            return Err(SettingsError::range("cores.queue", self.cores.queue, "1 to 65536"));
        }
        if self.cores.threads > 256 {
            return Err(SettingsError::range("cores.threads", self.cores.threads, "0 to 256"));
        }
        if self.cores.nice > 19 {
            return Err(SettingsError::range("cores.nice", self.cores.nice, "0 to 19"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
