//! What is known of a device, in TOML.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Curve, DescriptionError, Operation};

/// The descriptions that come with the program: name and text.
pub const EMBEDDED: [(&str, &str); 3] = [
    ("bluefield2-offchip", include_str!("../descriptions/bluefield2-offchip.toml")),
    ("bluefield2-onchip", include_str!("../descriptions/bluefield2-onchip.toml")),
    ("public-key", include_str!("../descriptions/public-key.toml")),
];

/// A device. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What people call it.
    pub name: String,
    /// Jobs that it has and has not done, at most, 1 to 65536; one more is refused.
    pub queue: u32,
    /// Jobs that it does at the same time, 1 to 1024.
    pub units: u32,
    /// Completions that may wait to be taken, 1 to 65536. A job gets its place when it is submitted, as
    /// drivers see to it: one for which there is none is refused.
    pub ring: u32,
    /// What a look at the ring costs the submitter's CPU, in nanoseconds, up to a second.
    #[serde(default)]
    pub dequeue_ns: u32,
    /// By how many percent a latency may be longer or shorter than the curve says, 0 to 100.
    #[serde(default)]
    pub jitter_percent: u32,
    /// What that is drawn from.
    #[serde(default)]
    pub seed: u64,
    /// What it does; nothing else.
    pub operations: BTreeMap<Operation, Cost>,
}

/// What one operation costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The submitter's CPU, until the device knows of the job.
    pub setup_ns: Curve,
    /// From when a unit begins until the completion can be seen.
    pub latency_ns: Curve,
}

impl Description {
    /// The one that comes with the program under that name, or the one in the file of that name.
    ///
    /// # Errors
    /// The file cannot be read, or is no description.
    pub fn load(
        value: &str,
        read_file: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, DescriptionError> {
        if let Some((_, text)) = EMBEDDED.iter().find(|(name, _)| *name == value) {
            return Self::parse(value, text);
        }
        let text = read_file(value).map_err(|error| {
            let names: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
            let why = format!("{error}; no file, and not one of {}", names.join(", "));
            DescriptionError::file(value, &why)
        })?;
        Self::parse(value, &text)
    }

    /// Reads a description; `path` is what errors name.
    ///
    /// # Errors
    /// The first key that is unknown, missing or out of range.
    pub fn parse(path: &str, text: &str) -> Result<Self, DescriptionError> {
        let description: Self =
            toml::from_str(text).map_err(|error| DescriptionError::toml(path, text, &error))?;
        description.check().map_err(|why| DescriptionError::file(path, &why))?;
        Ok(description)
    }

    /// What an operation costs; `None`: it does not do that.
    #[must_use]
    pub fn cost(&self, operation: Operation) -> Option<&Cost> {
        self.operations.get(&operation)
    }

    fn check(&self) -> Result<(), String> {
        let ranges = [
            ("queue", self.queue, 1, 65536),
            ("units", self.units, 1, 1024),
            ("ring", self.ring, 1, 65536),
            ("dequeue_ns", self.dequeue_ns, 0, 1_000_000_000),
            ("jitter_percent", self.jitter_percent, 0, 100),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("{key} = {value}: must be {least} to {most}"));
            }
        }
        if self.name.trim().is_empty() || self.name.contains('\n') {
            return Err("name: must be one line, and not empty".to_owned());
        }
        if self.operations.is_empty() {
            return Err("operations: there must be one".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
