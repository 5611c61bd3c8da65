//! What is wrong with a setting: the key, where it stood, and why. One line.

use std::fmt;

/// A setting that cannot be used. `Display` is one line that names the key and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    line: String,
}

impl SettingsError {
    pub(crate) fn variable(name: &str, value: &str, why: &str) -> Self {
        Self { line: format!("{name}={value}: {why}") }
    }

    pub(crate) fn file(path: &str, why: &str) -> Self {
        let why: Vec<&str> = why.split_whitespace().collect();
        Self { line: format!("{path}: {}", why.join(" ")) }
    }

    pub(crate) fn description(error: &interlude_device::DescriptionError) -> Self {
        Self { line: format!("device.description: {error}") }
    }

    pub(crate) fn text(key: &str, value: &str, allowed: &str) -> Self {
        Self { line: format!("{key} = \"{value}\": must be {allowed}") }
    }

    /// A key that is one of a list that is not.
    pub(crate) fn unknown(key: &str, allowed: &str) -> Self {
        Self { line: format!("{key}: no such key; there are {allowed}") }
    }

    pub(crate) fn range(key: &str, value: u32, allowed: &str) -> Self {
        Self { line: format!("{key} = {value}: must be {allowed}") }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for SettingsError {}
