//! What was found out about a program: the object that `interlude check --json` prints.

use super::closure::Closure;
use super::verdict::{Obstacle, Verdict};
use crate::elf::{Elf, Linking};
use crate::executable::{self, Executable};
use crate::failure::Failure;
use crate::hooks::{self, Hook};
use interlude_settings::{EngineName, Settings};
use serde::Serialize;
use std::path::Path;

/// Everything about one program.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The file that would be running.
    pub(crate) program: String,
    /// It comes by its libraries through a dynamic linker.
    pub(crate) dynamic: bool,
    /// That dynamic linker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interpreter: Option<String>,
    /// What makes the dynamic linker ignore `LD_PRELOAD`: "is setuid".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) privileged: Option<&'static str>,
    /// What else speaks against it, a sentence each.
    pub(crate) hints: Vec<String>,
    /// Every library of the program and of its modules.
    pub(crate) libraries: Vec<Library>,
    /// Libraries that are not to be found.
    pub(crate) missing: Vec<String>,
    /// Modules that the program may load while it runs.
    pub(crate) modules: Vec<String>,
    /// The intercepted calls that it makes.
    pub(crate) hooks: Vec<Acting>,
    /// What this machine can carry jobs out with.
    pub(crate) engines: Vec<Engine>,
    /// There is something to be accelerated.
    pub(crate) accelerable: bool,
    /// All of it in one sentence.
    pub(crate) verdict: String,
}

/// A library in the process.
#[derive(Debug, Serialize)]
pub(crate) struct Library {
    /// The name that it is asked for with.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: String,
    /// Its version, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// It offers calls that are intercepted.
    pub(crate) intercepted: bool,
}

/// A hook that will see calls.
#[derive(Debug, Serialize)]
pub(crate) struct Acting {
    /// The function.
    pub(crate) symbol: String,
    /// What it belongs to.
    pub(crate) family: String,
    /// The program, modules and libraries that call it.
    pub(crate) imported_by: Vec<String>,
}

/// An engine of this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Engine {
    /// Its name in the settings.
    pub(crate) name: &'static str,
    /// It is no such thing, but behaves like one.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) emulated: bool,
    /// CPUs that it may use, where it uses any but the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpus: Option<usize>,
    /// A plugin's own name, and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unusable: Option<String>,
}

impl Report {
    /// Looks into a program and into what it loads.
    ///
    /// # Errors
    /// Where the program is not ELF, or the library with the hooks is not to be found.
    pub(crate) fn of(executable: &Executable) -> Result<Self, Failure> {
        let closure = Closure::of(executable).map_err(Failure::usage)?;
        let privileged = executable::raises_privileges(&executable.image);
        let obstacle = Obstacle::of(&closure.program, privileged);
        // Where nothing can be loaded there is nothing to intersect either.
        let hooks = match obstacle {
            Some(_) => Vec::new(),
            None => acting(&hooks::installed()?, &closure),
        };
        let hints = hints(&closure);
        let name = name_of(executable);
        let verdict = Verdict::of(&name, obstacle, &hooks);
        Ok(Self {
            program: executable.image.display().to_string(),
            dynamic: matches!(closure.program.linking, Linking::Dynamic(_)),
            interpreter: match &closure.program.linking {
                Linking::Dynamic(path) => Some(path.clone()),
                _ => None,
            },
            privileged,
            hints,
            libraries: libraries(&closure, &hooks),
            missing: closure.missing.clone(),
            modules: closure.modules.iter().map(|elf| elf.path.display().to_string()).collect(),
            hooks: hooks.into_iter().map(|(_, acting)| acting).collect(),
            engines: ENGINES.into_iter().map(engine).chain(plugin()).collect(),
            accelerable: verdict.accelerable,
            verdict: verdict.sentence,
        })
    }
}

/// The name that the user knows the program by.
fn name_of(executable: &Executable) -> String {
    let path: &Path = &executable.path;
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Those hooks that somebody in the process imports, with who that is.
fn acting(hooks: &[Hook], closure: &Closure) -> Vec<(Hook, Acting)> {
    let importers: Vec<(String, &Elf)> = closure.importers().collect();
    let mut found = Vec::new();
    for hook in hooks {
        let callers = importers.iter().filter(|(_, elf)| elf.imports.contains(&hook.symbol));
        let imported_by: Vec<String> = callers.map(|(name, _)| name.clone()).collect();
        if !imported_by.is_empty() {
            let (symbol, family) = (hook.symbol.clone(), hook.family.clone());
            found.push((hook.clone(), Acting { symbol, family, imported_by }));
        }
    }
    found
}

/// A library by the beginning of its name, the one that has its version in it, and what stands
/// before it there. libssl's version is that of its libcrypto; libdeflate tells none.
const VERSION_MARKS: &[(&str, &str, &str)] = &[
    ("libssl.", "libcrypto.", "OpenSSL "),
    ("libcrypto.", "libcrypto.", "OpenSSL "),
    ("libz.", "libz.", "deflate "),
    ("libc.", "libc.", "stable release version "),
];

fn libraries(closure: &Closure, hooks: &[(Hook, Acting)]) -> Vec<Library> {
    let one = |(name, elf): (&String, &Elf)| Library {
        name: name.clone(),
        path: elf.path.display().to_string(),
        version: version(name, closure),
        intercepted: hooks.iter().any(|(hook, _)| elf.exports.contains(&hook.symbol)),
    };
    closure.libraries.iter().map(one).collect()
}

fn version(name: &str, closure: &Closure) -> Option<String> {
    let (_, teller, mark) = VERSION_MARKS.iter().find(|(start, ..)| name.starts_with(start))?;
    let (_, elf) = closure.libraries.iter().find(|(name, _)| name.starts_with(teller))?;
    elf.version_after(mark)
}

fn hints(closure: &Closure) -> Vec<String> {
    let mut hints = Vec::new();
    let program = &closure.program;
    if program.contains(b"BoringSSL") {
        hints.push("BoringSSL seems to be built in: its calls cannot be intercepted".to_owned());
    } else if !closure.libraries.keys().any(|name| name.starts_with("libcrypto."))
        && let Some(version) = program.version_after("OpenSSL ")
    {
        hints.push(format!("OpenSSL {version} is built in: its calls cannot be intercepted"));
    }
    if program.imports.contains("syscall") {
        hints.push("it imports syscall(): calls made through it are not seen".to_owned());
    }
    if closure.libraries.keys().any(|name| name.starts_with("liburing")) {
        hints.push("it is linked with liburing: events that come by io_uring are not seen".into());
    }
    hints
}

const ENGINES: [EngineName; 3] = [EngineName::Inline, EngineName::Cores, EngineName::Device];

fn engine(name: EngineName) -> Engine {
    let has_helpers = matches!(name, EngineName::Cores | EngineName::Device | EngineName::Chaos);
    let cpus = has_helpers.then(cpus);
    let (plugin, unusable) = (None, None);
    Engine { name: name.name(), emulated: name.is_emulated(), cpus, plugin, unusable }
}

/// The plugin that the environment and its file of settings name, if they name one.
fn plugin() -> Option<Engine> {
    let variable = |name: &str| std::env::var(name).ok();
    let read = Settings::load(variable, |path| std::fs::read_to_string(path));
    let unusable = match &read {
        Ok(settings) if settings.plugin.path.is_empty() => return None,
        Ok(settings) => match interlude_plugin::Library::load(&settings.plugin.path) {
            Ok(library) => {
                let plugin = Some(format!("{} {}", library.name(), library.version()));
                return Some(Engine { plugin, ..engine(EngineName::Plugin) });
            }
            Err(why) => why.to_string(),
        },
        // What is wrong elsewhere is no matter of a plugin's.
        Err(error) if error.to_string().starts_with("plugin.") => error.to_string(),
        Err(_) => return None,
    };
    Some(Engine { unusable: Some(unusable), ..engine(EngineName::Plugin) })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_report(hooks: &[Hook]) -> Vec<(Hook, Acting)> {
        acting(hooks, &Closure::of(&Executable::of_this_test()).unwrap())
    }

    #[test]
    fn only_imported_calls_act_and_their_callers_are_named() {
        let hook = |symbol: &str| Hook { family: "io".into(), symbol: symbol.into() };
        let found = own_report(&[hook("write"), hook("no_such_call")]);
        let [(_, acting)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(acting.symbol, "write");
        assert!(acting.imported_by[0].starts_with("interlude-"), "{acting:?}");
    }

    #[test]
    fn libc_says_its_version_and_that_it_is_intercepted() {
        let closure = Closure::of(&Executable::of_this_test()).unwrap();
        let hooks = own_report(&[Hook { family: "io".into(), symbol: "write".into() }]);
        let libraries = libraries(&closure, &hooks);
        let libc = libraries.iter().find(|library| library.name == "libc.so.6").unwrap();
        assert!(libc.intercepted && libc.version.as_deref().is_some_and(|v| v.contains('.')));
    }
}
