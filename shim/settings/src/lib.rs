//! What an operator may set, and where it comes from.
//!
//! One structure, filled from three places, later ones winning: the defaults here, a TOML file
//! (`INTERLUDE_CONFIG`), and single `INTERLUDE_*` variables. The command line of `interlude run`
//! reaches the library as such variables, so that there is one path only.
//!
//! Must not: touch the process. `Settings::load` takes the environment as a function, so the shim
//! can read it in its constructor (nginx clears its workers' environment later) and tests can
//! make one up.

use interlude_device::Description;
use serde::Deserialize;

mod error;
mod policy;
mod sections;
mod variables;

pub use error::SettingsError;
pub use interlude_device::EMBEDDED;
pub use policy::{Class, FromSize, JOB_KINDS, Policy, Thresholds};
pub use sections::{
    Chaos, Compress, Cores, Device, Jobs, Loop, Onnx, OpenSsl, Plugin, Rules, Simd,
};
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
    /// Operations of several connections in one pass of the vector unit (AVX-512).
    Simd,
    /// Inferences of several connections in one run of the model.
    Onnx,
    /// An emulated device: helper threads, in the time that a device would take.
    Device,
    /// A shared object that others have built (`offload/plugin`).
    Plugin,
    /// Helper threads, with everything that can go wrong: for tests.
    Chaos,
}

impl EngineName {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Inline,
        Self::Cores,
        Self::Simd,
        Self::Onnx,
        Self::Device,
        Self::Plugin,
        Self::Chaos,
    ];

    /// As it is called in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Cores => "cores",
            Self::Simd => "simd",
            Self::Onnx => "onnx",
            Self::Device => "device",
            Self::Plugin => "plugin",
            Self::Chaos => "chaos",
        }
    }

    /// Is it no such thing, but behaves like one?
    #[must_use]
    pub const fn is_emulated(self) -> bool {
        matches!(self, Self::Device)
    }
}

/// Whose results are checked before the server gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Nobody's.
    None,
    /// RSA signatures, with the public key: one wrong RSA signature that leaves can give the private
    /// key away. (Measured, with 2048 bits: 38 us on the loop's thread, 16 of them verifying,
    /// where the signature takes 325.) Compressions, by their lengths. Only of engines that come to
    /// their results by other means than the original function in this process.
    #[default]
    Rsa,
    /// Every result but a new key: signatures with the public key, compressions by their lengths, and
    /// what has no check of its own by doing it again. For tests of engines.
    All,
}

/// What does the work of zlib's `deflate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Compressor {
    /// The loaded zlib.
    #[default]
    Zlib,
    /// ISA-L, and libdeflate for whole buffers, where the policy has a level for them.
    Isal,
}

/// What the output of a compressor other than zlib may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CompressPolicy {
    /// No more bytes than zlib's at the same level, but for 1 %, as calibrated.
    #[default]
    NeverBigger,
    /// At most 15 % more, as calibrated.
    Balanced,
    /// Whatever is fastest.
    Fastest,
}

/// Where the results of an emulated device come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum DeviceResults {
    /// A helper thread computes each.
    #[default]
    Computed,
    /// Of equal compressions of whole buffers (`libdeflate_*_compress`) the first is computed, and the others
    /// get its results. So the device may be faster than a helper thread.
    Remembered,
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
    /// Event loops.
    #[serde(rename = "loop")]
    pub of_loop: Loop,
    /// The `cores` engine.
    pub cores: Cores,
    /// The `simd` engine.
    pub simd: Simd,
    /// The `onnx` engine.
    pub onnx: Onnx,
    /// The `device` engine.
    pub device: Device,
    /// The `plugin` engine.
    pub plugin: Plugin,
    /// The `chaos` engine.
    pub chaos: Chaos,
    /// Which calls become jobs, and from which size on.
    pub jobs: Jobs,
    /// Where a call is made that may become one.
    pub policy: Policy,
    /// What is done in place of OpenSSL's own code.
    pub openssl: OpenSsl,
    /// What is done in place of zlib's own code.
    pub compress: Compress,
    /// Rules of conflict; switching one off is for tests that show what it is for.
    pub rules: Rules,
}

impl Settings {
    /// The engine that is in use: with the mode `inline`, none but that.
    #[must_use]
    pub fn engine_in_use(&self) -> EngineName {
        if self.mode == Mode::Inline { EngineName::Inline } else { self.engine }
    }

    /// Reads the settings of this process.
    ///
    /// `variable` returns the value of an environment variable, or `None`. The file named by
    /// `INTERLUDE_CONFIG` is read with `read_file`, and so is a device's description.
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
        if settings.engine == EngineName::Device {
            let described = Description::load(&settings.device.description, read_file)
                .map_err(|error| SettingsError::description(&error))?;
            settings.device.described = Some(described);
        }
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
        if self.simd.threads > 256 {
            return Err(SettingsError::range("simd.threads", self.simd.threads, "0 to 256"));
        }
        if !(2..=1024).contains(&self.onnx.batch) {
            return Err(SettingsError::range("onnx.batch", self.onnx.batch, "2 to 1024"));
        }
        if self.onnx.threads > 256 {
            return Err(SettingsError::range("onnx.threads", self.onnx.threads, "0 to 256"));
        }
        if self.onnx.tolerance_ppm > 1_000_000 {
            let (key, allowed) = ("onnx.tolerance_ppm", "0 to 1000000");
            return Err(SettingsError::range(key, self.onnx.tolerance_ppm, allowed));
        }
        let Jobs { deadline_ms, quarantine_ms, .. } = self.jobs;
        if !(1..=600_000).contains(&deadline_ms) {
            return Err(SettingsError::range("jobs.deadline_ms", deadline_ms, "1 to 600000"));
        }
        if quarantine_ms > 86_400_000 {
            return Err(SettingsError::range("jobs.quarantine_ms", quarantine_ms, "0 to 86400000"));
        }
        self.device.check()?;
        self.policy.check()?;
        if self.engine == EngineName::Plugin {
            self.plugin.check()?;
        }
        self.chaos.check()
    }
}

#[cfg(test)]
mod tests;
