//! Makes a copy of libdeflate whose symbols have names of their own.
//!
//! The shim exports hooks called `libdeflate_*_compress`. A libdeflate that is linked into the same library
//! under its own names would collide with them, or be called through them. So each global symbol of
//! the archive that `libdeflate-sys` has built gets `interlude_` before its name, and only that copy is linked.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "interlude_libdeflate";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A test stands in zlib's way to its own function (`tests/differential/library.rs`).
    println!("cargo::rustc-link-arg-tests=-Wl,--export-dynamic-symbol=deflateReset");
    if let Err(reason) = link() {
        println!("cargo::error=libdeflate: {reason}");
    }
}

fn link() -> Result<(), String> {
    let built = env::var_os("DEP_LIBDEFLATE_ROOT").ok_or("libdeflate-sys has not built it")?;
    let archive = Path::new(&built).join("lib/libdeflate.a");
    println!("cargo::rerun-if-changed={}", archive.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let names = out.join("names");
    std::fs::write(&names, renamings(&archive)?).map_err(|error| error.to_string())?;
    let copy = out.join(format!("lib{NAME}.a"));
    let mut redefine = std::ffi::OsString::from("--redefine-syms=");
    redefine.push(&names);
    run(Command::new("objcopy").arg(redefine).arg(&archive).arg(&copy))?;
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static={NAME}");
    Ok(())
}

/// A line for each global symbol that is defined in the archive: its name, and its new one.
fn renamings(archive: &Path) -> Result<String, String> {
    let mut nm = Command::new("nm");
    let listing = run(nm.args(["--defined-only", "--extern-only", "--format=posix"]).arg(archive))?;
    let symbols = listing.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        (kind.len() == 1).then_some(name)
    });
    Ok(symbols.map(|name| format!("{name} interlude_{name}\n")).collect())
}

fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{program} failed: {}", reason.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
