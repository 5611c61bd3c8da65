//! The five modes that the thesis compares (its table 4.1), and baselines.

use crate::bench::variant;
use crate::failure::Failure;
use interlude_test_apps::{AppServer, HarnessError, Preload, Shim, objects};

/// Level of every compression.
const LEVEL: u32 = 1;

/// What an emulated device's jobs need: short ones, too; and no helper thread in the way.
const DEVICE: [&str; 6] = [
    "engine=device",
    "device.results=remembered",
    "jobs.min_us=0",
    "jobs.deflate_min=0",
    "device.dequeue=16",
    "device.poll_interval_ns=1000",
];

/// One way to serve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// What the server compresses with.
    library: &'static str,
    /// `None`: without the shim.
    settings: Option<&'static [&'static str]>,
    /// Does it have a device?
    pub(crate) has_device: bool,
}

/// What the others are compared with.
pub(crate) const SOFTWARE: &str = "software";
/// The one that parks.
pub(crate) const ASYNC: &str = "async";
/// The one that spins.
pub(crate) const SYNC: &str = "sync";
/// What computes in place beside those that have a device.
pub(crate) const INLINE: &str = "inline";
/// The one that spins but for small sizes.
pub(crate) const CUSTOM_LC: &str = "custom-lc";

/// In the order of the table.
pub(crate) const MODES: [Mode; 8] = [
    Mode {
        name: "stock",
        title: "zlib, without Interlude",
        library: "zlib",
        settings: None,
        has_device: false,
    },
    Mode {
        name: INLINE,
        title: "libdeflate in place: what the modes below would do in software",
        library: "libdeflate",
        settings: Some(&["mode=inline"]),
        has_device: false,
    },
    Mode {
        name: SOFTWARE,
        title: "ISA-L, in zlib's place",
        library: "zlib",
        settings: Some(&["mode=inline", "compress.with=isal"]),
        has_device: false,
    },
    Mode {
        name: "block",
        title: "the OS thread sleeps for the device",
        library: "libdeflate",
        settings: Some(&["mode=block", "device.poll_interval_ns=0"]),
        has_device: true,
    },
    Mode {
        name: SYNC,
        title: "spins on the device",
        library: "libdeflate",
        settings: Some(&["mode=spin", "device.poll_interval_ns=0"]),
        has_device: true,
    },
    Mode {
        name: CUSTOM_LC,
        title: "libdeflate in place up to the size where that is as quick as the device, else sync",
        library: "libdeflate",
        settings: Some(&["mode=spin", "device.poll_interval_ns=0"]),
        has_device: true,
    },
    Mode {
        name: ASYNC,
        title: "parks, and serves others",
        library: "libdeflate",
        settings: Some(&["mode=coroutine"]),
        has_device: true,
    },
    Mode {
        name: "custom-batch",
        title: "as async: the policy for batch work has no small sizes",
        library: "libdeflate",
        settings: Some(&["mode=coroutine"]),
        has_device: true,
    },
];

/// What loads are swept with: the policy's choice comes last.
pub(crate) const LOADS: [Mode; 3] = [
    Mode {
        name: SOFTWARE,
        title: "every call in place: libdeflate",
        library: "libdeflate",
        settings: Some(&["mode=inline"]),
        has_device: false,
    },
    Mode {
        name: ASYNC,
        title: "every call parked",
        library: "libdeflate",
        settings: Some(&["mode=coroutine"]),
        has_device: true,
    },
    Mode {
        name: "adaptive",
        title: "each call where those who wait lose least by it (policy.load)",
        library: "libdeflate",
        // Nothing is small by itself.
        settings: Some(&["mode=coroutine", "jobs.min_us=1", "policy.load=on"]),
        has_device: true,
    },
];
/// Its place.
pub(crate) const ADAPTIVE: usize = 2;

impl Mode {
    /// The mode of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        MODES.into_iter().find(|mode| mode.name == name)
    }

    /// Starts a server on these CPUs, with more settings.
    ///
    /// # Errors
    /// Where a setting is wrong, or it does not start.
    pub(crate) fn start(self, more: &[String], cpus: &[usize]) -> Result<AppServer, Failure> {
        let preload = match self.settings {
            None => Preload::Stock,
            Some(_) => Preload::Shim(self.shim(more)?),
        };
        let failed = |error: HarnessError| Failure::not_so(error.to_string());
        objects::start(self.library, LEVEL, &preload, cpus).map_err(failed)
    }

    fn shim(self, more: &[String]) -> Result<Shim, Failure> {
        let mut shim = Shim::find().map_err(|error| Failure::usage(error.to_string()))?;
        for (name, value) in variant::checked(&self.all_settings(more))? {
            shim = shim.with(name, value);
        }
        Ok(shim)
    }

    /// Later ones win.
    fn all_settings(self, more: &[String]) -> Vec<String> {
        let device: &[&str] = if self.has_device { &DEVICE } else { &[] };
        let own = device.iter().chain(self.settings.unwrap_or_default());
        own.map(|setting| (*setting).to_owned()).chain(more.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_modes_settings_are_settings() {
        for mode in LOADS {
            variant::checked(&mode.all_settings(&[])).unwrap();
        }
        for mode in MODES {
            variant::checked(&mode.all_settings(&[])).unwrap();
            assert_eq!(Mode::named(mode.name).unwrap().title, mode.title);
        }
        let more = ["device.dequeue=0".to_owned()];
        let failure = variant::checked(&MODES[6].all_settings(&more)).unwrap_err();
        assert!(failure.parts().1.contains("device.dequeue = 0"), "{failure:?}");
    }
}
