//! A program that executes itself with an environment of its own making, as nginx's upgrade does.

use crate::app::{self, preload};

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
