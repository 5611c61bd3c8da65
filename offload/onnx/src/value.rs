//! A value of the runtime's that is ours.

use std::ffi::c_void;

use ort_sys::OrtValue;

use crate::api::function;
use crate::{Api, Status, View};

/// An `OrtValue`, freed with this.
pub struct Value {
    api: Api,
    raw: *mut OrtValue,
}

// SAFETY: an object on the heap that nobody else has; the runtime lets any thread use and free it.
unsafe impl Send for Value {}

impl Value {
    /// # Safety
    /// A value of this runtime's that nobody else frees.
    pub(crate) unsafe fn new(api: Api, raw: *mut OrtValue) -> Self {
        Self { api, raw }
    }

    pub(crate) fn raw(&self) -> *mut OrtValue {
        self.raw
    }

    /// For the caller of the API, who frees it.
    #[must_use]
    pub fn into_raw(self) -> *mut c_void {
        let raw = self.raw;
        std::mem::forget(self);
        raw.cast()
    }

    /// What it is; `None` for what [`View::of`] does not know.
    ///
    /// # Errors
    /// As the runtime says.
    pub fn view(&self) -> Result<Option<View<'_>>, Status> {
        // SAFETY: a value that is ours, and is not written to.
        unsafe { View::of(self.api, self.raw.cast()) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let of = function!(self.api, ReleaseValue);
        // SAFETY: the contract of `new`; freed once.
        unsafe { of(self.raw) };
    }
}
