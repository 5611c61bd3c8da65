//! Processes and threads: a child starts with nothing in flight, a thread knows where its stack
//! begins.

use std::ffi::{c_char, c_int, c_void};

use interlude_settings::Mode;
use libc::{pid_t, pthread_attr_t, pthread_t};

use crate::api::{objects, onnx};
use crate::bypass::Bypass;
use crate::context;
use crate::counters::{Counter, count};
use crate::hook::{self, Call, Outcome, errno, set_errno};
use crate::signals::{self, Manner, Sigaction};
use crate::table::{self, ThreadStart, originals};
use crate::{ending, environment, epolls, page, start, thread};

type Fork = unsafe extern "C-unwind" fn() -> pid_t;

/// `fork`: the child has one thread, no engine, and nothing parked.
pub(crate) fn fork(call: &Call<Fork>) -> Outcome<pid_t> {
    count(Counter::ProcessForks);
    let fork = || {
        // SAFETY: no preconditions.
        let child = call.made(unsafe { (call.original)() });
        (child, errno())
    };
    let alone = thread::no_engine_is_made();
    let (child, error) = epolls::across_fork(fork, |(child, _)| *child == 0);
    drop(alone);
    if child == 0 {
        page::after_fork();
        ending::after_fork();
        epolls::close_kept();
        onnx::after_fork();
        if let Some(thread) = context::thread() {
            thread.after_fork();
        }
    }
    set_errno(error);
    Outcome::Handled(child)
}

/// Interposes `vfork` by [`fork`]. A child of the original has this process's memory, with fds of
/// its own: what it closes before it executes a program, as Python's subprocess does, would count as
/// closed here.
///
/// It is no ordinary hook: the original returns twice to its caller, and may not be called from a
/// frame of ours.
///
/// # Safety
/// The contract of `fork(2)`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn vfork() -> pid_t {
    // SAFETY: the caller's contract.
    unsafe { table::fork() }
}

type Execve =
    unsafe extern "C-unwind" fn(*const c_char, *const *const c_char, *const *const c_char) -> c_int;

/// `execve`: a successor of this server stays under Interlude (see `environment`).
pub(crate) fn execve(
    call: &Call<Execve>,
    path: *const c_char,
    argv: *const *const c_char,
    environment: *const *const c_char,
) -> Outcome<c_int> {
    count(Counter::ProcessExecs);
    // SAFETY: the caller's own arguments, but for the environment.
    let original = |environment| unsafe { (call.original)(path, argv, environment) };
    // SAFETY: the caller's own arguments.
    Outcome::Handled(unsafe { environment::execute(path, environment, original) })
}

/// `sigaction`: handlers are called through ours (see `signals`).
pub(crate) fn signal_action(
    call: &Call<Sigaction>,
    signal: c_int,
    action: *const libc::sigaction,
    before: *mut libc::sigaction,
) -> Outcome<c_int> {
    if !signals::is_wrapped(signal) || !parks() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    // SAFETY: the caller's own arguments.
    Outcome::Handled(call.made(unsafe { signals::set(call.original, signal, action, before) }))
}

/// `signal` and its other names: as `sigaction`.
pub(crate) fn signal<F>(
    call: &Call<F>,
    signal: c_int,
    handler: libc::sighandler_t,
) -> Outcome<libc::sighandler_t> {
    set_handler(call, Manner::Bsd, signal, handler)
}

/// `sysv_signal`: as `sigaction`.
pub(crate) fn signal_once<F>(
    call: &Call<F>,
    signal: c_int,
    handler: libc::sighandler_t,
) -> Outcome<libc::sighandler_t> {
    set_handler(call, Manner::SystemV, signal, handler)
}

fn set_handler<F>(
    call: &Call<F>,
    manner: Manner,
    signal: c_int,
    handler: libc::sighandler_t,
) -> Outcome<libc::sighandler_t> {
    let original = originals::sigaction::ORIGINAL.function();
    let Some(original) = original.filter(|_| signals::is_wrapped(signal) && parks()) else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    // SAFETY: the caller's own arguments.
    match unsafe { signals::set_simply(original, manner, signal, handler) } {
        Some(before) => Outcome::Handled(call.made(before)),
        None => Outcome::PassThrough(Bypass::Query),
    }
}

/// `siginterrupt`: glibc's `signal` remembers it.
pub(crate) fn interrupt<F>(_: &Call<F>, _: c_int, _: c_int) -> Outcome<c_int> {
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn interrupted(result: c_int, signal: c_int, value: c_int) {
    if result == 0 {
        signals::set_interrupts(signal, value != 0);
    }
}

fn parks() -> bool {
    start::settings().is_some_and(|settings| settings.mode == Mode::Coroutine)
}

type CreateThread = unsafe extern "C-unwind" fn(
    *mut pthread_t,
    *const pthread_attr_t,
    ThreadStart,
    *mut c_void,
) -> c_int;

struct Start {
    function: ThreadStart,
    argument: *mut c_void,
}

/// `pthread_create`: the thread's first function is called through [`below`].
pub(crate) fn create_thread(
    call: &Call<CreateThread>,
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    function: ThreadStart,
    argument: *mut c_void,
) -> Outcome<c_int> {
    count(Counter::ProcessThreads);
    let start = Box::into_raw(Box::new(Start { function, argument }));
    // SAFETY: the caller's own arguments, but for the function and its argument.
    let result = call.made(unsafe { (call.original)(thread, attributes, below, start.cast()) });
    if result != 0 {
        // SAFETY: made above, and the thread that would have taken it does not exist.
        drop(unsafe { Box::from_raw(start) });
    }
    Outcome::Handled(result)
}

/// The frame below a thread's first function: the base of its slices. Nothing here has a
/// destructor while the function runs, so `pthread_exit` may unwind through it.
unsafe extern "C-unwind" fn below(start: *mut c_void) -> *mut c_void {
    let base = 0u64;
    context::set_stack_base(std::ptr::from_ref(&base).expose_provenance());
    // SAFETY: made by `create_thread`, which gave it away.
    let Start { function, argument } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    // SAFETY: the server's own function and argument.
    let result = unsafe { function(argument) };
    let _shadow = context::local().enter();
    hook::guarded(leave);
    result
}

/// A thread leaves in the midst of an event, or in a handler that has interrupted one: whoever is
/// parked on it ends first, since nobody could go on with them later; and nothing parks any more.
///
/// Never in the frame of [`below`]: whoever asks how deep the stack is lies below the slices' base.
#[inline(never)]
fn leave() {
    context::local().handler_stays();
    if let Some(thread) = context::in_event() {
        objects::wait_alone(thread);
        context::local().set_in_event(false);
    }
}

/// `pthread_exit`. Its type says that it returns, which it does not.
pub(crate) fn exit_thread<F>(_: &Call<F>, _value: *mut c_void) -> Outcome<()> {
    leave();
    Outcome::PassThrough(Bypass::Observed)
}

/// `pthread_join`. A thread whose loop stands still beside `exit` would not end.
pub(crate) fn join_thread<F>(_: &Call<F>, _: pthread_t, _: *mut *mut c_void) -> Outcome<c_int> {
    ending::joins();
    Outcome::PassThrough(Bypass::Observed)
}

pub(crate) fn joined_thread(_: c_int, _: pthread_t, _: *mut *mut c_void) {
    ending::has_joined();
}

/// `exit`, which does not return either.
pub(crate) fn exit<F>(_: &Call<F>, _status: c_int) -> Outcome<()> {
    ending::is_called();
    Outcome::PassThrough(Bypass::Observed)
}

/// `pthread_cancel`, which a thread may do to itself.
pub(crate) fn cancel_thread<F>(_: &Call<F>, thread: pthread_t) -> Outcome<c_int> {
    // SAFETY: no preconditions.
    if thread == unsafe { libc::pthread_self() } {
        leave();
    }
    Outcome::PassThrough(Bypass::Observed)
}
