//! `interlude bench` that is broken off, or cannot begin, and the form of what it prints. What it
//! measures is no test's business.

use crate::fixture::{Fixture, command, text};
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

/// Where the processor has no AVX-512 IFMA, or the library was not there to be linked, it says so.
#[test]
fn crypto_prints_every_operation_or_why_there_is_no_engine() {
    let args = ["bench", "crypto", "--seconds", "1", "--rounds", "1", "--json"];
    let output = command(&args).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if let Err(missing) = interlude_simd::availability() {
        assert_eq!(output.status.code(), Some(1));
        assert_eq!((out.as_str(), err), ("", format!("interlude: {missing}\n")));
        return;
    }
    assert!(output.status.success(), "{err}");
    let outcome: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(outcome["bench"], "crypto");
    let variants = outcome["variants"].as_array().unwrap();
    // Twelve operations, by OpenSSL and with four numbers of lanes.
    assert_eq!((variants.len(), outcome["ratios"].as_object().unwrap().len()), (60, 48));
    for variant in variants {
        assert!(variant["per_cpu_second"].as_f64() > Some(0.0), "{variant}");
        assert!(variant["us_per_call"].as_f64() > Some(0.0), "{variant}");
        let is_openssl = variant["name"].as_str().unwrap().ends_with(" openssl");
        assert_eq!(variant.get("break_even_lanes").is_some(), is_openssl, "{variant}");
    }
}
