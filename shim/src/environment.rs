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
//! Must not: use the environment of the moment, which nginx has overwritten; nor allocate memory when
//! a program is executed: that may be in a child of a process with threads (`_Fork(3)`), or in one that
//! shares its parent's memory (`signal-safety(7)` has `execve`). What is added lies ready since the
//! start; the new list is on the stack, or in a mapping of its own where it is long.

use std::ffi::{CStr, CString, OsString, c_char, c_int};
use std::io::Write;
use std::marker::PhantomData;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::OnceLock;

use crate::hook::{errno, set_errno};
use crate::table::originals;

const PRELOAD: &[u8] = b"LD_PRELOAD=";
const SETTINGS: &[u8] = b"INTERLUDE_";
/// Words of a new environment, its list and its text, that are taken from the stack.
const SMALL: usize = 512;

/// What this process was started with.
struct Start {
    /// Its own file.
    program: Vec<u8>,
    /// The library's, as the loader calls it.
    library: Vec<u8>,
    /// `LD_PRELOAD=...`, where that has the library. It may have come in another way, which leads to
    /// the new program, too.
    preload: Option<CString>,
    /// `INTERLUDE_...=...`.
    settings: Vec<CString>,
}

static START: OnceLock<Start> = OnceLock::new();

/// Keeps what this process was started with.
pub(crate) fn remember() {
    // Looking for it later would allocate.
    let _ = originals::execve::ORIGINAL.function();
    let program = std::fs::read_link("/proc/self/exe");
    let (Ok(program), Some(library)) = (program, library()) else { return };
    let preload = std::env::var_os("LD_PRELOAD").map(OsString::into_vec);
    let preload = preload.filter(|list| names(list, &library));
    let preload = preload.and_then(|list| CString::new([PRELOAD, &list].concat()).ok());
    let settings = std::env::vars_os().filter_map(setting).collect();
    let program = program.into_os_string().into_vec();
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
    list.split(|byte| matches!(byte, b' ' | b':')).any(|entry| file(entry) == file(library))
}

fn file(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
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
    let path = unsafe { CStr::from_ptr(path) };
    // SAFETY: as above; it is used as long as the call lasts.
    let entries = unsafe { Entries::of(given) };
    let Some(new) = Environment::new(start, path, entries) else { return execute(given) };
    let mut small = [std::ptr::null(); SMALL];
    if let Some(room) = small.get_mut(..new.words()) {
        return execute(new.write(room));
    }
    // What it gets, it has had without the library, too.
    let Some(mut room) = Mapping::new(new.words()) else { return execute(given) };
    let result = execute(new.write(room.words()));
    let error = errno();
    drop(room);
    set_errno(error);
    result
}

/// The strings of a list that ends with null.
#[derive(Clone)]
struct Entries<'a> {
    next: *const *const c_char,
    strings: PhantomData<&'a CStr>,
}

impl Entries<'_> {
    /// # Safety
    /// Null, or a list of terminated strings that ends with null, for as long as it is used.
    unsafe fn of(list: *const *const c_char) -> Self {
        Self { next: list, strings: PhantomData }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: the contract of `of`: the list has not ended before.
        let entry = unsafe { self.next.read() };
        if entry.is_null() {
            return None;
        }
        // SAFETY: as above: null comes last, and this was not it.
        self.next = unsafe { self.next.add(1) };
        // SAFETY: the contract of `of`.
        Some(unsafe { CStr::from_ptr(entry) })
    }
}

/// The `LD_PRELOAD` of a new environment.
#[derive(Clone, Copy)]
enum Preload<'a> {
    /// As given.
    Given,
    /// The one that this process was started with.
    Own(&'a CStr),
    /// The library before what is given, so that its calls come before those of other libraries.
    Before(&'a [u8]),
}

/// An environment that lacks something, and what it lacks.
struct Environment<'a> {
    start: &'a Start,
    given: Entries<'a>,
    preload: Preload<'a>,
}

fn is_preload(entry: &CStr) -> bool {
    entry.to_bytes().starts_with(PRELOAD)
}

impl<'a> Environment<'a> {
    /// `None` if nothing is lacking, or the program is not to have the library.
    fn new(start: &'a Start, path: &CStr, given: Entries<'a>) -> Option<Self> {
        let theirs = given.clone().find_map(|entry| entry.to_bytes().strip_prefix(PRELOAD));
        let preload = match (theirs, &start.preload) {
            (Some(theirs), _) if names(theirs, &start.library) => Preload::Given,
            (Some(theirs), Some(_)) if is_same(path, start) => Preload::Before(theirs),
            (None, Some(own)) if is_same(path, start) => Preload::Own(own),
            _ => return None,
        };
        let new = Self { start, given, preload };
        let lacks = !matches!(preload, Preload::Given) || new.settings().next().is_some();
        lacks.then_some(new)
    }

    /// The settings that are not given.
    fn settings(&self) -> impl Iterator<Item = &'a CStr> {
        let name = |entry: &'a CStr| {
            let entry = entry.to_bytes();
            entry.split_inclusive(|byte| *byte == b'=').next().unwrap_or(entry)
        };
        let given = self.given.clone();
        let has = move |name: &[u8]| given.clone().any(|entry| entry.to_bytes().starts_with(name));
        let own = self.start.settings.iter().map(CString::as_c_str);
        own.filter(move |entry| !has(name(entry)))
    }

    /// Length of the list, its end included, if nothing that is given is left out.
    fn entries(&self) -> usize {
        self.given.clone().count() + 1 + self.start.settings.len() + 1
    }

    /// The text of an `LD_PRELOAD` that is put together.
    fn text(&self) -> impl Iterator<Item = &'a u8> {
        let theirs = if let Preload::Before(theirs) = self.preload { Some(theirs) } else { None };
        theirs.into_iter().flat_map(|theirs| {
            PRELOAD.iter().chain(&self.start.library).chain(b":").chain(theirs).chain(b"\0")
        })
    }

    /// How much room it needs, in pointers.
    fn words(&self) -> usize {
        self.entries() + self.text().count().div_ceil(size_of::<*const c_char>())
    }

    /// Writes it into that much room, which is all null; returns its list.
    fn write(&self, room: &mut [*const c_char]) -> *const *const c_char {
        let (list, rest) = room.split_at_mut(self.entries().min(room.len()));
        let text = rest.as_mut_ptr().cast::<u8>();
        // SAFETY: initialised memory, as many bytes as the words hold.
        let bytes = unsafe { std::slice::from_raw_parts_mut(text, size_of_val(rest)) };
        bytes.iter_mut().zip(self.text()).for_each(|(slot, byte)| *slot = *byte);
        let (preload, replaces) = match self.preload {
            Preload::Given => (None, false),
            Preload::Own(own) => (Some(own.as_ptr()), true),
            Preload::Before(_) => (Some(text.cast_const().cast()), true),
        };
        let kept = self.given.clone().filter(|entry| !(replaces && is_preload(entry)));
        let all = kept.map(CStr::as_ptr).chain(preload).chain(self.settings().map(CStr::as_ptr));
        list.iter_mut().zip(all).for_each(|(slot, entry)| *slot = entry);
        list.as_ptr()
    }
}

/// Memory of the kernel's, all null.
struct Mapping {
    start: *mut *const c_char,
    words: usize,
}

impl Mapping {
    fn new(words: usize) -> Option<Self> {
        let (bytes, access) =
            (words * size_of::<*const c_char>(), libc::PROT_READ | libc::PROT_WRITE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
        (start != libc::MAP_FAILED).then_some(Self { start: start.cast(), words })
    }

    fn words(&mut self) -> &mut [*const c_char] {
        // SAFETY: a mapping of that length, zeroed, which nobody else has.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; nothing of it is used any more.
        unsafe { libc::munmap(self.start.cast(), self.words * size_of::<*const c_char>()) };
    }
}

/// Is the program at that path this one's? By its path, as the kernel knows it; without `/proc`, or an
/// fd to ask by, by the path's text.
fn is_same(path: &CStr, start: &Start) -> bool {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // System calls: these are no cancellation points, and no hooks.
    // SAFETY: a terminated path.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
    let mut link = [0u8; libc::PATH_MAX as usize];
    let mut name = [0u8; 32];
    let is_named = write!(&mut name[..], "/proc/self/fd/{fd}\0").is_ok() && fd >= 0;
    let len = if is_named {
        let (at, name) = (libc::AT_FDCWD, name.as_ptr());
        // SAFETY: a terminated name, and a buffer of that length.
        unsafe { libc::syscall(libc::SYS_readlinkat, at, name, link.as_mut_ptr(), link.len()) }
    } else {
        -1
    };
    if fd >= 0 {
        // SAFETY: opened above.
        unsafe { libc::syscall(libc::SYS_close, fd) };
    }
    let known = usize::try_from(len).ok().and_then(|len| link.get(..len));
    known.unwrap_or(path.to_bytes()) == start.program
}
