//! `interlude bench` that is broken off, or cannot begin, and the form of what it prints. What it
//! measures is no test's business.

use crate::fixture::{Fixture, command, text};
use interlude_test_apps::process::Process;
use interlude_test_apps::wait;
use std::fs::{self, File};
use std::path::Path;
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

/// Both servers compress what is compressed already, from their own files and from a server behind: stored, it
/// becomes longer by less than 400 bytes, head included.
#[test]
fn gzip_measures_every_combination_and_says_what_is_on_the_wire() {
    let lists = ["--server", "nginx,lighttpd", "--proxied=no,yes", "--kind", "compressed"];
    let rest = ["--size", "2k", "--modes", "inline", "--seconds", "1", "--rounds", "1", "--json"];
    let output = command(&[&["bench", "gzip"], &lists[..], &rest].concat()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["bench"], "gzip");
    assert_eq!(outcome["params"]["proxied"], serde_json::json!([false, true]));
    let variants = outcome["variants"].as_array().unwrap();
    let cases = ["nginx static", "nginx proxied", "lighttpd static", "lighttpd proxied"];
    assert_eq!(variants.len(), 2 * cases.len());
    for (pair, case) in variants.chunks(2).zip(cases) {
        for (variant, name) in pair.iter().zip(["stock", "inline"]) {
            assert_eq!(variant["name"], format!("{case} level 1 compressed 2k {name}"));
            let wire = variant["wire_bytes"].as_f64().unwrap();
            assert!((2048.0..2448.0).contains(&wire), "{variant}");
            assert!(variant["per_second"].as_f64() > Some(0.0) && variant["errors"] == 0);
        }
        let ratio = format!("{case} level 1 compressed 2k");
        let ratio = &outcome["ratios"][format!("{ratio} inline/{ratio} stock")];
        assert!(ratio["wire_bytes"].as_f64() > Some(0.9), "{outcome}");
    }
}

/// Of a hundred requests of a workload, those that were on the emulated device, by its counters.
fn on_device(variant: &serde_json::Value, workload: &str) -> f64 {
    variant[format!("{workload}_on_device_percent")].as_f64().unwrap()
}

#[test]
fn each_mode_of_bench_device_answers_right_and_uses_the_device_as_it_says() {
    let args = ["bench", "device", "--time", "10", "--rounds", "1", "--no-sweeps", "--json"];
    let args = [&args[..], &["--in-place-up-to", "256"]].concat();
    let output = command(&args).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["bench"], "device");
    assert_eq!(outcome["params"]["custom_lc_in_place_up_to"], 256);
    assert_eq!(outcome["params"]["emulated"], true);
    assert_eq!(outcome["params"]["device"], "bluefield2-offchip (emulated)");
    let variants = outcome["variants"].as_array().unwrap();
    let names: Vec<&str> = variants.iter().map(|v| v["name"].as_str().unwrap()).collect();
    let expected = ["stock", "inline", "software", "block", "sync", "custom-lc", "async"];
    assert_eq!(names, [&expected[..], &["custom-batch"]].concat());
    for variant in variants {
        let name = variant["name"].as_str().unwrap();
        assert_eq!(variant["errors"], 0, "{variant}");
        for workload in ["cache1", "feed1", "web"] {
            let per_second = format!("{workload}_per_second");
            assert!(variant[&per_second].as_f64() > Some(0.0), "{variant}");
            let percent = on_device(variant, workload);
            let is_right = match name {
                "stock" | "inline" | "software" => percent == 0.0,
                // Nothing of Feed-1 is as small as 256 bytes.
                "custom-lc" if workload == "cache1" => (40.0..80.0).contains(&percent),
                "block" | "sync" | "custom-lc" => percent == 100.0,
                // What comes in the midst of a batch of events stays in place.
                _ => percent > 0.0,
            };
            assert!(is_right, "{name} {workload}: {percent} %");
            if name != "software" {
                let ratio = &outcome["ratios"][format!("{name}/software")][&per_second];
                assert!(ratio.as_f64() > Some(0.0), "{name} {workload}");
            }
        }
    }
}

/// Three of each workload, two of each sweep, and latency by size; each as PNG and SVG.
fn figures(folder: &Path) {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2 * (3 * 3 + 2 * 2 + 1), "{names:?}");
    for name in names {
        let bytes = fs::read(folder.join(&name)).unwrap();
        if name.ends_with(".svg") {
            let svg = text(&bytes);
            assert!(svg.trim_end().ends_with("</svg>"), "{name}");
            assert!(svg.contains("(BlueField-2, off-chip, emulated)"), "{name}");
        } else {
            assert!(bytes.starts_with(b"\x89PNG"), "{name}");
        }
    }
}

#[test]
fn bench_device_sweeps_and_says_in_each_table_what_is_emulated() {
    let args = ["bench", "device", "--time", "20", "--rounds", "1", "--modes", "async"];
    let fixture = Fixture::new();
    let folder = fixture.path("figures");
    let mut with_figures = command(&[&args[..], &["--json", "--figures"]].concat());
    let output = with_figures.arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    figures(&folder);
    let members = |name: &str| outcome[name].as_array().unwrap();
    for (name, count, key) in [("polling", 7, "poll_interval_us"), ("dequeue", 6, "dequeue")] {
        assert_eq!(members(name).len(), count);
        for point in members(name) {
            assert!(point[key].as_f64() > Some(0.0) && point["errors"] == 0, "{point}");
            assert!(on_device(point, "cache1") > 0.0, "{point}");
        }
    }
    assert_eq!(members("latency").len(), 44);
    let output = command(&args).output().unwrap();
    let said = text(&output.stdout);
    let tables: Vec<&str> = said.split("\n\n").collect();
    let of = |begin: &str| tables.iter().find(|table| table.trim_start().starts_with(begin));
    for begin in ["Cache-1:", "Feed-1:", "web service:", "Cache-1, async, by the p", "One request"]
    {
        let table = of(begin).unwrap_or_else(|| panic!("no {begin} in {said}"));
        assert!(table.contains("emulated"), "{table}");
    }
}

#[test]
fn bench_device_sweeps_loads_in_place_parked_and_by_the_policy() {
    let args = ["bench", "device", "--sweep-loads", "--time", "10", "--rounds", "1"];
    let output = command(&[&args[..], &["--json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["params"]["device"], "bluefield2-offchip (emulated)");
    assert!(outcome["ratios"]["adaptive/best"]["least"].as_f64() > Some(0.0));
    let loads = outcome["loads"].as_array().unwrap();
    assert_eq!(loads.len(), 20);
    for load in loads {
        assert_eq!(load["errors"], 0, "{load}");
        for variant in ["software", "async", "adaptive"] {
            assert!(load[format!("{variant}_per_second")].as_f64() > Some(0.0), "{load}");
        }
    }
}
