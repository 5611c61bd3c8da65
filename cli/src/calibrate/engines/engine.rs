//! Which engines can be calibrated, and one of them for the calling thread: as the library has it with the
//! same settings.
//!
//! Must not: start a thread of an engine's that is not measured.

use super::subject::{Case, Wanted};
use super::{buffers, keys};
use crate::failure::Failure;
use interlude_offload::{
    Cores, CoresConfig, Description, Device, DeviceConfig, Engine, Plugin, PluginLibrary, Simd,
    simd_availability,
};
use interlude_settings::Settings;
use openssl::rand::rand_priv_bytes;
use std::fs;

/// An engine that can be calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    Cores,
    Simd,
    Device,
    Plugin,
}

/// What cannot be, and why not.
const OTHERS: [(&str, &str); 3] = [
    ("inline", "it is what the others are measured against"),
    ("onnx", "it measures by itself, while it runs, which requests are worth it together"),
    ("chaos", "it is for tests"),
];

/// An engine of the calling thread's.
pub(super) struct Opened {
    pub(super) engine: Box<dyn Engine>,
    /// What there is to be said with every figure of it: that it is emulated.
    pub(super) remark: Option<String>,
    /// Whose threads end with it, where there are any.
    cores: Option<Cores>,
}

impl Opened {
    fn new(engine: impl Engine + 'static, cores: Option<Cores>) -> Self {
        Self { engine: Box::new(engine), remark: None, cores }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(cores) = &self.cores {
            cores.stop();
        }
    }
}

impl Candidate {
    const ALL: [Self; 4] = [Self::Cores, Self::Simd, Self::Device, Self::Plugin];

    /// As in the settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cores => "cores",
            Self::Simd => "simd",
            Self::Device => "device",
            Self::Plugin => "plugin",
        }
    }

    /// The one of that name.
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        if let Some(candidate) = Self::ALL.into_iter().find(|candidate| candidate.name() == name) {
            return Ok(candidate);
        }
        let other = OTHERS.iter().find(|(known, _)| *known == name);
        let why = other.map_or("there is no such engine", |(_, why)| why);
        let all = Self::ALL.map(Self::name).join(", ");
        let line = format!("--engine {name}: {why}; to be calibrated are {all}");
        Err(Failure::usage(line))
    }

    /// Those that this machine has, and of the others why it has them not.
    pub(super) fn here(settings: &Settings) -> (Vec<Self>, Vec<(Self, String)>) {
        let (mut here, mut missing) = (Vec::new(), Vec::new());
        for candidate in Self::ALL {
            match candidate.is_missing(settings) {
                None => here.push(candidate),
                Some(why) => missing.push((candidate, why)),
            }
        }
        (here, missing)
    }

    /// Why this machine does not have it.
    pub(super) fn is_missing(self, settings: &Settings) -> Option<String> {
        match self {
            Self::Cores | Self::Device => None,
            Self::Simd => simd_availability().err().map(|missing| missing.to_string()),
            Self::Plugin if settings.plugin.path.is_empty() => {
                Some("plugin.path is not set (--set plugin.path=FILE)".to_owned())
            }
            Self::Plugin => {
                PluginLibrary::load(&settings.plugin.path).err().map(|why| why.to_string())
            }
        }
    }

    /// One for the calling thread.
    pub(super) fn open(self, settings: &Settings) -> Result<Opened, Failure> {
        let failed =
            |why: &dyn ToString| Failure::not_so(format!("{}: {}", self.name(), why.to_string()));
        let pool = |threads: u32| {
            let set = &settings.cores;
            let (threads, queue) = (threads as usize, set.queue as usize);
            Cores::new(CoresConfig { threads, queue, nice: set.nice.cast_signed() })
        };
        let port = |cores: &Cores| cores.port().map_err(|error| failed(&error));
        let set = &settings.device;
        match self {
            Self::Cores => {
                let cores = pool(settings.cores.threads);
                Ok(Opened::new(port(&cores)?, Some(cores)))
            }
            Self::Simd if settings.simd.threads == 0 => {
                let engine = Simd::open(secrets).map_err(|missing| failed(&missing))?;
                Ok(Opened::new(engine, None))
            }
            Self::Simd => {
                let cores = pool(settings.simd.threads);
                let engine = Simd::open_over(port(&cores)?, secrets);
                Ok(Opened::new(engine.map_err(|missing| failed(&missing))?, Some(cores)))
            }
            Self::Device => {
                let described =
                    Description::load(&set.description, |path| fs::read_to_string(path))
                        .map_err(|error| Failure::usage(error.to_string()))?;
                let remark = format!("{}, emulated", described.name);
                let config = DeviceConfig {
                    dequeue: set.dequeue as usize,
                    poll_interval: set.poll_interval_ns.into(),
                    remembered: set.remembered_bytes(),
                };
                let cores = pool(settings.cores.threads);
                let engine = Device::open(described, None, config, port(&cores)?);
                let engine = engine.map_err(|error| failed(&error))?;
                let mut opened = Opened::new(engine, Some(cores));
                opened.remark = Some(remark);
                Ok(opened)
            }
            Self::Plugin => {
                let library = PluginLibrary::load(&settings.plugin.path);
                let library = library.map_err(|why| failed(&why))?;
                let engine = Plugin::open(&library, &settings.plugin.arguments);
                Ok(Opened::new(engine.map_err(|why| failed(&why))?, None))
            }
        }
    }

    /// What it is given, of all that it may take and that is wanted.
    pub(super) fn cases(self, engine: &dyn Engine, wanted: &Wanted) -> Result<Vec<Case>, Failure> {
        let (own, lanes) = (self == Self::Plugin, self == Self::Simd);
        let buffers = if lanes { Vec::new() } else { buffers::cases(wanted, own) };
        // To make keys that nobody uses takes seconds.
        let kinds = wanted.kinds.iter().copied().filter(|kind| !own && engine.accepts(*kind, 256));
        let keys = keys::cases(&kinds.collect::<Vec<_>>(), lanes)?;
        let all = buffers.into_iter().chain(keys);
        Ok(all.filter(|case| engine.accepts(case.kind, case.bytes)).collect())
    }
}

/// OpenSSL's generator for secrets.
fn secrets(into: &mut [u8]) -> bool {
    rand_priv_bytes(into).is_ok()
}
