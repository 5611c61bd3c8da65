//! A program that executes itself with an environment of its own making, as nginx's upgrade does.

use crate::app::{self, preload};

const LIBRARY: &str = "/libinterlude.so";

/// What the successor tells of itself.
fn successor(mode: &str, environment: &str) -> String {
    let told = app::run(env!("APP_CGI"), &[environment], &preload(mode)).unwrap();
    told.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn it_keeps_the_library_and_the_settings() {
    for environment in ["NAME=value", "LD_PRELOAD=libz.so.1", "LD_PRELOAD="] {
        for (mode, told) in [
            ("stock", "right, not loaded, does not act"),
            ("off", "right, loaded, does not act"),
            ("block", "right, loaded, acts"),
            ("coroutine", "right, loaded, acts"),
        ] {
            assert_eq!(successor(mode, environment), told, "{mode} {environment}");
        }
    }
}

#[test]
fn what_its_environment_says_itself_stands() {
    assert_eq!(successor("coroutine", "INTERLUDE_MODE=off"), "right, loaded, does not act");
    assert_eq!(successor("off", "INTERLUDE_MODE=coroutine"), "right, loaded, acts");
}

/// What a program has got that was executed where nothing may be allocated.
fn got(mode: &str, arguments: &[&str]) -> String {
    let told = app::run(env!("APP_EXECUTES"), arguments, &preload(mode)).unwrap();
    told.lines().last().unwrap_or_default().to_owned()
}

/// Few entries, and more than there is room for on the stack.
#[test]
fn it_is_executed_without_memory_of_the_allocator() {
    for count in ["0", "1", "40", "20000"] {
        assert_eq!(got("stock", &[count]), "whole, preload none, settings 0", "{count}");
        for mode in ["off", "coroutine"] {
            let kept = format!("whole, preload {LIBRARY}, settings 2");
            assert_eq!(got(mode, &[count]), kept, "{mode} {count}");
            // The library before another: told is what comes after the last slash.
            let both = format!("whole, preload {LIBRARY}:libz.so.1, settings 2");
            let preload = ["40", "LD_PRELOAD=libz.so.1"];
            assert_eq!(got(mode, &preload), both, "{mode}");
            let long = format!("LD_PRELOAD={}", "libz.so.1:".repeat(1000));
            let told = got(mode, &["40", &long]);
            assert!(told.contains(&format!("{LIBRARY}:libz.so.1:")), "{mode} {told:.99}");
            assert!(told.ends_with("settings 2"), "{mode}");
        }
        assert_eq!(
            got("coroutine", &["40", "INTERLUDE_MODE=off"]),
            format!("whole, preload {LIBRARY}, settings 2")
        );
    }
}
