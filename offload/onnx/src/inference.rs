//! One call of `OrtApi::Run`, on memory of its own.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::Arc;

use ort_sys::{OrtRunOptions, OrtValue};

use crate::api::function;
use crate::{Api, Profile, SessionPtr, Status, Tensor, Value};

/// The names that a call gives: inputs, then outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    all: Vec<CString>,
    inputs: usize,
}

impl Names {
    /// Copies.
    #[must_use]
    pub fn new<'a>(
        inputs: impl IntoIterator<Item = &'a CStr>,
        outputs: impl IntoIterator<Item = &'a CStr>,
    ) -> Self {
        let mut all: Vec<CString> = inputs.into_iter().map(CStr::to_owned).collect();
        let inputs = all.len();
        all.extend(outputs.into_iter().map(CStr::to_owned));
        Self { all, inputs }
    }

    /// The inputs', in the order of the call.
    pub fn inputs(&self) -> impl Iterator<Item = &CStr> {
        self.all.iter().take(self.inputs).map(CString::as_c_str)
    }

    /// The outputs'.
    pub fn outputs(&self) -> impl Iterator<Item = &CStr> {
        self.all.iter().skip(self.inputs).map(CString::as_c_str)
    }
}

/// What a call is made with.
pub struct Request {
    api: Api,
    session: SessionPtr,
    /// The caller's, who keeps them; null where there are none.
    options: *const OrtRunOptions,
    names: Names,
    inputs: Vec<Tensor>,
}

// SAFETY: the options may be read by any thread, and their owner keeps them (`new`).
unsafe impl Send for Request {}
// SAFETY: as above; all of it is only read.
unsafe impl Sync for Request {}

impl Request {
    /// A request.
    ///
    /// # Safety
    /// `options` is null or an `OrtRunOptions`. Its owner and the session's keep them until no call is made
    /// with this any more.
    #[must_use]
    pub unsafe fn new(
        (api, session): (Api, SessionPtr),
        options: *const c_void,
        names: Names,
        inputs: Vec<Tensor>,
    ) -> Self {
        Self { api, session, options: options.cast(), names, inputs }
    }

    pub(crate) fn api(&self) -> Api {
        self.api
    }

    pub(crate) fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// Makes the call; the outputs in the order of their names.
    ///
    /// # Errors
    /// As the runtime says.
    pub fn run(&self) -> Result<Vec<Value>, Status> {
        self.run_over(&self.inputs.iter().collect::<Vec<_>>())
    }

    /// The call, with these in place of its inputs.
    pub(crate) fn run_over(&self, inputs: &[&Tensor]) -> Result<Vec<Value>, Status> {
        let mut values = Vec::with_capacity(inputs.len());
        for tensor in inputs {
            // SAFETY: the tensors are borrowed for longer than the values are there.
            values.push(unsafe { tensor.value(self.api) }?);
        }
        let inputs: Vec<*const OrtValue> =
            values.iter().map(|value| value.raw().cast_const()).collect();
        let names: Vec<*const c_char> = self.names.all.iter().map(|name| name.as_ptr()).collect();
        let (input_names, output_names) = names.split_at(self.names.inputs);
        let mut outputs: Vec<*mut OrtValue> = vec![ptr::null_mut(); output_names.len()];
        let of = function!(self.api, Run);
        // SAFETY: a session and options that their owners keep; as many names as values, and as many
        // places as names of outputs.
        self.api.check(unsafe {
            of(
                self.session.raw(),
                self.options,
                input_names.as_ptr(),
                inputs.as_ptr(),
                inputs.len().min(input_names.len()),
                output_names.as_ptr(),
                output_names.len(),
                outputs.as_mut_ptr(),
            )
        })?;
        // SAFETY: made by the run, and nobody else has them.
        Ok(outputs.into_iter().map(|output| unsafe { Value::new(self.api, output) }).collect())
    }
}

/// A call.
pub struct Inference {
    request: Arc<Request>,
    /// What it can share a run with, and its own rows.
    shares: Option<(Arc<Profile>, usize)>,
    is_alone: bool,
    pub(crate) results: Option<Result<Vec<Value>, Status>>,
}

impl Inference {
    /// A call that has yet to be made. `shares`: what it can share a run with, and how many rows it has; none
    /// for one with options of its own.
    #[must_use]
    pub fn new(request: Arc<Request>, shares: Option<(Arc<Profile>, usize)>) -> Self {
        let shares = shares.filter(|_| request.options.is_null());
        Self { request, shares, is_alone: false, results: None }
    }

    /// As [`Self::new`], for a call that is not to share a run now; how long it takes is measured.
    #[must_use]
    pub fn alone(request: Arc<Request>, shares: Option<(Arc<Profile>, usize)>) -> Self {
        Self { is_alone: true, ..Self::new(request, shares) }
    }

    /// Makes the call, alone.
    pub fn run(&mut self) {
        self.results = Some(self.request.run());
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// What can share a run with it.
    #[must_use]
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.shares.as_ref().map(|(profile, _)| profile)
    }

    /// The same, where it is to share a run.
    #[must_use]
    pub fn company(&self) -> Option<&Arc<Profile>> {
        self.profile().filter(|_| !self.is_alone)
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shares.as_ref().map_or(1, |(_, rows)| *rows)
    }

    /// Was it made?
    #[must_use]
    pub fn has_results(&self) -> bool {
        self.results.is_some()
    }

    /// Its results, once it was made: the outputs in the order of their names.
    pub fn take_results(&mut self) -> Option<Result<Vec<Value>, Status>> {
        self.results.take()
    }

    /// Makes its results wrong: for tests.
    pub fn spoil(&mut self) {
        if let Some(Ok(values)) = &mut self.results {
            values.reverse();
            if values.len() < 2 {
                self.results = None;
            }
        }
    }
}
