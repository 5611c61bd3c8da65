//! A debugger sees `main` below whatever runs: below the scheduler, on its stack of its own, and
//! below a handler whose frames were put aside and laid back. gdb unwinds by the same tables as
//! `perf --call-graph dwarf` and C++ exceptions.

use crate::app::App;
use crate::conversation::Conversation;
use interlude_test_apps::{Preload, Shim, program};

/// What gdb says when it runs `script` on a server with one client. None where there is no gdb, or it
/// may not trace.
fn debug(script: &[&str]) -> Option<String> {
    let gdb = program::find("gdb").inspect_err(|why| eprintln!("skipped: {why}")).ok()?;
    let library = Shim::find().unwrap().library().display().to_string();
    let environment = [
        format!("set environment LD_PRELOAD {library}"),
        "set environment INTERLUDE_MODE coroutine".to_owned(),
        "set environment INTERLUDE_MIN_US 0".to_owned(),
    ];
    // Not through a shell, which would be preloaded, too.
    let quiet = ["set startup-with-shell off", "set breakpoint pending on", "set width 0"];
    let commands = quiet.iter().copied().chain(environment.iter().map(String::as_str));
    let mut args = vec!["-nx", "-batch"];
    args.extend(commands.chain(script.iter().copied()).flat_map(|command| ["-ex", command]));
    args.extend(["--args", env!("APP_MUTEX_ACROSS"), "normal", "sign"]);
    let said = match App::try_start(&gdb.display().to_string(), &args, &Preload::Stock) {
        Ok(app) => {
            Conversation::open(app.port(), 1).say_until_ended("work");
            app.ended().1
        }
        Err(said) => said,
    };
    let forbidden = ["ptrace: Operation not permitted", "Could not trace the inferior"];
    if forbidden.iter().any(|words| said.contains(words)) {
        eprintln!("skipped: gdb may not trace here");
        return None;
    }
    Some(said)
}

/// The functions of each backtrace in `said`, innermost first.
fn backtraces(said: &str) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for line in said.lines().filter(|line| line.starts_with('#')) {
        let mut words = line.split_whitespace();
        if words.next() == Some("#0") {
            found.push(Vec::new());
        }
        let function = match (words.next(), words.next(), words.next()) {
            (Some(address), Some("in"), Some(function)) if address.starts_with("0x") => function,
            (Some(function), ..) => function,
            _ => "",
        };
        found.last_mut().unwrap().push(function);
    }
    found
}

/// With one connection, whoever goes on after the scheduler has slept beside a job was parked.
#[test]
fn the_scheduler_and_a_handler_that_was_parked_have_main_below_them() {
    let script = ["tbreak ppoll", "run", "bt", "tbreak EVP_DigestVerify", "continue", "bt", "kill"];
    let Some(said) = debug(&script) else { return };
    let [scheduler, handler] = &backtraces(&said)[..] else { panic!("two backtraces:\n{said}") };
    // The scheduler was entered from the handler that parks.
    for (trace, way) in [
        (scheduler, ["ppoll", "coroutine_func", "carry_out", "heavy_sign", "main"].as_slice()),
        (handler, &["EVP_DigestVerify", "heavy_sign", "main"]),
    ] {
        // Not `main_below` nor `__libc_start_call_main`.
        let is = |frame: &str, step: &str| {
            if step == "main" { frame == step } else { frame.contains(step) }
        };
        let mut frames = trace.iter();
        for step in way {
            assert!(frames.any(|frame| is(frame, step)), "no {step} in its place:\n{said}");
        }
    }
}
