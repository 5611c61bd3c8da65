//! Why a plugin cannot be used: one line each.

use std::fmt;
use std::io;

/// Why a plugin cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It cannot be loaded; what the dynamic linker says.
    NotLoaded(String),
    /// It is no plugin: there is no such function in it.
    NoEntry(String),
    /// It speaks another version of the interface; which one, if it says so.
    Version(String, Option<u32>),
    /// It lacks a function that every plugin has.
    Incomplete(String, &'static str),
    /// It does not open a queue; the error.
    NotOpened(String, i32),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoaded(why) => write!(f, "the plugin cannot be loaded: {why}"),
            Self::NoEntry(path) => {
                write!(f, "{path} is no plugin: it has no interlude_engine_plugin")
            }
            Self::Version(path, theirs) => {
                write!(f, "{path} speaks another version of the interface than {}", crate::ABI)?;
                theirs.map_or(Ok(()), |theirs| write!(f, ": {theirs}"))
            }
            Self::Incomplete(path, what) => write!(f, "{path} is no whole plugin: {what} is null"),
            Self::NotOpened(path, error) => {
                write!(f, "{path} opens no queue: {}", io::Error::from_raw_os_error(*error))
            }
        }
    }
}

impl std::error::Error for Unusable {}
