//! `interlude run`: starts a program with the library in it.
//!
//! Must not: stay behind the program. The settings are checked, become variables, and then this
//! process *is* the program: same pid, same parent, same signals, as a service manager expects.

use crate::elf::{Elf, Linking};
use crate::executable::{self, Executable};
use crate::failure::Failure;
use crate::{library, variables};
use interlude_plugin::Library;
use interlude_settings::{EngineName, Mode, Settings};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, path};

/// Start PROGRAM with libinterlude.so in it.
///
/// The program takes this process's place: its exit code is the program's own.
#[derive(clap::Args)]
#[command(after_help = variables::help())]
pub(crate) struct Args {
    /// How heavy calls are carried out: off, inline, block, spin or coroutine
    #[arg(long, value_name = "M")]
    mode: Option<String>,
    /// What carries them out: inline, cores, simd, onnx, device (emulated), plugin, or chaos (for tests)
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// One setting by its key; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The program, searched for in PATH, and its arguments
    #[arg(last = true, required = true, num_args = 1.., value_name = "PROGRAM")]
    command: Vec<OsString>,
}

type Environment = BTreeMap<&'static str, OsString>;

/// Checks everything, then becomes the program. Returns only where that failed.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (program, arguments) =
        args.command.split_first().ok_or_else(|| Failure::usage("a PROGRAM is required"))?;
    let executable = Executable::find(program)?;
    let mut environment = overrides(args)?;
    environment.entry("INTERLUDE_PROGRAM").or_insert_with(|| executable.image.clone().into());
    check_settings(&environment)?;
    let library = library::find()?;
    environment.insert("LD_PRELOAD", preload(&library, env::var_os("LD_PRELOAD")));
    if let Some(reason) = without_effect(&executable.image) {
        eprintln!(
            "interlude: warning: {} {reason}: it will run without Interlude",
            executable.image.display()
        );
    }
    let error =
        Command::new(&executable.path).arg0(program).args(arguments).envs(&environment).exec();
    Err(Failure::usage(format!("{}: {error}", executable.path.display())))
}

/// The variables that the command line sets. Later options win over earlier ones.
fn overrides(args: &Args) -> Result<Environment, Failure> {
    let mut environment = Environment::new();
    let config =
        args.config.clone().map(OsString::from).or_else(|| env::var_os("INTERLUDE_CONFIG"));
    if let Some(config) = config.filter(|path| !path.is_empty()) {
        // The program may change its directory before the library reads the file.
        let absolute = path::absolute(&config).map_err(|error| {
            Failure::usage(format!("{}: {error}", Path::new(&config).display()))
        })?;
        environment.insert("INTERLUDE_CONFIG", absolute.into());
    }
    for (key, value) in [("mode", &args.mode), ("engine", &args.engine)] {
        if let Some(value) = value {
            let (name, value) = variables::assignment(&format!("{key}={value}"))?;
            environment.insert(name, value.into());
        }
    }
    for setting in &args.settings {
        let (name, value) = variables::assignment(setting)?;
        environment.insert(name, value.into());
    }
    Ok(environment)
}

/// Reads the settings as the library will, so that what is wrong is said here.
fn check_settings(environment: &Environment) -> Result<(), Failure> {
    let variable = |name: &str| {
        let value = environment.get(name).cloned().or_else(|| env::var_os(name))?;
        Some(value.to_string_lossy().into_owned())
    };
    let settings = Settings::load(variable, |path| fs::read_to_string(path))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let is_used = !matches!(settings.mode, Mode::Off | Mode::Inline);
    if is_used && settings.engine == EngineName::Simd {
        interlude_simd::availability().map_err(|missing| Failure::usage(missing.to_string()))?;
    }
    if is_used && settings.engine == EngineName::Plugin {
        // Whether it opens a queue, only the server's workers will know.
        Library::load(&settings.plugin.path).map_err(|why| Failure::usage(why.to_string()))?;
    }
    Ok(())
}

/// The new `LD_PRELOAD`: ours first, so that our calls come before those of other libraries.
fn preload(library: &Path, inherited: Option<OsString>) -> OsString {
    let mut list = library.as_os_str().to_owned();
    let inherited = inherited.unwrap_or_default();
    let others = inherited.as_bytes().split(|byte| matches!(byte, b' ' | b':'));
    for other in others.map(OsStr::from_bytes) {
        if !other.is_empty() && other != library {
            list.push(":");
            list.push(other);
        }
    }
    list
}

/// Why the dynamic linker would leave the library out.
fn without_effect(image: &Path) -> Option<&'static str> {
    if let Some(reason) = executable::raises_privileges(image) {
        return Some(reason);
    }
    match Elf::read(image).ok()?.linking {
        Linking::Dynamic(_) => None,
        Linking::Static => Some("is statically linked"),
        Linking::Foreign => Some("is built for another architecture"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_comes_first_and_once() {
        let library = Path::new("/a/libinterlude.so");
        let list = |inherited: Option<&str>| preload(library, inherited.map(OsString::from));
        assert_eq!(list(None), "/a/libinterlude.so");
        assert_eq!(list(Some("/b.so /c.so")), "/a/libinterlude.so:/b.so:/c.so");
        assert_eq!(list(Some("/b.so:/a/libinterlude.so")), "/a/libinterlude.so:/b.so");
    }

    #[test]
    fn a_bad_setting_is_named_with_its_reason() {
        let environment = Environment::from([("INTERLUDE_CORES_QUEUE", OsString::from("0"))]);
        let failure = check_settings(&environment).unwrap_err();
        let (code, line) = failure.parts();
        assert_eq!(code, 2);
        assert!(line.contains("cores.queue") && line.contains("1 to 65536"), "{line}");
    }
}
