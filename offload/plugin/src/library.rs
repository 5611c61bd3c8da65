//! A plugin's shared object: loaded, asked for its version, never closed.
//!
//! Its threads may run in it until the process ends, so it stays. What is loaded twice is there once
//! (`dlopen(3)`).

use std::ffi::{CStr, CString, c_char};

use crate::Unusable;
use crate::abi::{self, Entry, RawPlugin};

/// A plugin that speaks our version of the interface, and has all of its functions.
#[derive(Clone)]
pub struct Library {
    pub(crate) path: String,
    pub(crate) functions: Functions,
    name: String,
    version: String,
    queue: usize,
    parallel: usize,
}

/// What a plugin does.
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    pub(crate) open: abi::Open,
    pub(crate) accepts: abi::Accepts,
    pub(crate) submit: abi::Submit,
    pub(crate) poll: abi::Poll,
    pub(crate) fd: abi::OfQueue<i32>,
    pub(crate) arm: Option<abi::OfQueue<i32>>,
    pub(crate) disarm: Option<abi::OfQueue<()>>,
    pub(crate) close: abi::OfQueue<()>,
}

impl Library {
    /// Loads the shared object at `path`, into a scope of its own. Its constructors run.
    ///
    /// # Errors
    /// It cannot be loaded, or is no plugin for us.
    pub fn load(path: &str) -> Result<Self, Unusable> {
        let entry = entry(path)?;
        // SAFETY: the interface's: it may be called at any time, with any version.
        let plugin = unsafe { entry(abi::VERSION) };
        if plugin.is_null() {
            return Err(Unusable::Version(path.to_owned(), None));
        }
        // SAFETY: not null; in every version the first member is that number, and what it is in stays.
        let version = unsafe { plugin.cast::<u32>().read() };
        if version != abi::VERSION {
            return Err(Unusable::Version(path.to_owned(), Some(version)));
        }
        // SAFETY: of our version, so it is as our header says, and stays.
        Self::of(path, unsafe { &*plugin })
    }

    fn of(path: &str, plugin: &RawPlugin) -> Result<Self, Unusable> {
        let lacks = |what| Unusable::Incomplete(path.to_owned(), what);
        let functions = Functions {
            open: plugin.open.ok_or_else(|| lacks("open"))?,
            accepts: plugin.accepts.ok_or_else(|| lacks("accepts"))?,
            submit: plugin.submit.ok_or_else(|| lacks("submit"))?,
            poll: plugin.poll.ok_or_else(|| lacks("poll"))?,
            fd: plugin.fd.ok_or_else(|| lacks("fd"))?,
            arm: plugin.arm,
            disarm: plugin.disarm,
            close: plugin.close.ok_or_else(|| lacks("close"))?,
        };
        Ok(Self {
            path: path.to_owned(),
            functions,
            name: printable(plugin.name),
            version: printable(plugin.version),
            queue: plugin.queue as usize,
            parallel: plugin.parallel as usize,
        })
    }

    /// Its name, as it says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as it says.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Requests that a queue takes at most, as it says.
    #[must_use]
    pub fn queue(&self) -> usize {
        self.queue
    }

    /// Requests that it works on at the same time, as it says.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.parallel
    }
}

fn entry(path: &str) -> Result<Entry, Unusable> {
    let not_loaded = |why: &str| Unusable::NotLoaded(why.to_owned());
    let name = CString::new(path).map_err(|_| not_loaded("its path has a zero byte"))?;
    // SAFETY: a terminated path. Whoever names it as a plugin wants its constructors to run.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        // SAFETY: no preconditions; what it gives is this thread's, until the next call of its family.
        let why = unsafe { libc::dlerror() };
        if why.is_null() {
            return Err(not_loaded(path));
        }
        // SAFETY: not null: a terminated text, as above.
        return Err(not_loaded(&unsafe { CStr::from_ptr(why) }.to_string_lossy()));
    }
    // SAFETY: a handle that is never closed, and a terminated name.
    let address = unsafe { libc::dlsym(handle, c"interlude_engine_plugin".as_ptr()) };
    if address.is_null() {
        return Err(Unusable::NoEntry(path.to_owned()));
    }
    // SAFETY: the interface's: a function of that name is of this type.
    Ok(unsafe { std::mem::transmute::<*mut libc::c_void, Entry>(address) })
}

/// So many characters of a text are shown.
const SHOWN: usize = 63;

fn printable(text: *const c_char) -> String {
    if text.is_null() {
        return "?".to_owned();
    }
    // SAFETY: the interface's: a terminated text that stays.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    let shown = bytes.iter().take(SHOWN);
    shown.map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '?' }).collect()
}
