//! The `INTERLUDE_*` variables on the command line: their help, and `--set` by their keys.
//!
//! The list itself is `interlude_settings::VARIABLES`; nothing of it is repeated here.

use crate::failure::Failure;
use interlude_settings::{EMBEDDED, Settings, VARIABLES, Variable};
use std::fmt::Write;
use std::{env, fs, path};

/// Every variable with its setting, for `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Environment (each also --set KEY=VALUE, or KEY in the file):\n");
    let mut line = |name: &str, key: &str, help: &str| {
        let _ = writeln!(text, "  {name:<24} {key:<16} {help}");
    };
    for Variable { name, key, help, .. } in VARIABLES {
        line(name, key, help);
    }
    line("INTERLUDE_CONFIG", "", "a TOML file with these keys; variables win over it");
    line("INTERLUDE_LIB", "", "path of libinterlude.so, if not beside this program or in ../lib");
    text
}

/// The variable and the value that `KEY=VALUE` stands for.
pub(crate) fn assignment(text: &str) -> Result<(&'static str, String), Failure> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Failure::usage(format!("--set {text}: must be KEY=VALUE")));
    };
    match VARIABLES.iter().find(|variable| variable.key == key.trim()) {
        Some(variable) if variable.key == DESCRIPTION => {
            Ok((variable.name, described(value.trim())?))
        }
        Some(variable) if variable.key == PLUGIN => Ok((variable.name, absolute(value.trim())?)),
        Some(variable) => Ok((variable.name, value.trim().to_owned())),
        None => {
            let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.key).collect();
            let known = known.join(", ");
            Err(Failure::usage(format!("--set {text}: no such key; there are {known}")))
        }
    }
}

/// The settings that a program would get: of the command line, else of the environment, else of the file.
pub(crate) fn loaded(config: Option<&str>, settings: &[String]) -> Result<Settings, Failure> {
    let given = settings.iter().map(|setting| assignment(setting));
    let given: Vec<(&str, String)> = given.collect::<Result<_, _>>()?;
    let variable = |name: &str| {
        let last = given.iter().rev().find(|(known, _)| *known == name);
        let config = config.filter(|_| name == "INTERLUDE_CONFIG").map(str::to_owned);
        let inherited = || Some(env::var_os(name)?.to_string_lossy().into_owned());
        last.map(|(_, value)| value.clone()).or(config).or_else(inherited)
    };
    Settings::load(variable, |path| fs::read_to_string(path))
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The setting that may be a path.
const DESCRIPTION: &str = "device.description";
/// The one that is a path.
const PLUGIN: &str = "plugin.path";

fn described(value: &str) -> Result<String, Failure> {
    if EMBEDDED.iter().any(|(name, _)| *name == value) {
        return Ok(value.to_owned());
    }
    absolute(value)
}

/// The program may change its directory before the library reads the file.
fn absolute(value: &str) -> Result<String, Failure> {
    let absolute =
        path::absolute(value).map_err(|error| Failure::usage(format!("{value}: {error}")))?;
    Ok(absolute.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_its_variable() {
        assert_eq!(
            assignment("cores.threads = 3").unwrap(),
            ("INTERLUDE_CORES_THREADS", "3".to_owned())
        );
    }

    #[test]
    fn a_device_is_a_name_or_an_absolute_path() {
        let described = |value: &str| assignment(&format!("device.description={value}")).unwrap().1;
        assert_eq!(described("bluefield2-onchip"), "bluefield2-onchip");
        let path = described("own.toml");
        assert!(path.starts_with('/') && path.ends_with("/own.toml"), "{path}");
    }

    #[test]
    fn a_plugin_has_an_absolute_path() {
        let path = assignment("plugin.path = engines/zlib.so").unwrap().1;
        assert!(path.starts_with('/') && path.ends_with("/engines/zlib.so"), "{path}");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        let failure = assignment("cores.thread=3").unwrap_err();
        let (code, line) = failure.parts();
        assert_eq!(code, 2);
        assert!(line.contains("cores.thread=3") && line.contains("cores.threads"), "{line}");
    }
}
