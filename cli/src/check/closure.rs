//! A program with everything that it loads: libraries, and modules that it may open later.
//!
//! Libraries are found as ld.so(8) finds them, by reading files only. Modules are what lies in a
//! directory of the program's own below a library directory (`/usr/lib/lighttpd/*.so`,
//! `/usr/lib/nginx/modules/*.so`): whether its configuration loads them is not known here.

use crate::elf::Elf;
use crate::executable::Executable;
use lddtree::DependencyAnalyzer;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A program and what comes into its process.
pub(crate) struct Closure {
    /// The program itself.
    pub(crate) program: Elf,
    /// Modules that it may open while it runs, by path.
    pub(crate) modules: Vec<Elf>,
    /// Libraries of the program and of its modules, by the name that they are asked for with.
    pub(crate) libraries: BTreeMap<String, Elf>,
    /// Names of libraries that are not to be found.
    pub(crate) missing: Vec<String>,
}

impl Closure {
    /// Follows a program's dependencies.
    ///
    /// # Errors
    /// One line, where the program cannot be read.
    pub(crate) fn of(executable: &Executable) -> Result<Self, String> {
        let mut closure = Self {
            program: Elf::read(&executable.image)?,
            modules: Vec::new(),
            libraries: BTreeMap::new(),
            missing: Vec::new(),
        };
        closure.follow(&executable.image)?;
        // By the name that it is called by: Debian's redis-server is a link to another name.
        for path in module_files(&executable.path) {
            // What lies there and is no ELF file is no module.
            let Ok(module) = Elf::read(&path) else { continue };
            closure.follow(&path)?;
            closure.modules.push(module);
        }
        Ok(closure)
    }

    fn follow(&mut self, path: &Path) -> Result<(), String> {
        let tree = DependencyAnalyzer::default()
            .analyze(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        for (name, library) in tree.libraries {
            if self.libraries.contains_key(&name) || self.missing.contains(&name) {
                continue;
            }
            match library.realpath.map(|path| Elf::read(&path)) {
                Some(Ok(elf)) => drop(self.libraries.insert(name, elf)),
                _ => self.missing.push(name),
            }
        }
        self.missing.sort();
        Ok(())
    }

    /// Program, modules and libraries with the names to call them by.
    pub(crate) fn importers(&self) -> impl Iterator<Item = (String, &Elf)> {
        let own = std::iter::once(&self.program).chain(&self.modules).map(|elf| (elf.name(), elf));
        own.chain(self.libraries.iter().map(|(name, elf)| (name.clone(), elf)))
    }

    /// Whether the program or one of its modules imports the symbol itself.
    pub(crate) fn imports_itself(&self, symbol: &str) -> bool {
        std::iter::once(&self.program).chain(&self.modules).any(|elf| elf.imports.contains(symbol))
    }

    /// Whether one of its libraries imports the symbol.
    pub(crate) fn imports_through_library(&self, symbol: &str) -> bool {
        self.libraries.values().any(|elf| elf.imports.contains(symbol))
    }
}

fn module_files(program: &Path) -> Vec<PathBuf> {
    let Some(name) = program.file_name() else { return Vec::new() };
    // A program in PREFIX/sbin has its modules in PREFIX/lib.
    let prefix = program.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    let mut files = Vec::new();
    for root in [prefix.join("lib"), prefix.join("lib64")] {
        for dir in [root.join(name), root.join(name).join("modules")] {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).filter(|path| is_module(path)));
        }
    }
    files.sort();
    files
}

fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "so") && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_this_test_are_found() {
        let closure = Closure::of(&Executable::of_this_test()).unwrap();
        let libc = closure.libraries.get("libc.so.6").expect("libc.so.6 is loaded");
        assert!(libc.version_after("GNU C Library").is_none(), "a name is not a version");
        assert!(libc.version_after("release version ").is_some());
        assert!(closure.missing.is_empty());
        assert!(closure.imports_itself("write"));
    }

    #[test]
    fn modules_lie_in_a_directory_of_the_programs_name() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("lib/server/modules");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("a.so"), "").unwrap();
        fs::write(dir.join("a.conf"), "").unwrap();
        assert_eq!(module_files(&root.path().join("sbin/server")), [dir.join("a.so")]);
        assert!(module_files(&root.path().join("sbin/other")).is_empty());
    }
}
