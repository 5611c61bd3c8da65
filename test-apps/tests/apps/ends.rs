//! A server that ends, or is ended, with requests under way: as a plain one does, and at once.

use crate::app::{App, preload, with_settings};
use crate::at_work::{AT_WORK, AtWork, lasting, lasting_settings};
use crate::conversation::Conversation;
use interlude_test_apps::Preload;
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
    told_with_output(app, command).0
}

/// Also what it has printed.
fn told_with_output(app: App, command: &str) -> (End, String) {
    Conversation::open(app.port(), 1).say(command);
    ended_with_output(app)
}

/// Its loop sleeps then, and nothing wakes it: one that finds that `exit` has begun takes back what is not begun.
fn told_asleep_with_output(app: App) -> (End, String) {
    app.signal_asleep(libc::SIGUSR2);
    ended_with_output(app)
}

fn ended_with_output(app: App) -> (End, String) {
    let (status, printed) = app.ended();
    ((status.code(), status.signal(), printed.matches("ended").count()), printed)
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

/// glibc has the second one run the handlers that the first has left.
#[test]
fn exit_in_a_thread_and_then_in_a_handler() {
    ends_as("both", "lingers", (Some(7), None, 1));
}

#[test]
fn exit_in_a_child_waits_for_no_loop_of_its_parent_s() {
    for mode in MODES {
        for thread in THREADS {
            let app = App::start(env!("APP_ENDS"), &["sign", thread, "plain"], &lasting(mode));
            let _at_work = AtWork::begin(&app, mode);
            let (end, printed) = told_with_output(app, "child");
            assert_eq!(end, (Some(7), None, 2), "{mode} {thread}: {printed}");
            assert!(!printed.contains("exit beside"), "{mode} {thread}: {printed}");
        }
    }
}

/// When what it does has ended is not seen: nobody waits for that.
#[test]
fn exit_waits_for_no_thread_that_has_no_loop() {
    for mode in ["block", "spin", "coroutine"] {
        let app = App::start(env!("APP_ENDS"), &["sign", "thread", "plain"], &preload(mode));
        let (end, printed) = told_with_output(app, "aside");
        assert_eq!(end, (Some(7), None, 1), "{mode}: {printed}");
        assert!(!printed.contains("exit beside"), "{mode}: {printed}");
    }
}

/// It is another process, which does not end.
#[test]
fn a_child_of_a_handler_of_exit_is_helped_as_any_other() {
    for (mode, helped) in [("stock", "alone"), ("off", "alone"), ("coroutine", "helped")] {
        let app = App::start(env!("APP_ENDS"), &["sign", "thread", "forks"], &preload(mode));
        assert_eq!(Conversation::open(app.port(), 4).set_and_get(2).right, 16);
        let (end, printed) = told_with_output(app, "thread");
        assert_eq!(end, (Some(7), None, 1), "{mode}");
        assert!(printed.contains(helped), "{mode}: {printed}");
    }
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
/// calls itself then, and libcrypto is no more once the end lingers. Without a command, the loop sleeps until then.
fn exit_while_jobs_are_given_up_after(
    millis: &str,
    thread: &str,
    handling: &str,
    command: Option<&str>,
) -> (AtWork, String) {
    let preload = given_up_after("coroutine", millis);
    let app = App::start(env!("APP_ENDS"), &["sign", thread, handling], &preload);
    let at_work = AtWork::begin(&app, "coroutine");
    let (end, printed) = match command {
        Some(command) => told_with_output(app, command),
        None => told_asleep_with_output(app),
    };
    assert_eq!(end, (Some(7), None, 1), "{thread} {handling} {command:?}");
    (at_work, printed)
}

/// The shim in `mode`, with an engine that never answers.
fn given_up_after(mode: &str, millis: &str) -> Preload {
    let settings = lasting_settings().map(|(name, value)| match name {
        "INTERLUDE_DEADLINE_MS" => (name, millis),
        _ => (name, value),
    });
    with_settings(mode, &settings)
}

/// As the loop would be through with them without the shim, they are answered first.
#[test]
fn exit_in_another_thread_comes_after_those_that_are_parked() {
    for command in [Some("thread"), Some("twice"), None] {
        for thread in THREADS {
            let (mut at_work, _) =
                exit_while_jobs_are_given_up_after("1000", thread, "lingers", command);
            at_work.hears_that_it_is_done();
        }
    }
}

/// It waits for five seconds; from then on the loop stands still, also when its jobs are given up.
#[test]
fn a_loop_for_which_exit_does_not_wait_stands_still() {
    let (_at_work, printed) =
        exit_while_jobs_are_given_up_after("6500", "thread", "lingers-long", None);
    assert!(printed.contains("stand still"), "{printed}");
}

/// Whether before libcrypto has cleaned up or after it: by then nobody is parked.
#[test]
fn a_handler_of_exit_may_wait_for_the_thread_of_a_loop() {
    for handling in ["joins", "joins-late"] {
        for mode in MODES {
            let app = App::start(env!("APP_ENDS"), &["sign", "thread", handling], &lasting(mode));
            let mut at_work = AtWork::begin(&app, mode);
            let (end, printed) = told_with_output(app, "thread");
            assert_eq!(end, (Some(7), None, 1), "{mode} {handling}");
            assert!(printed.contains("joined"), "{mode} {handling}: {printed}");
            at_work.hears_that_it_is_done();
        }
    }
}

/// The loop goes on, for which `exit` has waited in vain.
#[test]
fn a_handler_of_exit_may_wait_for_the_thread_of_a_loop_that_stands_still() {
    let joined = |handling| {
        let (at_work, printed) =
            exit_while_jobs_are_given_up_after("12000", "thread", handling, None);
        assert!(printed.contains("stand still") && printed.contains("joined"), "{printed}");
        at_work
    };
    joined("joins").hears_that_it_is_done();
    // Without those who are parked, who would go on within libcrypto.
    let _at_work = joined("joins-late");
}

/// The loop's thread waits for a job in the midst of an event while another one does `exit`.
fn exit_while_a_thread_waits(mode: &str, millis: &str, handling: &str) -> Conversation {
    let preload = given_up_after(mode, millis);
    let app = App::start(env!("APP_ENDS"), &["sign", "thread", handling], &preload);
    let mut client = Conversation::open(app.port(), 1);
    assert_eq!(client.ask("get", "none", 1).right, 1);
    let before = app.counter("job.sign.submitted");
    client.say("set value");
    app.await_counter("job.sign.submitted", before + 1);
    match mode {
        "spin" => app.signal(libc::SIGUSR2),
        _ => app.signal_asleep(libc::SIGUSR2),
    }
    let (status, _) = app.ended();
    assert_eq!((status.code(), status.signal()), (Some(7), None), "{mode}");
    client
}

/// What the engine has not done in time is done in place, and that event ends.
#[test]
fn exit_in_another_thread_comes_after_a_thread_that_waits_for_a_job() {
    for mode in ["block", "spin"] {
        let answer = exit_while_a_thread_waits(mode, "1000", "lingers").first_answer();
        assert_eq!(answer.as_deref(), Some("done"), "{mode}");
    }
}

/// As a loop.
#[test]
fn a_thread_that_waits_for_a_job_stands_still_if_exit_does_not_wait_for_it() {
    for mode in ["block", "spin"] {
        let _client = exit_while_a_thread_waits(mode, "6500", "lingers-long");
    }
}

#[test]
fn a_stack_that_overflows_is_a_plain_segmentation_fault() {
    ends_as("overflow", "plain", (None, Some(libc::SIGSEGV), 0));
}

#[test]
fn a_stack_that_overflows_is_told_to_the_server_s_handler() {
    ends_as("overflow", "handled", (Some(9), None, 0));
}
