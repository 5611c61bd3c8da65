//! The tables of functions that programs get in place of the runtime's.
//!
//! ```text
//! OrtGetApiBase() ──> Base { get_api, version }            (one for the process)
//!                       └── get_api(v) ──> a copy of the runtime's table of version v, four members ours
//! ```
//!
//! A table is as long as its version says (`interlude_onnx::entries`); one of a version that is not known
//! here is the runtime's own, and nothing of it is intercepted. A second runtime in the same process, or
//! one that is older than the version that is used here, is left alone.

use std::ffi::{c_char, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use interlude_onnx::{Api, entries};

use crate::bypass::Bypass;
use crate::counters::count;
use crate::hook::{Call, Outcome};
use crate::original::{self, Original};
use crate::table::{members, originals};

type GetApi = originals::OrtApiBase_GetApi::Function;
type Release = originals::OrtApi_ReleaseValue::Function;
type GetVersion = unsafe extern "C-unwind" fn() -> *const c_char;

/// `OrtApiBase`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Base {
    get_api: GetApi,
    version: GetVersion,
}

/// The runtime, and what programs get in its place.
struct Runtime {
    /// The address of its own base.
    address: usize,
    ours: Base,
    api: Api,
    /// By version.
    tables: Mutex<Vec<(u32, Table)>>,
}

/// A table that was given out: it stays for ever.
#[derive(Clone, Copy)]
struct Table(*mut c_void);

// SAFETY: nobody writes to it any more.
unsafe impl Send for Table {}

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime's functions, once a program has asked for them.
pub(super) fn api() -> Option<Api> {
    RUNTIME.get()?.as_ref().map(|runtime| runtime.api)
}

/// `OrtGetApiBase`.
pub(crate) fn base(call: &Call<originals::OrtGetApiBase::Function>) -> Outcome<*mut c_void> {
    // SAFETY: no preconditions.
    let own = call.made(unsafe { (call.original)() });
    if own.is_null() {
        return Outcome::Handled(own);
    }
    let runtime = RUNTIME.get_or_init(|| Runtime::of(own));
    match runtime {
        Some(runtime) if runtime.address == own.addr() => {
            let ours = std::ptr::from_ref(&runtime.ours).cast_mut().cast();
            Outcome::Handled(call.made(ours))
        }
        _ => {
            count(Bypass::Layout.counter());
            Outcome::Handled(own)
        }
    }
}

impl Runtime {
    fn of(base: *mut c_void) -> Option<Self> {
        // The server may unload it while a job is inside.
        original::pin(base);
        // SAFETY: what the runtime gives out is an `OrtApiBase`, which never changes.
        let own = unsafe { *base.cast::<Base>() };
        let address = std::ptr::with_exposed_provenance_mut((own.get_api as *const ()).addr());
        // SAFETY: the function of that name, in a library that is pinned.
        unsafe { originals::OrtApiBase_GetApi::ORIGINAL.set(address) };
        // SAFETY: any version may be asked for.
        let table = unsafe { (own.get_api)(Api::VERSION) };
        // SAFETY: the runtime's table of that version, or null; the library is pinned.
        let api = unsafe { Api::new(table) }?;
        let ours = Base { get_api: members::OrtApiBase_GetApi, version: own.version };
        Some(Self { address: base.addr(), ours, api, tables: Mutex::default() })
    }

    /// Our table of a version of which the runtime has this one. `None` for one that is not known here.
    fn table(&self, version: u32, own: *const c_void) -> Option<*mut c_void> {
        let length = entries(version).filter(|_| !own.is_null())?;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = tables.iter().find(|(known, _)| *known == version) {
            return Some(table.0);
        }
        // SAFETY: the runtime's table of that version has so many functions.
        let functions = unsafe { std::slice::from_raw_parts(own.cast::<usize>(), length) };
        let mut copy = functions.to_vec();
        replace_all(&mut copy);
        let table = Table(copy.leak().as_mut_ptr().cast());
        tables.push((version, table));
        Some(table.0)
    }
}

/// Has a function of ours stand in the place of the runtime's own.
///
/// # Safety
/// The runtime's function of that place is of type `F`.
unsafe fn replace<F: Copy>(table: &mut [usize], place: usize, ours: F, original: &Original<F>) {
    const { assert!(size_of::<F>() == size_of::<usize>()) };
    let Some(entry) = table.get_mut(place) else { return };
    // (The tables of all versions have the same functions.)
    // SAFETY: the caller's contract, and the library is pinned.
    unsafe { original.set(std::ptr::with_exposed_provenance_mut(*entry)) };
    // SAFETY: a function is as large as its address (asserted).
    *entry = unsafe { std::mem::transmute_copy::<F, usize>(&ours) };
}

fn replace_all(table: &mut [usize]) {
    let run: originals::OrtApi_Run::Function = members::OrtApi_Run;
    // SAFETY: the types are those of the functions of these names.
    unsafe { replace(table, interlude_onnx::RUN, run, &originals::OrtApi_Run::ORIGINAL) };
    let release: Release = members::OrtApi_ReleaseSession;
    let original = &originals::OrtApi_ReleaseSession::ORIGINAL;
    // SAFETY: as above.
    unsafe { replace(table, interlude_onnx::RELEASE_SESSION, release, original) };
    let release: Release = members::OrtApi_ReleaseValue;
    let original = &originals::OrtApi_ReleaseValue::ORIGINAL;
    // SAFETY: as above.
    unsafe { replace(table, interlude_onnx::RELEASE_VALUE, release, original) };
    let release: Release = members::OrtApi_ReleaseRunOptions;
    let original = &originals::OrtApi_ReleaseRunOptions::ORIGINAL;
    // SAFETY: as above.
    unsafe { replace(table, interlude_onnx::RELEASE_RUN_OPTIONS, release, original) };
}

/// `OrtApiBase::GetApi`.
pub(crate) fn get_api(call: &Call<GetApi>, version: u32) -> Outcome<*mut c_void> {
    // SAFETY: any version may be asked for.
    let own = call.made(unsafe { (call.original)(version) });
    let table =
        RUNTIME.get().and_then(Option::as_ref).and_then(|runtime| runtime.table(version, own));
    match table {
        Some(table) => Outcome::Handled(call.made(table)),
        None => {
            if !own.is_null() {
                count(Bypass::Layout.counter());
            }
            Outcome::Handled(own)
        }
    }
}
