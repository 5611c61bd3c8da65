//! The environment of a program that is to be executed: what it needs to be served as this one is.
//!
//! Servers make environments of their own. nginx's successor (`USR2`) gets no `LD_PRELOAD`;
//! lighttpd's CGI programs get `LD_PRELOAD` without the settings, and would act where only the
//! server is meant to. So
//!
//! - the same program keeps the preload that this process was started with;
//! - where the library goes, the settings go: those that are missing are added.
//!
//! What the new environment says itself stands. A program is the same by its path: an upgrade has
//! put another file there.
//!
//! Must not: use the environment of the moment, which nginx has overwritten.

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::hook::{errno, set_errno};

const PRELOAD: &[u8] = b"LD_PRELOAD=";
const SETTINGS: &[u8] = b"INTERLUDE_";

/// What this process was started with.
struct Start {
    /// Its own file.
    program: PathBuf,
    /// The library's, as the loader calls it.
    library: Vec<u8>,
    /// The value of `LD_PRELOAD`, where that has the library. It may have come in another way,
    /// which leads to the new program, too.
    preload: Option<Vec<u8>>,
    /// `INTERLUDE_...=...`.
    settings: Vec<CString>,
}

static START: OnceLock<Start> = OnceLock::new();

/// Keeps what this process was started with.
pub(crate) fn remember() {
    let program = std::fs::read_link("/proc/self/exe");
    let (Ok(program), Some(library)) = (program, library()) else { return };
    let preload = std::env::var_os("LD_PRELOAD").map(|list| list.as_bytes().to_vec());
    let preload = preload.filter(|list| names(list, &library));
    let settings = std::env::vars_os().filter_map(setting).collect();
    // The constructor runs once.
    let _ = START.set(Start { program, library, preload, settings });
}

fn setting((name, value): (OsString, OsString)) -> Option<CString> {
    let is_ours = name.as_bytes().starts_with(SETTINGS);
    let entry = is_ours.then(|| [name.as_bytes(), b"=", value.as_bytes()].concat())?;
    CString::new(entry).ok()
}

/// This library's file, by the name under which it was loaded.
fn library() -> Option<Vec<u8>> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let own: fn() = remember;
    // SAFETY: an address of this library; the place is valid.
    if unsafe { libc::dladdr(own as *const libc::c_void, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: zeroed is a valid value, and `dladdr` has filled it.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's own, terminated name.
    Some(unsafe { CStr::from_ptr(info.dli_fname) }.to_bytes().to_vec())
}

/// Does a list as `ld.so(8)` takes it name the library? It may name it by another path.
fn names(list: &[u8], library: &[u8]) -> bool {
    let file = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
    list.split(|byte| matches!(byte, b' ' | b':')).any(|entry| file(entry) == file(library))
}

/// Calls `execute` with the environment that the program `path` is to have instead of `given`.
///
/// # Safety
/// The contract of `execve(2)`: `path` is null or terminated; `given` is null, or a list of
/// terminated strings that ends with null.
pub(crate) unsafe fn execute(
    path: *const c_char,
    given: *const *const c_char,
    execute: impl Fn(*const *const c_char) -> c_int,
) -> c_int {
    let Some(start) = START.get().filter(|_| !path.is_null()) else { return execute(given) };
    // SAFETY: the caller's contract.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    // SAFETY: as above.
    let given_entries = unsafe { entries(given) };
    let Some(added) = missing(start, path, &given_entries) else { return execute(given) };
    let is_preload = |entry: &CStr| entry.to_bytes().starts_with(PRELOAD);
    let replaced = added.iter().any(|entry| is_preload(entry));
    let kept = given_entries.iter().copied().filter(|entry| !(replaced && is_preload(entry)));
    let all = kept.chain(added.iter().map(CString::as_c_str)).map(CStr::as_ptr);
    let all: Vec<*const c_char> = all.chain([std::ptr::null()]).collect();
    let result = execute(all.as_ptr());
    let error = errno();
    drop(all);
    drop(added);
    set_errno(error);
    result
}

/// # Safety
/// Null, or a list of terminated strings that ends with null.
unsafe fn entries<'a>(list: *const *const c_char) -> Vec<&'a CStr> {
    let mut entries = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: the caller's contract: the list has not ended before.
        let entry = unsafe { next.read() };
        if entry.is_null() {
            break;
        }
        // SAFETY: the caller's contract.
        entries.push(unsafe { CStr::from_ptr(entry) });
        // SAFETY: as above: null comes last, and this was not it.
        next = unsafe { next.add(1) };
    }
    entries
}

/// What the environment lacks; `None` if nothing, or the program is not to have the library.
fn missing(start: &Start, path: &Path, given: &[&CStr]) -> Option<Vec<CString>> {
    let mut added = Vec::new();
    let theirs = given.iter().find_map(|entry| entry.to_bytes().strip_prefix(PRELOAD));
    if !theirs.is_some_and(|list| names(list, &start.library)) {
        let own = start.preload.as_deref().filter(|_| is_same(path, start))?;
        let entry = match theirs {
            // Ours first, so that its calls come before those of other libraries.
            Some(theirs) => [PRELOAD, &start.library, b":", theirs].concat(),
            None => [PRELOAD, own].concat(),
        };
        added.push(CString::new(entry).ok()?);
    }
    let has = |name: &[u8]| given.iter().any(|entry| entry.to_bytes().starts_with(name));
    let name = |entry: &CString| {
        entry.to_bytes().split_inclusive(|byte| *byte == b'=').next().unwrap_or_default().to_vec()
    };
    added.extend(start.settings.iter().filter(|entry| !has(&name(entry))).cloned());
    (!added.is_empty()).then_some(added)
}

fn is_same(path: &Path, start: &Start) -> bool {
    std::fs::canonicalize(path).is_ok_and(|path| path == start.program)
}
