//! What a server is started with: nothing, or the shim and its settings.

use crate::HarnessError;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

/// The library's file name.
const LIBRARY: &str = "libinterlude.so";
/// The same with fail points (`shim/src/fail.rs`), for tests: it lies beside it.
const FAIL_POINTS: &str = "libinterlude_fail_points.so";
/// The variable that names another library than the one built with this program.
const VARIABLE: &str = "INTERLUDE_LIB";
/// The variable that names a library to be loaded before it: a sanitizer's, which must come first.
const BEFORE: &str = "INTERLUDE_LIB_BEFORE";

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub enum Preload {
    /// As the distribution ships it.
    #[default]
    Stock,
    /// Under `libinterlude.so`.
    Shim(Shim),
}

/// The shim and the variables that it gets.
#[derive(Debug, Clone)]
pub struct Shim {
    library: PathBuf,
    /// Libraries to be loaded after it.
    after: Vec<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Shim {
    /// The library named by `INTERLUDE_LIB`, or the one that lies where Cargo put this program
    /// (its directory, or the one above it for a test in `deps`).
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Self, HarnessError> {
        let named = env::var_os(VARIABLE).map(PathBuf::from);
        let program = env::current_exe().map_err(|e| HarnessError::new(LIBRARY, e))?;
        let library = match named {
            Some(path) => Some(path).filter(|path| path.is_file()),
            None => {
                program.ancestors().skip(1).take(2).map(|d| d.join(LIBRARY)).find(|p| p.is_file())
            }
        };
        let library = library.and_then(|path| path.canonicalize().ok()).ok_or_else(|| {
            HarnessError::new(LIBRARY, format!("not found; build the workspace or set {VARIABLE}"))
        })?;
        Ok(Self { library, after: Vec::new(), variables: Vec::new() })
    }

    /// The library with fail points, ordered to panic at `place` (`shim/src/fail.rs`).
    ///
    /// # Errors
    /// When there is none beside this one.
    pub fn failing(mut self, place: &str) -> Result<Self, HarnessError> {
        self.library.set_file_name(FAIL_POINTS);
        if self.library.is_file() {
            return Ok(self.with("INTERLUDE_FAIL", place));
        }
        Err(HarnessError::new(self.library.display(), "not found; build the workspace"))
    }

    /// With one more library, preloaded after it: where it looks for originals, it finds that first.
    #[must_use]
    pub fn followed_by(mut self, library: impl Into<PathBuf>) -> Self {
        self.after.push(library.into());
        self
    }

    /// With one more variable; a later value of the same name wins.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// With `INTERLUDE_MODE`.
    #[must_use]
    pub fn mode(self, mode: &str) -> Self {
        self.with("INTERLUDE_MODE", mode)
    }

    /// Every heavy call is a job of the engine, however short it is and whatever the engine takes for it: what is
    /// parked does not depend on how fast the machine happens to be. (The first call of each thread is still
    /// made in place.)
    #[must_use]
    pub fn with_every_job(self) -> Self {
        self.with("INTERLUDE_MIN_US", 0)
    }

    /// The library's absolute path.
    #[must_use]
    pub fn library(&self) -> &PathBuf {
        &self.library
    }
}

impl Preload {
    /// Under the shim in `mode`; `"stock"` is without it.
    ///
    /// # Errors
    /// When the library is not found.
    pub fn of_mode(mode: &str) -> Result<Self, HarnessError> {
        match mode {
            "stock" => Ok(Self::Stock),
            _ => Ok(Self::Shim(Shim::find()?.mode(mode))),
        }
    }

    /// As [`Preload::of_mode`], and [`Shim::with_every_job`]: more is parked than with the library's defaults,
    /// which is what tests of correctness want.
    ///
    /// # Errors
    /// When the library is not found.
    pub fn of_mode_with_every_job(mode: &str) -> Result<Self, HarnessError> {
        Ok(match Self::of_mode(mode)? {
            Self::Shim(shim) => Self::Shim(shim.with_every_job()),
            Self::Stock => Self::Stock,
        })
    }

    /// With the library's settings in `file`, if there is one; what is set besides wins.
    #[must_use]
    pub fn with_config(self, file: &Option<PathBuf>) -> Self {
        match (self, file) {
            (Self::Shim(shim), Some(file)) => {
                Self::Shim(shim.with("INTERLUDE_CONFIG", file.display()))
            }
            (preload, _) => preload,
        }
    }

    /// Sets the environment of a server's command. What this process itself was started with is
    /// taken out first: a stock server must be stock under any caller.
    pub fn apply(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("INTERLUDE_") {
                command.env_remove(name);
            }
        }
        command.env_remove("LD_PRELOAD");
        if let Self::Shim(shim) = self {
            let mut libraries = env::var_os(BEFORE).unwrap_or_default();
            if !libraries.is_empty() {
                libraries.push(":");
            }
            libraries.push(&shim.library);
            for library in &shim.after {
                libraries.push(":");
                libraries.push(library);
            }
            command.env("LD_PRELOAD", libraries);
            command.envs(shim.variables.iter().map(|(name, value)| (name, value)));
        }
    }
}

impl fmt::Display for Preload {
    /// The mode, or `stock`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Shim(shim) = self else { return f.write_str("stock") };
        let mode = shim.variables.iter().rev().find(|(name, _)| name == "INTERLUDE_MODE");
        f.write_str(mode.map_or("shim", |(_, mode)| mode))
    }
}
