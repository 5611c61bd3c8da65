//! Builds `libinterlude_dpdk.so` with `build.sh`, where there is libdpdk. Where there is none, one line says
//! so, and everything else builds.
//!
//! Must not: link anything with this package. The plugin is loaded, or not, by whoever is told its path.

use std::env;
use std::path::PathBuf;
use std::process::{Command, exit};

/// `build.sh`'s exit code where there is no libdpdk.
const ABSENT: i32 = 3;

fn main() {
    for path in ["build.rs", "build.sh", "c", "../plugin/include"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in ["PKG_CONFIG_PATH", "CC"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let plugin = out.join("libinterlude_dpdk.so");
    let output = match Command::new("bash").arg("build.sh").arg(&plugin).output() {
        Ok(output) => output,
        Err(why) => fail(&format!("bash: {why}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => println!("cargo::rustc-env=INTERLUDE_DPDK_PLUGIN={}", plugin.display()),
        Some(ABSENT) => {
            let why = said.trim().replace('\n', " ");
            println!("cargo::warning={why}");
            println!("cargo::rustc-env=INTERLUDE_NO_DPDK={why}");
        }
        _ => fail(&said),
    }
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}
