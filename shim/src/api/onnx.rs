//! ONNX Runtime: `OrtApi::Run` as a job.
//!
//! A program calls `OrtGetApiBase`, and the functions of the tables that it gets from there. So it gets a
//! table of ours (`table`): a copy of the runtime's in which `Run` is another, and so are the ends of what a
//! parked `Run` uses.
//!
//! What a `Run` reads may lie on the stack, or in one place for all connections that is written to anew
//! for each: it is copied before the coroutine waits for anything (C8), and what the engine did not do is
//! done with the copies. What it puts out is the job's own until the coroutine goes on. Of the caller's objects only the session is used meanwhile, and the run's options;
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
use std::sync::Arc;
use std::time::Instant;

use interlude_offload::JobKind;
use interlude_onnx::{Api, Inference, Profile, Request, Value, View};
use interlude_settings::{Check, EngineName};

use crate::api::objects;
use crate::bypass::Bypass;
use crate::context;
use crate::counters::{JobEvent, count, count_job};
use crate::hook::{Call, Outcome};
use crate::offload::{self, Load, Plan, Watch};
use crate::table::originals;
use crate::thread::Thread;
use call::{Arguments, Given};

pub(crate) use call::Names;
pub(crate) use table::{base, get_api};

type Run = originals::OrtApi_Run::Function;
/// What a call can share a run with, and its rows.
type Shares = Option<(Arc<Profile>, usize)>;

/// How a call becomes a job.
enum Company {
    /// With others, where the engine makes such runs.
    Sought(Shares),
    /// By itself, on a helper thread: how long it takes tells of its kind.
    None(Shares),
}

/// It is better run by itself, and at once; how long it takes tells of its kind.
struct Apart(Shares);

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
        let (Some(api), Some(thread)) = (table::api(), context::thread()) else {
            let load = self.load(&[]);
            return match offload::plan(load) {
                Plan::InPlace(watch) => watch.over(|| self.in_place(original)),
                Plan::Job(..) => self.in_place(original),
            };
        };
        if self.rests() {
            count(Bypass::Apart.counter());
            count_job(JobKind::Infer, JobEvent::InPlace, 1);
            return self.in_place(original);
        }
        let (Some(views), Some(given)) = (self.views(api), self.given_outputs(api)) else {
            count(Bypass::Foreign.counter());
            count_job(JobKind::Infer, JobEvent::InPlace, 1);
            return self.in_place(original);
        };
        objects::expose();
        // Nobody frees what the call uses while it waits for anything.
        self.share(&given);
        let status = self.answer_shared(thread, api, original, views, &given);
        self.leave(&given);
        status
    }

    /// Is it known, before anything is looked at, that the call is best run in place? Where nobody is parked
    /// there is nobody to be waited for, or who would have to wait.
    fn rests(&self) -> bool {
        let is_free = context::thread().is_some_and(|thread| {
            let settings = thread.settings;
            (settings.engine, settings.onnx.threads) == (EngineName::Onnx, 0)
                && thread.parked.get() == 0
        });
        is_free && self.options.is_null() && sessions::rests(self.session)
    }

    fn answer_shared(
        &self,
        thread: &'static Thread,
        api: Api,
        original: Run,
        views: Vec<View<'_>>,
        given: &[Given],
    ) -> *mut c_void {
        let load = self.load(&views);
        self.claim_inputs(&views);
        // Nothing of the caller's is waited for.
        let is_free = given.is_empty() || context::in_event().is_none();
        // Whoever is best run in place wants no loop to be there for it: one that rests goes on resting.
        let (plan, company, known) = match self.company(thread, api, load, &views) {
            Ok(company) => (offload::plan(load), company, None),
            Err(Apart(known)) => {
                (Plan::InPlace(Watch::of(thread, load)), Company::Sought(None), known)
            }
        };
        match plan {
            Plan::InPlace(watch) if is_free => {
                watch.over(|| measured(known, || self.in_place(original)))
            }
            plan => {
                // Before anything is waited for: what the others do meanwhile may use the same memory.
                let request = self.copy(api, &views);
                drop(views);
                Self::claim_outputs(given);
                match plan {
                    Plan::InPlace(watch) => watch.over(|| self.own(&request, original)),
                    Plan::Job(thread, load) => self.job(thread, load, original, &request, company),
                }
            }
        }
    }

    fn load(&self, views: &[View<'_>]) -> Load {
        let bytes = views.iter().map(|view| view.bytes().len()).sum();
        Load::of_model(self.session.addr(), bytes)
    }

    /// What the call is to share a run with, where the engine makes such runs.
    fn company(
        &self,
        thread: &Thread,
        api: Api,
        load: Load,
        views: &[View<'_>],
    ) -> Result<Company, Apart> {
        let settings = thread.settings;
        if settings.engine_in_use() != EngineName::Onnx || !settings.jobs.infer {
            return Ok(Company::Sought(None));
        }
        let apart = |shares| {
            count(Bypass::Apart.counter());
            count_job(load.kind, JobEvent::InPlace, 1);
            Err(Apart(shares))
        };
        if !self.options.is_null() {
            // It shares no run, and what the options ask for may be for the caller's thread.
            return apart(None);
        }
        match sessions::profile(api, self.session, &self.names(), views) {
            Some((profile, rows)) if !profile.rests() => Ok(Company::Sought(Some((profile, rows)))),
            shares if thread.settings.onnx.threads > 0 && !is_short(thread, load) => {
                Ok(Company::None(shares))
            }
            shares => apart(shares),
        }
    }

    fn copy(&self, api: Api, views: &[View<'_>]) -> Arc<Request> {
        let inputs = views.iter().map(View::to_tensor).collect();
        let session = sessions::pointer(self.session);
        // SAFETY: both are the caller's, who keeps them during the call: they are freed after it (C4).
        Arc::new(unsafe { Request::new((api, session), self.options, self.names(), inputs) })
    }

    /// Runs the call as a job.
    fn job(
        &self,
        thread: &'static Thread,
        load: Load,
        original: Run,
        request: &Arc<Request>,
        company: Company,
    ) -> *mut c_void {
        let job = match company {
            Company::Sought(shares) => Inference::new(Arc::clone(request), shares),
            Company::None(shares) => Inference::alone(Arc::clone(request), shares),
        };
        let done = offload::carry_out(thread, load, job);
        let in_place = || Watch::of(thread, load).over(|| self.own(request, original));
        let Some(mut done) = done else { return in_place() };
        match done.take_results() {
            Some(Ok(values)) if offload::check(thread) != Check::All => {
                offload::was_right(thread, load.kind);
                self.put_or(values, original)
            }
            Some(Ok(values)) => self.compare(thread, load, original, request, &values),
            // The runtime has run it, and says why it could not.
            Some(Err(status)) => status.into_raw(),
            None => {
                offload::was_wrong(thread, load.kind);
                offload::redone();
                in_place()
            }
        }
    }

    /// The call, made here with what was copied: where the caller's own inputs were lie others' by now.
    fn own(&self, request: &Request, original: Run) -> *mut c_void {
        match request.run() {
            Ok(values) => self.put_or(values, original),
            Err(status) => status.into_raw(),
        }
    }

    /// Gives the caller results. Where those do not fit, the original says so.
    fn put_or(&self, values: Vec<Value>, original: Run) -> *mut c_void {
        if self.put(values) { std::ptr::null_mut() } else { self.in_place(original) }
    }

    /// Runs it again, here: the results of that are the caller's.
    fn compare(
        &self,
        thread: &'static Thread,
        load: Load,
        original: Run,
        request: &Request,
        values: &[Value],
    ) -> *mut c_void {
        let again = request.run();
        let tolerance = offload::tolerance(thread);
        if again.as_ref().is_ok_and(|again| are_close(again, values, tolerance)) {
            offload::was_right(thread, load.kind);
        } else {
            offload::was_wrong(thread, load.kind);
            offload::redone();
        }
        match again {
            Ok(values) => self.put_or(values, original),
            Err(status) => status.into_raw(),
        }
    }
}

/// Does a call take less than a helper thread is worth?
fn is_short(thread: &Thread, load: Load) -> bool {
    thread.policy.borrow().is_short(load.kind.index(), load.size)
}

/// Makes a call that could have shared a run, and tells its kind how long it took, unless it failed.
fn measured(shares: Shares, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let Some((profile, rows)) = shares else { return call() };
    let begun = Instant::now();
    let status = call();
    if status.is_null() {
        profile.with(|trial| trial.ran_alone(rows, begun.elapsed()));
    }
    status
}

fn are_close(one: &[Value], other: &[Value], tolerance: f32) -> bool {
    let is_close = |(one, other): (&Value, &Value)| match (one.view(), other.view()) {
        (Ok(Some(one)), Ok(Some(other))) => one.is_close(&other, tolerance),
        // What it is cannot be told.
        (Ok(None), Ok(None)) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(is_close)
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

/// In a child after fork.
pub(crate) fn after_fork() {
    sessions::after_fork();
}

fn release(call: &Call<Release>, object: *mut c_void) -> Outcome<()> {
    // SAFETY: the caller's own argument.
    unsafe { (call.original)(object) };
    call.made(());
    Outcome::Handled(())
}
