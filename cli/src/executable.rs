//! Which file a program's name stands for, as the shell and the kernel would find it.
//!
//! A script is carried out by its interpreter, so that one is what the library must act in.

use crate::failure::Failure;
use rustix::fs::{Access, access};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Result as IoResult};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program that can be started.
#[derive(Debug)]
pub(crate) struct Executable {
    /// What to hand to execve(2).
    pub(crate) path: PathBuf,
    /// The file that `/proc/PID/exe` will show: the interpreter, where `path` is a script.
    pub(crate) image: PathBuf,
}

impl Executable {
    /// Finds `program`, in `PATH` unless it has a slash.
    ///
    /// # Errors
    /// Where there is none, or it cannot be executed.
    pub(crate) fn find(program: &OsStr) -> Result<Self, Failure> {
        let path = search(program)?;
        let image = image_of(&path, 0)?;
        Ok(Self { path, image })
    }
}

fn search(program: &OsStr) -> Result<PathBuf, Failure> {
    if program.as_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return match fs::metadata(&path) {
            Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
            Ok(_) if is_executable(&path) => Ok(path),
            Ok(_) => Err(Failure::usage(format!("{}: not an executable file", path.display()))),
        };
    }
    // execvp(3): without PATH, the system's default path is searched.
    let dirs = env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    env::split_paths(&dirs)
        .map(|dir| dir.join(program))
        .find(|path| is_executable(path))
        .ok_or_else(|| Failure::usage(format!("{}: command not found", program.to_string_lossy())))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Follows `#!` lines as execve(2) does, and `env` as a script's author means it.
fn image_of(path: &Path, depth: u32) -> Result<PathBuf, Failure> {
    let unreadable = |error| Failure::usage(format!("{}: {error}", path.display()));
    let real = path.canonicalize().map_err(unreadable)?;
    // A program that may be executed but not read is no script: the interpreter could not read it.
    let Ok(head) = first_bytes(&real) else { return Ok(real) };
    let Some(interpreter) = interpreter(&head) else { return Ok(real) };
    if depth == 5 {
        return Err(Failure::usage(format!("{}: too many levels of scripts", path.display())));
    }
    image_of(&search(&interpreter)?, depth + 1)
}

fn first_bytes(path: &Path) -> IoResult<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut head)?;
    Ok(head)
}

fn interpreter(head: &[u8]) -> Option<OsString> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = words.next()?;
    let through_env = first.rsplit(|byte| *byte == b'/').next() == Some(b"env");
    let named = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
    let name = if through_env { named.unwrap_or(first) } else { first };
    Some(OsStr::from_bytes(name).to_owned())
}

/// Why ld.so(8) would ignore `LD_PRELOAD` for this file when the present user starts it: "secure
/// execution mode".
pub(crate) fn raises_privileges(path: &Path) -> Option<&'static str> {
    let meta = fs::metadata(path).ok()?;
    let user = rustix::process::getuid().as_raw();
    let group = rustix::process::getgid().as_raw();
    let ids = raised_ids(meta.mode(), (meta.uid(), meta.gid()), (user, group));
    ids.or_else(|| (user != 0 && has_capabilities(path)).then_some("has file capabilities"))
}

fn raised_ids(mode: u32, owner: (u32, u32), caller: (u32, u32)) -> Option<&'static str> {
    if mode & 0o4000 != 0 && owner.0 != caller.0 {
        Some("is setuid")
    } else if mode & 0o2010 == 0o2010 && owner.1 != caller.1 {
        Some("is setgid")
    } else {
        None
    }
}

fn has_capabilities(path: &Path) -> bool {
    let mut value = [0; 64];
    rustix::fs::getxattr(path, "security.capability", &mut value).is_ok_and(|length| length > 0)
}

#[cfg(test)]
impl Executable {
    /// The running test binary.
    pub(crate) fn of_this_test() -> Self {
        Self::find(env::current_exe().unwrap().as_os_str()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_script_names_the_image() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"#!/bin/sh -e\nexit\n", Some("/bin/sh")),
            (b"#! /usr/bin/env python3\n", Some("python3")),
            (b"#!/usr/bin/env -S A=1 node --x\n", Some("node")),
            (b"\x7fELF\x02\x01", None),
            (b"#!\n", None),
        ];
        for (head, expected) in cases {
            assert_eq!(interpreter(head).as_deref(), expected.map(OsStr::new));
        }
    }

    #[test]
    fn a_name_without_a_slash_is_searched_for() {
        let found = Executable::find(OsStr::new("sh")).unwrap();
        assert!(found.path.is_absolute());
        assert_eq!(found.image, found.path.canonicalize().unwrap());
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        let cases =
            [("no-such-program-here", "command not found"), ("/etc/passwd", "not an executable")];
        for (program, reason) in cases {
            let failure = Executable::find(OsStr::new(program)).unwrap_err();
            let (code, line) = failure.parts();
            assert_eq!(code, 2);
            assert!(line.contains(program) && line.contains(reason), "{line}");
        }
    }

    #[test]
    fn privileges_are_raised_only_for_others() {
        let caller = (1000, 1000);
        assert_eq!(raised_ids(0o4755, (0, 0), caller), Some("is setuid"));
        assert_eq!(raised_ids(0o2755, (0, 42), caller), Some("is setgid"));
        assert_eq!(raised_ids(0o4755, (1000, 0), caller), None);
        assert_eq!(raised_ids(0o755, (0, 0), caller), None);
    }
}
