//! Where a program lies: `PATH`, and the `sbin` directories that an ordinary user's `PATH` lacks.

use crate::HarnessError;
use std::env;
use std::path::PathBuf;

/// Directories in which distributions put servers.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The absolute path of program `name`.
///
/// # Errors
/// When it is not installed.
pub fn find(name: &str) -> Result<PathBuf, HarnessError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SBIN.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_absolute() && candidate.is_file())
        .ok_or_else(|| HarnessError::new(name, "not installed (scripts/setup.sh installs it)"))
}
