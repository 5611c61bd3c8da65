//! `interlude stats` on processes that the library is not in. Those that it is in are looked at by
//! the end-to-end tests.

use crate::fixture::{interlude, one_line, text};
use std::process::{Command, Stdio};

#[test]
fn a_process_without_the_library_has_no_statistics() {
    let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let output = interlude(None, &["stats", &other.id().to_string()]);
    drop(other.stdin.take());
    other.wait().unwrap();
    assert!(one_line(&output, 1).contains("not active"));
}

#[test]
fn a_process_that_does_not_exist_is_named() {
    assert!(one_line(&interlude(None, &["stats", "4294967295"]), 1).contains("no such process"));
}

#[test]
fn the_list_is_json_when_asked_for() {
    let output = interlude(None, &["stats", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(list.is_array(), "{list}");
}
