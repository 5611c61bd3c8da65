//! A server that ends, or is ended, with requests under way: as a plain one does, and at once.

use crate::app::{App, coroutine, preload};
use crate::at_work::{AT_WORK, AtWork, lasting, lasting_settings};
use crate::conversation::Conversation;
use std::os::unix::process::ExitStatusExt;

/// Of the loop.
const THREADS: [&str; 2] = ["main", "thread"];
const MODES: [&str; 4] = ["stock", "off", "block", "coroutine"];

/// How it ended: exit code, signal, and how often the handler of `exit` said so.
type End = (Option<i32>, Option<i32>, usize);

/// A server is told to end, with jobs in flight that would take long.
fn end(mode: &str, thread: &str, handling: &str, command: &str) -> End {
    let app = App::start(env!("APP_ENDS"), &["sign", thread, handling], &lasting(mode));
    let _at_work = AtWork::begin(&app, mode);
    told(app, command)
}

fn told(app: App, command: &str) -> End {
    Conversation::open(app.port(), 1).say(command);
    let (status, printed) = app.ended();
    (status.code(), status.signal(), printed.matches("ended").count())
}

fn ends_as(command: &str, handling: &str, expected: End) {
    for mode in MODES {
        for thread in THREADS {
            let end = end(mode, thread, handling, command);
            assert_eq!(end, expected, "{command} {mode} {thread}");
        }
    }
}

#[test]
fn exit_in_a_handler() {
    ends_as("exit", "plain", (Some(7), None, 1));
}

#[test]
fn exit_in_another_thread() {
    ends_as("thread", "plain", (Some(7), None, 1));
}

#[test]
fn exit_in_the_handler_of_a_signal() {
    ends_as("signal", "plain", (Some(7), None, 1));
}

#[test]
fn a_return_from_main() {
    ends_as("return", "plain", (Some(7), None, 1));
}

/// Helpers are within libcrypto, which cleans up after itself in `exit`.
#[test]
fn exit_while_jobs_are_done() {
    for command in ["exit", "thread", "signal", "return"] {
        for thread in THREADS.into_iter().cycle().take(6) {
            let app =
                App::start(env!("APP_ENDS"), &["sign", thread, "plain"], &preload("coroutine"));
            // The first round arms the thread.
            let mut clients = Conversation::open(app.port(), 4 * AT_WORK);
            assert_eq!(clients.set_and_get(1).right, 2 * 4 * AT_WORK);
            clients.say("set value");
            assert_eq!(told(app, command), (Some(7), None, 1), "{command} {thread}");
        }
    }
}

/// `exit` in another thread than the loop's, with jobs that the engine gives up while it ends. The loop makes the
/// calls itself then, and libcrypto is no more once the end lingers.
fn exit_while_jobs_are_given_up_after(millis: &str, thread: &str) -> AtWork {
    let settings = lasting_settings().map(|(name, value)| match name {
        "INTERLUDE_DEADLINE_MS" => (name, millis),
        _ => (name, value),
    });
    let app = App::start(env!("APP_ENDS"), &["sign", thread, "lingers"], &coroutine(&settings));
    let at_work = AtWork::begin(&app, "coroutine");
    assert_eq!(told(app, "thread"), (Some(7), None, 1), "{thread}");
    at_work
}

/// As the loop would be through with them without the shim, they are answered first.
#[test]
fn exit_in_another_thread_comes_after_those_that_are_parked() {
    for thread in THREADS {
        exit_while_jobs_are_given_up_after("1000", thread).hears_that_it_is_done();
    }
}

/// It waits for five seconds; from then on the loop stands still.
#[test]
fn a_loop_for_which_exit_does_not_wait_stands_still() {
    let _at_work = exit_while_jobs_are_given_up_after("5200", "thread");
}

#[test]
fn a_stack_that_overflows_is_a_plain_segmentation_fault() {
    ends_as("overflow", "plain", (None, Some(libc::SIGSEGV), 0));
}

#[test]
fn a_stack_that_overflows_is_told_to_the_server_s_handler() {
    ends_as("overflow", "handled", (Some(9), None, 0));
}
