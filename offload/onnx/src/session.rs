//! What is known of a session: its inputs as the model declares them, and the kinds of request that were
//! made of it.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort_sys::OrtSession;

use crate::axes::{Dimension, axes};
use crate::{Api, Names, Profile, Status, View};

/// Kinds of request that are told apart, of one session. Those beyond are run alone.
const PROFILES: usize = 256;
/// Most bytes of an input that is to be the same for all rows of a run.
const SHARED: usize = 4096;

/// An `OrtSession`, which its owner keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPtr(*mut OrtSession);

// SAFETY: a session may be used by any thread, and by several at a time.
unsafe impl Send for SessionPtr {}
// SAFETY: as above.
unsafe impl Sync for SessionPtr {}

impl SessionPtr {
    /// # Safety
    /// A session, whose owner keeps it as long as this or what is made from it is used for runs.
    #[must_use]
    pub unsafe fn new(raw: *mut c_void) -> Self {
        Self(raw.cast())
    }

    pub(crate) fn raw(self) -> *mut OrtSession {
        self.0
    }
}

/// What is known of a session.
pub struct Session {
    inputs: Vec<(CString, Option<usize>)>,
    profiles: Mutex<HashMap<Vec<u8>, Arc<Profile>>>,
    /// The first of them, and how many there are.
    first: OnceLock<Arc<Profile>>,
    known: AtomicUsize,
    is_released: AtomicBool,
}

impl Session {
    /// Asks the runtime.
    ///
    /// # Errors
    /// As the runtime says.
    pub fn read(api: Api, session: SessionPtr) -> Result<Self, Status> {
        let (mut names, mut declared) = (Vec::new(), Vec::new());
        let mut is_of_tensors = true;
        for index in 0..api.input_count(session)? {
            names.push(api.input_name(session, index)?);
            let dimensions = api.declared(session, index)?;
            is_of_tensors &= dimensions.is_some();
            declared.push(dimensions.unwrap_or_default());
        }
        let dimensions: Vec<Vec<Dimension<'_>>> = declared
            .iter()
            .map(|of| of.iter().map(|(size, name)| (*size, name.to_bytes())).collect())
            .collect();
        let axes = axes(&dimensions).into_iter().map(|axis| axis.filter(|_| is_of_tensors));
        let inputs = names.into_iter().zip(axes).collect();
        Ok(Self {
            inputs,
            profiles: Mutex::default(),
            first: OnceLock::new(),
            known: AtomicUsize::new(0),
            is_released: AtomicBool::new(false),
        })
    }

    /// Is a request, whatever it is, best run in place, so that it need not be looked at? It shares no run
    /// with others', or is of the only kind that there is, which rests ([`Profile::rests`]).
    #[must_use]
    pub fn rests(&self) -> bool {
        match self.known.load(Ordering::Acquire) {
            0 => self.inputs.iter().all(|(_, axis)| axis.is_none()),
            1 => self.first.get().is_some_and(|first| first.rests_unseen()),
            _ => false,
        }
    }

    /// Its owner frees it: nothing that is known of it is of use any more.
    pub fn release(&self) {
        self.is_released.store(true, Ordering::Release);
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The kind of request that this is, made if it is new, and how many rows it has. `None` for one whose
    /// rows cannot go into a run with others'.
    #[must_use]
    pub fn profile(&self, names: &Names, inputs: &[View<'_>]) -> Option<(Arc<Profile>, usize)> {
        let axes: Vec<Option<usize>> = names
            .inputs()
            .map(|name| self.inputs.iter().find(|(own, _)| **own == *name)?.1)
            .collect();
        let mut key = Vec::with_capacity(256);
        let mut rows = None;
        for ((view, axis), name) in inputs.iter().zip(&axes).zip(names.inputs()) {
            key.extend_from_slice(name.to_bytes_with_nul());
            key.extend_from_slice(&(view.element().raw() as i32).to_le_bytes());
            key.extend_from_slice(&view.shape().len().to_le_bytes());
            for (index, size) in view.shape().iter().enumerate() {
                let size = if Some(index) == *axis { -1 } else { *size };
                key.extend_from_slice(&size.to_le_bytes());
            }
            match axis {
                Some(axis) => {
                    let own = usize::try_from(*view.shape().get(*axis)?).ok()?;
                    if own == 0 || *rows.get_or_insert(own) != own {
                        return None;
                    }
                }
                None if view.bytes().len() > SHARED => return None,
                None => key.extend_from_slice(view.bytes()),
            }
        }
        for name in names.outputs() {
            key.extend_from_slice(name.to_bytes_with_nul());
        }
        let rows = rows?;
        if self.is_released.load(Ordering::Acquire) {
            return None;
        }
        // (One that was lost in a fork is never free again.)
        let mut profiles = self.profiles.try_lock().ok()?;
        if let Some(known) = profiles.get(&key) {
            return Some((Arc::clone(known), rows));
        }
        if profiles.len() >= PROFILES {
            return None;
        }
        let profile = Arc::new(Profile::new(axes));
        profiles.insert(key, Arc::clone(&profile));
        self.first.get_or_init(|| Arc::clone(&profile));
        self.known.store(profiles.len(), Ordering::Release);
        Some((profile, rows))
    }
}
