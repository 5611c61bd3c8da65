//! ONNX Runtime: `OrtApi::Run` as a job.
//!
//! A program calls `OrtGetApiBase`, and the functions of the tables that it gets from there. So it gets a
//! table of ours (`table`): a copy of the runtime's in which `Run` is another, and so are the ends of what a
//! parked `Run` uses.
//!
//! What a `Run` reads may lie on the stack, or in one place for all connections that is written to anew
//! for each: it is copied before the coroutine parks (C8). What it puts out is the job's own until the
//! coroutine goes on. Of the caller's objects only the session is used meanwhile, and the run's options;
//! they are waited for before they are freed (C4), and so are outputs that the caller gave.
//!
//! Followed: `onnxruntime_c_api.h`. `RunAsync` and `RunWithBinding` are the runtime's own.
//!
//! Must not: take values over that are no tensors in the CPU's memory, or have objects for elements
//! (strings): these run in place (`bypass.foreign`).

mod call;
mod sessions;
mod table;

use std::ffi::c_void;

use interlude_core::cost::Size;
use interlude_offload::JobKind;
use interlude_onnx::{Inference, Value, View};
use interlude_settings::{Check, EngineName};

use crate::api::objects;
use crate::bypass::Bypass;
use crate::context;
use crate::counters::{JobEvent, count, count_job};
use crate::hook::{Call, Outcome};
use crate::offload::{self, Load, Plan, Watch};
use crate::table::originals;
use crate::thread::Thread;
use call::Arguments;

pub(crate) use call::Names;
pub(crate) use table::{base, get_api};

type Run = originals::OrtApi_Run::Function;
type Release = originals::OrtApi_ReleaseValue::Function;

/// `OrtApi::Run`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn run(
    call: &Call<Run>,
    session: *mut c_void,
    options: *const c_void,
    input_names: Names,
    inputs: *const *const c_void,
    n_inputs: usize,
    output_names: Names,
    n_outputs: usize,
    outputs: *mut *mut c_void,
) -> Outcome<*mut c_void> {
    let arguments = Arguments {
        session,
        options,
        input_names,
        inputs,
        n_inputs,
        output_names,
        n_outputs,
        outputs,
    };
    Outcome::Handled(call.made(arguments.answer(call.original)))
}

impl Arguments {
    /// The call, in place.
    fn in_place(&self, original: Run) -> *mut c_void {
        let &Self { session, options, input_names, inputs, n_inputs, .. } = self;
        let &Self { output_names, n_outputs, outputs, .. } = self;
        // SAFETY: the caller's own arguments.
        unsafe {
            original(
                session,
                options,
                input_names,
                inputs,
                n_inputs,
                output_names,
                n_outputs,
                outputs,
            )
        }
    }

    fn answer(&self, original: Run) -> *mut c_void {
        // Where there is no loop, nothing is looked at.
        let views = context::thread().and_then(|_| self.views());
        let bytes = views.iter().flatten().map(|view| view.bytes().len()).sum();
        let size = Size::of_model(self.session.addr(), bytes);
        let load = Load { kind: JobKind::Infer, size, bytes };
        if views.is_none() && context::thread().is_some() {
            count(Bypass::Foreign.counter());
            count_job(load.kind, JobEvent::InPlace, 1);
            return self.in_place(original);
        }
        objects::expose();
        match offload::plan(load) {
            Plan::InPlace(watch) => watch.over(|| self.in_place(original)),
            Plan::Job(thread) => {
                let views = views.unwrap_or_default();
                let done = self.job(thread, load, original, &views);
                done.unwrap_or_else(|| Watch::of(thread, load).over(|| self.in_place(original)))
            }
        }
    }

    /// Runs the call as a job; `None` if it cannot be one, or was not run.
    fn job(
        &self,
        thread: &'static Thread,
        load: Load,
        original: Run,
        views: &[View<'_>],
    ) -> Option<*mut c_void> {
        let api = table::api()?;
        let names = self.names();
        let shares = match thread.settings.engine {
            EngineName::Onnx => {
                let shares = sessions::profile(api, self.session, &names, views);
                if shares.as_ref().is_none_or(|(profile, _)| profile.rests()) {
                    count(Bypass::Apart.counter());
                    count_job(load.kind, JobEvent::InPlace, 1);
                    return None;
                }
                shares
            }
            _ => None,
        };
        let given = self.given_outputs(api)?;
        self.claim(views, &given);
        let inputs = views.iter().map(View::to_tensor).collect();
        let session = sessions::pointer(self.session);
        // SAFETY: both are the caller's, who keeps them during the call: they are freed after it (C4).
        let job = unsafe { Inference::new((api, session), self.options, names, inputs, shares) };
        let done = offload::carry_out(thread, load, job);
        let status = done.and_then(|mut done| match done.take_results() {
            Some(Ok(values)) => self.accept(thread, load, original, values),
            // The runtime has run it, and says why it could not.
            Some(Err(status)) => Some(status.into_raw()),
            None => {
                offload::was_wrong(thread, load.kind);
                offload::redone();
                None
            }
        });
        self.leave(&given);
        status
    }

    /// Gives the caller a job's results. `None` if they are not what the caller wants.
    fn accept(
        &self,
        thread: &'static Thread,
        load: Load,
        original: Run,
        values: Vec<Value>,
    ) -> Option<*mut c_void> {
        if offload::check(thread) == Check::All {
            return Some(self.compare(thread, load, original, &values));
        }
        let is_taken = self.put(values);
        if is_taken {
            offload::was_right(thread, load.kind);
        } else {
            count_job(load.kind, JobEvent::InPlace, 1);
        }
        is_taken.then(std::ptr::null_mut)
    }

    /// Runs it again, in place: the results of that are the caller's.
    fn compare(
        &self,
        thread: &'static Thread,
        load: Load,
        original: Run,
        values: &[Value],
    ) -> *mut c_void {
        let status = self.in_place(original);
        let tolerance = offload::tolerance(thread);
        if status.is_null() && self.have(values, tolerance) {
            offload::was_right(thread, load.kind);
        } else {
            offload::was_wrong(thread, load.kind);
            offload::redone();
        }
        status
    }
}

/// `OrtApi::ReleaseSession`.
pub(crate) fn release_session(call: &Call<Release>, session: *mut c_void) -> Outcome<()> {
    objects::wait_to_free(session.addr());
    sessions::release(session);
    release(call, session)
}

/// `OrtApi::ReleaseValue` and `OrtApi::ReleaseRunOptions`.
pub(crate) fn release_object(call: &Call<Release>, object: *mut c_void) -> Outcome<()> {
    objects::wait_to_free(object.addr());
    release(call, object)
}

fn release(call: &Call<Release>, object: *mut c_void) -> Outcome<()> {
    // SAFETY: the caller's own argument.
    unsafe { (call.original)(object) };
    call.made(());
    Outcome::Handled(())
}
