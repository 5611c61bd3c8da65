//! What every hook does around its handler, and the macro that makes the hooks from the table.
//!
//! In this order:
//! 1. load the original; without it, the API's own failure;
//! 2. enter the shim's context; where that is refused (nested, or nothing acts and the row is not
//!    marked `@everywhere`, or one marked `@in_event` outside of an event), the original;
//! 3. run the handler, which answers [`Outcome`];
//! 4. `Handled`: its value, with the `errno` that it left. `PassThrough`: `errno` as it was, the
//!    original *outside* the shim (what it calls may be hooked, may throw, may be cancelled), and
//!    after it, where the row has one, the `then` handler, which sees the result;
//! 5. a panic in a handler ends all offloading. What the call has come to then ([`Call::made`])
//!    stands; if it was not made, it is, by the row's `or` handler (which is told the result of the
//!    original, if that has run) or by the original.
//!
//! A row's `brief` handler is asked before all this: it has made the whole call, or it answers `None` and
//! has done nothing. It must not panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bypass::Bypass;
use crate::counters::{Counter, count, count_hook, count_hook_alone};
use crate::original::{Failure, Original};
use crate::{context, fail, log, scheduler};

mod call;

pub(crate) use call::{Call, Word};

/// What a handler made of a call.
pub(crate) enum Outcome<T> {
    /// It was carried out; this is the result.
    Handled(T),
    /// The original is to run, for this reason.
    PassThrough(Bypass),
}

/// When a hook acts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Always.
    Always,
    /// Always. No original calls it, so on the stack of a frame that is inside it can only be the
    /// server's next wait, after a jump out of that frame.
    Wait,
    /// Also in a process in which nothing else acts.
    Everywhere,
    /// While its thread processes an event that may park. Its handlers only take note of the
    /// call, and leave `errno` alone unless they park (which restores it).
    InEvent,
}

/// Hooks that a function calls lie so near to one another; a signal's frame is larger.
const SAME_DEPTH: usize = 512;

/// The original of a hook that does not act now because its thread is inside the shim (ONNX Runtime takes seventy
/// locks in a run that is made in place), or processes no event that may park: the shortest way through, a jump
/// that leaves the caller's registers alone.
#[inline(always)]
pub(crate) fn passes<F: Copy>(number: usize, when: When, original: &Original<F>) -> Option<F> {
    // (A wait from inside may be the server's, after a jump.)
    if when == When::Wait {
        return None;
    }
    let original = original.known()?;
    let local = context::local();
    if local.has_entered() {
        if !local.is_surely_inside() {
            local.note_frame();
            return None;
        }
        return Some(original);
    }
    if when != When::InEvent || local.in_event() || !count_hook_alone(local, number) {
        return None;
    }
    Some(original)
}

/// Runs a hook; see the module's text.
#[inline(always)]
pub(crate) fn run<F: Copy, T: Failure + Word>(
    number: usize,
    when: When,
    original: &Original<F>,
    handler: impl FnOnce(&Call<F>) -> Outcome<T>,
    call_original: impl FnOnce(F) -> T,
    then: Option<impl FnOnce(T) -> T>,
    instead: Option<impl Fn(Option<T>) -> Outcome<T>>,
) -> T {
    let Some(original) = original.function() else {
        set_errno(libc::ENOSYS);
        return T::failure();
    };
    let local = context::local();
    let acts = context::is_active() || when == When::Everywhere;
    if !acts || local.is_inside(if when == When::Wait { SAME_DEPTH } else { 0 }) {
        return call_original(original);
    }
    if when == When::InEvent && !local.in_event() {
        count_hook(local, number, false);
        return call_original(original);
    }
    let errno = if when != When::InEvent { errno() } else { 0 };
    let shadow = local.enter();
    let call = Call::new(original);
    let outcome = guarded(|| {
        fail::hook(number, "before");
        let outcome = handler(&call);
        fail::hook(number, "after");
        outcome
    });
    let outcome = outcome.unwrap_or_else(|| after_panic(&call, instead.as_ref()));
    drop(shadow);
    match outcome {
        Outcome::Handled(value) => {
            count_hook(local, number, true);
            return value;
        }
        Outcome::PassThrough(Bypass::Observed) => {}
        Outcome::PassThrough(reason) => count(reason.counter()),
    }
    count_hook(local, number, false);
    if when != When::InEvent {
        set_errno(errno);
    }
    let value = call_original(original);
    if let Some(then) = then {
        let errno = if when != When::InEvent { self::errno() } else { 0 };
        let shadow = local.enter();
        let mapped = guarded(|| {
            fail::hook(number, "then");
            then(value)
        });
        let is_whole = mapped.is_some();
        let value = mapped.unwrap_or_else(|| unmapped(value, instead.as_ref()));
        drop(shadow);
        if when != When::InEvent && is_whole {
            set_errno(errno);
        }
        return value;
    }
    value
}

/// What a call comes to whose handler has panicked.
#[cold]
fn after_panic<F, T: Word>(
    call: &Call<F>,
    instead: Option<&impl Fn(Option<T>) -> Outcome<T>>,
) -> Outcome<T> {
    if let Some(result) = call.result() {
        return Outcome::Handled(result);
    }
    let outcome = guarded(|| match (instead, context::in_event()) {
        (Some(instead), _) => instead(None),
        // What the handler would have waited for is not known.
        (None, Some(thread)) => {
            scheduler::park_after_panic(thread);
            Outcome::PassThrough(Bypass::Panicked)
        }
        (None, None) => Outcome::PassThrough(Bypass::Panicked),
    });
    outcome.unwrap_or(Outcome::PassThrough(Bypass::Panicked))
}

/// What a call has come to if the handler has panicked that was to see its result: that result, or
/// what the row has instead, for a result that the server cannot be given.
#[cold]
fn unmapped<T: Word>(value: T, instead: Option<&impl Fn(Option<T>) -> Outcome<T>>) -> T {
    match instead.and_then(|instead| guarded(|| instead(Some(value)))) {
        Some(Outcome::Handled(value)) => value,
        _ => value,
    }
}

/// Runs `body`; a panic in it ends all offloading, and is `None`.
#[inline]
pub(crate) fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(_) => {
            panicked();
            None
        }
    }
}

/// Something panicked: nothing is offloaded from now on.
#[cold]
pub(crate) fn panicked() {
    count(Counter::Panics);
    if context::stop_offloading() {
        log::line(format_args!("a panic (a fault of Interlude): nothing is offloaded from now on"));
    }
}

/// This thread's `errno`.
#[inline]
pub(crate) fn errno() -> i32 {
    // SAFETY: no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: glibc's address of this thread's errno.
    unsafe { location.read() }
}

/// Sets this thread's `errno`.
#[inline]
pub(crate) fn set_errno(value: i32) {
    // SAFETY: no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: glibc's address of this thread's errno.
    unsafe { location.write(value) };
}

/// Makes the exports, their originals and their names from the rows of the table.
macro_rules! hooks {
    (exports {
        $($family:ident fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)?
        => $(@$when:ident)? $handler:path $(, then $then:path)? $(, maps $maps:path)?
            $(, or $or:path)? $(, brief $brief:path)?;)*
    }
    members {
        $(fn $member:ident($($member_arg:ident: $member_type:ty),* $(,)?)
            $(-> $member_result:ty)? => $member_handler:path;)*
    }) => {
        /// Number of hooks.
        pub(crate) const COUNT: usize = NAMES.len();

        /// The exports and then the members, in the table's order.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name),)* $(stringify!($member),)*];

        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Number { $($name,)* $($member,)* }

        const SECTION: &str = concat!($(stringify!($family), " ", stringify!($name), "\n",)*);

        /// The table as text, for `interlude check`: `family symbol` lines.
        #[used]
        #[unsafe(link_section = ".interlude.hooks")]
        static SECTION_BYTES: [u8; SECTION.len()] = {
            let mut bytes = [0u8; SECTION.len()];
            bytes.copy_from_slice(SECTION.as_bytes());
            bytes
        };

        /// The types and originals of the hooks, for handlers that call one of another row.
        #[allow(non_camel_case_types, non_snake_case)]
        pub(crate) mod originals {
            use super::*;
            $(
                pub(crate) mod $name {
                    use super::*;
                    /// Its type.
                    pub(crate) type Function =
                        unsafe extern "C-unwind" fn($($type),*) $(-> $result)?;
                    /// Its original.
                    // SAFETY: the row gives the type of the function of that name.
                    pub(crate) static ORIGINAL: Original<Function> = unsafe {
                        Original::new(match std::ffi::CStr::from_bytes_with_nul(
                            concat!(stringify!($name), "\0").as_bytes(),
                        ) {
                            Ok(name) => name,
                            Err(_) => c"",
                        })
                    };
                }
            )*
            $(
                pub(crate) mod $member {
                    use super::*;
                    /// Its type.
                    pub(crate) type Function =
                        unsafe extern "C-unwind" fn($($member_type),*) $(-> $member_result)?;
                    /// Its original, once it was found in a table.
                    // SAFETY: no library has a function of no name.
                    pub(crate) static ORIGINAL: Original<Function> = unsafe { Original::new(c"") };
                }
            )*
        }

        /// What stands in tables in place of their members.
        #[allow(non_snake_case)]
        pub(crate) mod members {
            use super::*;
            $(
                /// Stands for the member of that name.
                ///
                /// # Safety
                /// The contract of the original.
                #[allow(clippy::too_many_arguments)]
                pub(crate) unsafe extern "C-unwind" fn $member(
                    $($member_arg: $member_type),*
                ) $(-> $member_result)? {
                    hook::run(
                        Number::$member as usize,
                        When::Always,
                        &originals::$member::ORIGINAL,
                        |call| $member_handler(call, $($member_arg),*),
                        |original| {
                            // SAFETY: the caller keeps the contract of the original.
                            unsafe { original($($member_arg),*) }
                        },
                        None::<fn(_) -> _>,
                        None::<fn(Option<_>) -> Outcome<_>>,
                    )
                }
            )*
        }

        $(
            /// Interposes the function of that name.
            ///
            /// # Safety
            /// The contract of the original.
            #[allow(non_snake_case, clippy::too_many_arguments)]
            #[unsafe(no_mangle)]
            pub(crate) unsafe extern "C-unwind" fn $name($($arg: $type),*) $(-> $result)? {
                const WHEN: When = hooks!(@when $($when)?);
                const NUMBER: usize = Number::$name as usize;
                if let Some(original) = hook::passes(NUMBER, WHEN, &originals::$name::ORIGINAL) {
                    // SAFETY: the caller keeps the contract of the original.
                    return unsafe { original($($arg),*) };
                }
                // What these need on the stack is not to be made room for before it is known that they are needed.
                #[inline(never)]
                #[allow(clippy::too_many_arguments)]
                unsafe extern "C-unwind" fn go_on($($arg: $type),*) $(-> $result)? {
                    if let Some(result) =
                        hooks!(@brief $($brief)?; NUMBER, &originals::$name::ORIGINAL; $($arg),*)
                    {
                        return result;
                    }
                    // SAFETY: as below.
                    unsafe { act($($arg),*) }
                }

                #[inline(never)]
                #[allow(clippy::too_many_arguments)]
                unsafe extern "C-unwind" fn act($($arg: $type),*) $(-> $result)? {
                    #[allow(unused_mut, unused_assignments)]
                    let mut then = hooks!(@after $($then)?; $($maps)?; $($arg),*);
                    hook::run(
                        NUMBER,
                        WHEN,
                        &originals::$name::ORIGINAL,
                        |call| $handler(call, $($arg),*),
                        |original| {
                            // SAFETY: the caller keeps the contract of the original.
                            unsafe { original($($arg),*) }
                        },
                        then.take(),
                        hooks!(@or $($or)?; $($arg),*),
                    )
                }
                // SAFETY: as above.
                unsafe { go_on($($arg),*) }
            }
        )*
    };
    (@when) => { When::Always };
    (@when in_event) => { When::InEvent };
    (@when wait) => { When::Wait };
    (@when everywhere) => { When::Everywhere };
    (@after ; ; $($arg:ident),*) => { None::<fn(_) -> _> };
    (@after $then:path; ; $($arg:ident),*) => {
        Some(|result| {
            $then(result, $($arg),*);
            result
        })
    };
    (@brief ; $number:expr, $original:expr; $($arg:ident),*) => { None };
    (@brief $brief:path; $number:expr, $original:expr; $($arg:ident),*) => {
        $brief($number, $original, $($arg),*)
    };
    (@or ; $($arg:ident),*) => { None::<fn(Option<_>) -> Outcome<_>> };
    (@or $or:path; $($arg:ident),*) => { Some(|made| $or(made, $($arg),*)) };
    (@after ; $maps:path; $($arg:ident),*) => { Some(|result| $maps(result, $($arg),*)) };
}
pub(crate) use hooks;
