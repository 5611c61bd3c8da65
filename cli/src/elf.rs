//! What an ELF file says about itself: how it is linked, what it imports, what is built into it.
//!
//! Must not: run anything. A file is read, never loaded.

use goblin::elf::section_header::SHN_UNDEF;
use goblin::elf::{Elf as Parsed, header};
use memchr::memmem;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MACHINE: u16 =
    if cfg!(target_arch = "aarch64") { header::EM_AARCH64 } else { header::EM_X86_64 };

/// How a program comes by its libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Linking {
    /// Through the dynamic linker of this path.
    Dynamic(String),
    /// It has no dynamic linker, so nothing can be preloaded.
    Static,
    /// It is for another architecture than ours.
    Foreign,
}

/// An ELF file.
pub(crate) struct Elf {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// How it is linked; of no meaning for a library.
    pub(crate) linking: Linking,
    /// The names of the symbols that it takes from elsewhere.
    pub(crate) imports: BTreeSet<String>,
    /// The names of the symbols that it offers to others.
    pub(crate) exports: BTreeSet<String>,
    /// It was built by the Go toolchain, which makes its system calls itself.
    pub(crate) go: bool,
    sections: Vec<(String, std::ops::Range<usize>)>,
    bytes: Vec<u8>,
}

impl Elf {
    /// Reads a file.
    ///
    /// # Errors
    /// One line that names it, where it cannot be read or is not ELF.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let parsed =
            Parsed::parse(&bytes).map_err(|_| format!("{}: not an ELF file", path.display()))?;
        let sections = sections(&parsed);
        let go = sections.iter().any(|(name, _)| {
            matches!(name.as_str(), ".go.buildinfo" | ".note.go.buildid" | ".gopclntab")
        });
        Ok(Self {
            path: path.to_owned(),
            linking: linking(&parsed),
            imports: dynamic_names(&parsed, |section| section == SHN_UNDEF as usize),
            exports: dynamic_names(&parsed, |section| section != SHN_UNDEF as usize),
            go,
            sections,
            bytes,
        })
    }

    /// The file's name without its directory.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The bytes of the section of that name.
    pub(crate) fn section(&self, name: &str) -> Option<&[u8]> {
        let (_, range) = self.sections.iter().find(|(known, _)| known == name)?;
        self.bytes.get(range.clone())
    }

    /// Whether these bytes are anywhere in the file.
    pub(crate) fn contains(&self, needle: &[u8]) -> bool {
        memmem::find(&self.bytes, needle).is_some()
    }

    /// The version number that follows `mark`: digits, dots, and a letter at the end (`1.1.1w`).
    /// The fullest one, where several do: texts elsewhere may say just "since OpenSSL 3.0".
    pub(crate) fn version_after(&self, mark: &str) -> Option<String> {
        let places = memmem::find_iter(&self.bytes, mark);
        places.filter_map(|at| version(&self.bytes[at + mark.len()..])).max_by_key(String::len)
    }
}

fn linking(parsed: &Parsed) -> Linking {
    if parsed.header.e_machine != MACHINE || !parsed.is_64 {
        return Linking::Foreign;
    }
    match parsed.interpreter {
        Some(path) => Linking::Dynamic(path.to_owned()),
        None => Linking::Static,
    }
}

fn dynamic_names(parsed: &Parsed, wanted: impl Fn(usize) -> bool) -> BTreeSet<String> {
    let symbols = parsed.dynsyms.iter().filter(|symbol| wanted(symbol.st_shndx));
    let names = symbols.filter_map(|symbol| parsed.dynstrtab.get_at(symbol.st_name));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn sections(parsed: &Parsed) -> Vec<(String, std::ops::Range<usize>)> {
    let named = parsed.section_headers.iter().filter_map(|section| {
        Some((parsed.shdr_strtab.get_at(section.sh_name)?.to_owned(), section.file_range()?))
    });
    named.collect()
}

fn version(bytes: &[u8]) -> Option<String> {
    let number = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let letter = usize::from(bytes.get(number).is_some_and(u8::is_ascii_lowercase));
    let text = std::str::from_utf8(bytes.get(..number + letter)?).ok()?;
    let text = text.trim_end_matches('.');
    (text.contains('.') && text.starts_with(|c: char| c.is_ascii_digit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_digits_dots_and_a_letter() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"3.0.22 25 Aug 2026\0", Some("3.0.22")),
            (b"1.1.1w  11 Sep 2023\0", Some("1.1.1w")),
            (b"2.36.\0", Some("2.36")),
            (b"%d.%d", None),
            (b"3", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(version(bytes).as_deref(), *expected);
        }
    }

    #[test]
    fn this_test_is_a_dynamic_program_that_imports_from_libc() {
        let elf = Elf::read(&std::env::current_exe().unwrap()).unwrap();
        assert!(matches!(elf.linking, Linking::Dynamic(_)));
        assert!(elf.imports.contains("write"));
        assert!(!elf.go);
        assert!(elf.section(".text").is_some());
        assert!(elf.section(".no-such-section").is_none());
    }

    #[test]
    fn what_is_not_elf_is_named() {
        let error = Elf::read(Path::new("/etc/passwd")).map(drop).unwrap_err();
        assert_eq!(error, "/etc/passwd: not an ELF file");
    }
}
