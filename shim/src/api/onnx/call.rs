//! The arguments of a `Run`, and what they say of memory.

use std::ffi::{CStr, c_char, c_void};

use interlude_onnx::{Api, Tensor, Value, View};

use super::table;
use crate::api::objects;

/// Terminated names, one after the other.
pub(crate) type Names = *const *const c_char;

/// What the server calls `Run` with. It belongs to the server, and lies there until the call returns.
pub(super) struct Arguments {
    pub(super) session: *mut c_void,
    pub(super) options: *const c_void,
    pub(super) input_names: Names,
    pub(super) inputs: *const *const c_void,
    pub(super) n_inputs: usize,
    pub(super) output_names: Names,
    pub(super) n_outputs: usize,
    pub(super) outputs: *mut *mut c_void,
}

/// An output that the caller gave a tensor for.
pub(super) struct Given {
    value: *mut c_void,
    start: *mut u8,
    len: usize,
}

impl Arguments {
    /// The inputs. `None` where one of the arguments is missing, which is the original's to refuse, or
    /// where an input is not one that can be copied.
    pub(super) fn views(&self, api: Api) -> Option<Vec<View<'_>>> {
        let are_there = self.session.addr() != 0
            && self.n_outputs > 0
            && !self.outputs.is_null()
            && (self.n_inputs == 0 || !self.inputs.is_null());
        if !are_there || !are_names(self.input_names, self.n_inputs) {
            return None;
        }
        if !are_names(self.output_names, self.n_outputs) {
            return None;
        }
        self.inputs()
            .iter()
            .map(|input| {
                if input.is_null() {
                    return None;
                }
                // SAFETY: the caller's value, which it keeps, and does not write to, during the call.
                unsafe { View::of(api, *input) }.ok().flatten()
            })
            .collect()
    }

    fn inputs(&self) -> &[*const c_void] {
        if self.n_inputs == 0 {
            return &[];
        }
        // SAFETY: the API's contract: so many values, checked for null by `views`.
        unsafe { std::slice::from_raw_parts(self.inputs, self.n_inputs) }
    }

    /// The names, copied: they may lie on the stack.
    pub(super) fn names(&self) -> interlude_onnx::Names {
        interlude_onnx::Names::new(
            names(self.input_names, self.n_inputs),
            names(self.output_names, self.n_outputs),
        )
    }

    /// The place of an output.
    fn place(&self, index: usize) -> *mut *mut c_void {
        // SAFETY: the API's contract: so many places, checked for null by `views`; the index is below.
        unsafe { self.outputs.add(index.min(self.n_outputs - 1)) }
    }

    fn output(&self, index: usize) -> *mut c_void {
        // SAFETY: as above.
        unsafe { self.place(index).read() }
    }

    /// The outputs that the caller gave tensors for; `None` if one of them is not one that can be
    /// written to.
    pub(super) fn given_outputs(&self, api: Api) -> Option<Vec<Given>> {
        let values = (0..self.n_outputs).map(|index| self.output(index));
        let given = values.filter(|value| !value.is_null()).map(|value| {
            // SAFETY: the caller's value, which it keeps during the call.
            let (start, len) = unsafe { Tensor::region(api, value) }.ok()??;
            Some(Given { value, start, len })
        });
        given.collect()
    }

    /// Waits until nobody writes to the inputs any more, and tells that they are read.
    pub(super) fn claim_inputs(&self, views: &[View<'_>]) {
        for view in views {
            objects::claim_region(view.bytes().as_ptr().addr(), view.bytes().len(), false);
        }
    }

    /// Waits for the memory that the call writes, and keeps others off it until the coroutine ends.
    pub(super) fn claim_outputs(given: &[Given]) {
        for output in given {
            objects::claim_region(output.start.addr(), output.len, true);
        }
    }

    /// The call uses these objects: whoever frees one waits.
    pub(super) fn share(&self, given: &[Given]) {
        objects::share(self.session.addr());
        objects::share(self.options.addr());
        given.iter().for_each(|output| objects::share(output.value.addr()));
    }

    /// Ends what `share` began.
    pub(super) fn leave(&self, given: &[Given]) {
        for output in given {
            objects::leave(output.value.addr());
        }
        objects::leave(self.session.addr());
        objects::leave(self.options.addr());
    }

    /// Puts results where the caller wants them. False, with nothing put anywhere, if they do not fit there.
    pub(super) fn put(&self, values: Vec<Value>) -> bool {
        let fits = values.len() == self.n_outputs
            && values.iter().enumerate().all(|(index, value)| self.fits(index, value));
        if !fits {
            return false;
        }
        for (index, value) in values.into_iter().enumerate() {
            let given = self.output(index);
            if given.is_null() {
                // SAFETY: the caller's place for an output, who frees it from here on.
                unsafe { self.place(index).write(value.into_raw()) };
                continue;
            }
            let (Some(api), Ok(Some(from))) = (table::api(), value.view()) else { continue };
            // SAFETY: the caller's tensor, which nobody has freed meanwhile (C4).
            if let Ok(Some((start, len))) = unsafe { Tensor::region(api, given) } {
                let bytes = from.bytes();
                // SAFETY: `fits` has seen that it is as large.
                unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len().min(len)) };
            }
        }
        true
    }

    /// Is there a tensor of the same shape in the place of this output, or none?
    fn fits(&self, index: usize, value: &Value) -> bool {
        let given = self.output(index);
        if given.is_null() {
            return true;
        }
        let Some(api) = table::api() else { return false };
        // SAFETY: the caller's tensor, which nobody has freed meanwhile (C4).
        match (unsafe { View::of(api, given) }, value.view()) {
            (Ok(Some(to)), Ok(Some(from))) => {
                (to.element(), to.shape()) == (from.element(), from.shape())
            }
            _ => false,
        }
    }
}

/// Are there so many names?
fn are_names(names: Names, count: usize) -> bool {
    count == 0 || (!names.is_null() && !pointers(names, count).iter().any(|name| name.is_null()))
}

fn pointers<'a>(names: Names, count: usize) -> &'a [*const c_char] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the API's contract: so many names, checked for null by the caller.
    unsafe { std::slice::from_raw_parts(names, count) }
}

fn names<'a>(names: Names, count: usize) -> impl Iterator<Item = &'a CStr> {
    // SAFETY: the API's contract: terminated names, checked for null by `views`.
    pointers(names, count).iter().map(|name| unsafe { CStr::from_ptr(*name) })
}
