//! `[policy]`: where a call is made that may become a job.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{EngineName, Jobs, SettingsError};

/// Names of the kinds of jobs, as the counters have them.
pub const JOB_KINDS: [&str; 7] =
    ["sign", "derive", "keygen", "decrypt", "deflate", "compress", "infer"];

/// What a compression takes at least to be worth a helper thread, in microseconds: a page of 32 KB at level 1 takes
/// ISA-L 70 to 150, and loses by it; it takes zlib 380, and gains.
const COMPRESS_MIN_US: u32 = 250;

/// `[policy]`: which calls are made in place, which are waited for, and which park, in the mode `coroutine`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What matters of calls, where the connection's port is not in `ports`.
    pub class: Class,
    /// By listening port, as text: what matters of the calls of connections that are accepted there.
    pub ports: BTreeMap<String, Class>,
    /// Does it matter how busy the engine is, and how long it takes?
    pub load: bool,
    /// By engine and kind of job: from which size on a call is a job. It stands in for `jobs.min_us`,
    /// `jobs.compress_min_us` and `jobs.deflate_min`.
    pub thresholds: BTreeMap<String, BTreeMap<String, Thresholds>>,
}

/// What matters of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// How many there are in a second: it parks.
    #[default]
    Batch,
    /// How long it takes: it does not park.
    Latency,
}

/// From which size on a call is a job, in bytes: of its input, or of the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// In class `batch`.
    pub batch_from: Option<FromSize>,
    /// In class `latency`.
    pub latency_from: Option<FromSize>,
}

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum FromSize {
    /// From so many bytes on.
    Bytes(u64),
    /// From none.
    Never,
}

impl TryFrom<toml::Value> for FromSize {
    type Error = &'static str;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let why = "must be a number of bytes, or \"never\"";
        match value {
            toml::Value::Integer(bytes) => u64::try_from(bytes).map(Self::Bytes).map_err(|_| why),
            toml::Value::String(word) if word == "never" => Ok(Self::Never),
            _ => Err(why),
        }
    }
}

impl Class {
    pub(crate) fn named(text: &str) -> Result<Self, &'static str> {
        Ok(match text {
            "batch" => Self::Batch,
            "latency" => Self::Latency,
            _ => return Err("must be batch or latency"),
        })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            class: Class::Batch,
            ports: BTreeMap::new(),
            load: true,
            thresholds: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// The class of that listening port; `None` if it is not named.
    #[must_use]
    pub fn of_port(&self, port: u16) -> Option<Class> {
        let named = self.ports.iter().find(|(name, _)| name.parse() == Ok(port));
        named.map(|(_, class)| *class)
    }

    /// What is said of an engine's jobs of that kind.
    #[must_use]
    pub fn thresholds_of(&self, engine: EngineName, kind: &str) -> Thresholds {
        let of_engine = self.thresholds.get(engine.name());
        of_engine.and_then(|kinds| kinds.get(kind)).copied().unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if let Some(wrong) = self.ports.keys().find(|port| !matches!(port.parse(), Ok(1_u16..))) {
            let key = format!("policy.ports.{wrong}");
            return Err(SettingsError::unknown(&key, "ports, 1 to 65535"));
        }
        let engines = EngineName::ALL.map(EngineName::name);
        for (engine, kinds) in &self.thresholds {
            let key = format!("policy.thresholds.{engine}");
            if !engines.contains(&engine.as_str()) {
                return Err(SettingsError::unknown(&key, &engines.join(", ")));
            }
            if let Some(wrong) = kinds.keys().find(|kind| !JOB_KINDS.contains(&kind.as_str())) {
                let key = format!("{key}.{wrong}");
                return Err(SettingsError::unknown(&key, &JOB_KINDS.join(", ")));
            }
        }
        Ok(())
    }
}

impl Jobs {
    /// What a compression takes at least to be a job of that engine, in microseconds: as set; or else what other
    /// calls take (`min_us`), but on helper threads no less than 250, unless that is 0 for all.
    #[must_use]
    pub fn compress_min_us(&self, engine: EngineName) -> u32 {
        let on_helpers = matches!(engine, EngineName::Cores | EngineName::Chaos);
        self.compress_min_us.unwrap_or(match self.min_us {
            0 => 0,
            least if on_helpers => least.max(COMPRESS_MIN_US),
            least => least,
        })
    }
}
