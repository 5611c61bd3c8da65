//! Where `libinterlude_dpdk.so` is, for tests: a plugin of the engine `plugin` over DPDK's compressdev, in
//! C (`c/`), which `build.sh` builds.
//!
//! Must not: be a dependency of anything but tests. Nothing of DPDK's is ever linked with the shim.

/// The plugin's path; `None` where it was built without libdpdk.
pub const PLUGIN: Option<&str> = option_env!("INTERLUDE_DPDK_PLUGIN");

/// The plugin's path, or a line that says that a test is skipped, and why.
#[must_use]
pub fn plugin_or_skip() -> Option<&'static str> {
    if PLUGIN.is_none() {
        eprintln!("skipped: {}", option_env!("INTERLUDE_NO_DPDK").unwrap_or("no libdpdk"));
    }
    PLUGIN
}
