//! `interlude bench` that is broken off. What it measures is no test's business.

use crate::fixture::{Fixture, command};
use interlude_test_apps::process::Process;
use interlude_test_apps::wait;
use std::fs::{self, File};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const SIGTERM: i32 = 15;

#[test]
fn a_signal_ends_it_without_an_outcome() {
    let fixture = Fixture::new();
    let (out, err) = (fixture.path("out"), fixture.path("err"));
    let mut bench = command(&["bench", "switch", "--seconds", "3600", "--json"]);
    bench.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut bench = Process::start(bench, &[]).unwrap();
    let said = || fs::read_to_string(&err).unwrap();
    assert!(wait::until(PATIENCE, || said().starts_with("switch: round 1")), "{}", said());
    bench.signal(SIGTERM);
    let status = bench.wait(PATIENCE).unwrap();
    assert_eq!(said().lines().last(), Some("interlude: interrupted"));
    assert_eq!(status.code(), Some(1));
    assert_eq!(fs::read_to_string(&out).unwrap(), "");
}
