//! The calls that the library intercepts, as the library itself lists them.
//!
//! `libinterlude.so` carries its hook table as text in the section `.interlude.hooks`, a line
//! `FAMILY SYMBOL` each. Nothing of it is known here.

use crate::elf::Elf;
use crate::failure::Failure;
use crate::library;
use std::collections::BTreeSet;

const SECTION: &str = ".interlude.hooks";

/// One intercepted call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hook {
    /// What it belongs to: loop, io, locks, tls, compression, inference, clock, process.
    pub(crate) family: String,
    /// The function's name.
    pub(crate) symbol: String,
}

impl Hook {
    /// It waits for events: what a program needs to have for its loop to be run by us.
    pub(crate) fn waits_for_events(&self) -> bool {
        self.family == "loop" && self.symbol.starts_with("epoll_") && self.symbol.contains("wait")
    }

    /// It may become a job, or belongs to calls that do.
    pub(crate) fn is_heavy(&self) -> bool {
        matches!(self.family.as_str(), "tls" | "compression" | "inference")
    }
}

/// Reads the list from the library that `interlude run` would preload.
pub(crate) fn installed() -> Result<Vec<Hook>, Failure> {
    let path = library::find()?;
    let elf = Elf::read(&path).map_err(Failure::usage)?;
    let text = elf.section(SECTION).ok_or_else(|| {
        Failure::usage(format!("{}: has no list of hooks (section {SECTION})", path.display()))
    })?;
    parse(text).map_err(|line| Failure::usage(format!("{}: {line}", path.display())))
}

/// In the library's order, families together as it has them, each symbol once.
fn parse(section: &[u8]) -> Result<Vec<Hook>, String> {
    let text = String::from_utf8_lossy(section);
    let mut seen = BTreeSet::new();
    let mut hooks = Vec::new();
    // The linker may pad between the pieces of a section with zeros.
    for line in text.split(['\n', '\0']).map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(family), Some(symbol), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("its list of hooks has the line {line:?}"));
        };
        if seen.insert(symbol.to_owned()) {
            hooks.push(Hook { family: family.to_owned(), symbol: symbol.to_owned() });
        }
    }
    Ok(hooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_hook_and_padding_is_skipped() {
        let hooks = parse(b"loop epoll_wait\nio read\n\0\0tls SSL_read\nio read\n").unwrap();
        let symbols: Vec<&str> = hooks.iter().map(|hook| hook.symbol.as_str()).collect();
        assert_eq!(symbols, ["epoll_wait", "read", "SSL_read"]);
        assert!(hooks[0].waits_for_events() && !hooks[1].waits_for_events());
        assert!(hooks[2].is_heavy() && !hooks[0].is_heavy());
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        assert!(parse(b"loop\n").unwrap_err().contains("loop"));
    }
}
