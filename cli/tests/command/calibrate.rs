//! `interlude calibrate`: the form of what it prints and writes. What it measures is no test's business.

use crate::fixture::{Fixture, command, interlude, one_line, text};
use interlude_test_apps::process::Process;
use interlude_test_apps::wait;
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const SIGTERM: i32 = 15;

#[test]
fn every_choice_and_every_cell_is_printed_and_written() {
    let fixture = Fixture::new();
    let page = fixture.path("compression.md");
    let mut calibrate = command(&["calibrate", "compress", "--seconds", "1", "--json", "--docs"]);
    let output = calibrate.arg(&page).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(err.starts_with("calibrate: pass 1\n"), "{err}");
    let outcome: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(outcome["calibrate"], "compress");
    let (choices, measured) = (&outcome["choices"], &outcome["measured"]);
    // Three policies, two ways in which input comes, nine levels.
    assert_eq!(choices.as_array().unwrap().len(), 54);
    for choice in choices.as_array().unwrap() {
        assert_eq!(choice["too_large"], false, "{choice}");
        assert!(choice["fastest"]["times_zlib"].as_f64() > Some(0.0), "{choice}");
        let is_whole = choice["input"] == "whole";
        let name = choice["library"]["compressor"].as_str().unwrap();
        assert!(is_whole || !name.starts_with("libdeflate"), "{choice}");
    }
    // Six kinds; nine levels of zlib's and four of ISA-L's with seven sizes, twelve of libdeflate's with five.
    assert_eq!(measured.as_array().unwrap().len(), 6 * (13 * 7 + 12 * 5));
    for cell in measured.as_array().unwrap() {
        assert!(cell["compressed"].as_u64() > Some(0), "{cell}");
        assert!(cell["megabytes_per_second"].as_f64() > Some(0.0), "{cell}");
    }
    let page = fs::read_to_string(page).unwrap();
    for line in ["# Compressors", "### javascript", "| libdeflate 12 |", "never-bigger"] {
        assert!(page.contains(line), "{line}");
    }
}

/// Kinds and sizes that take no time; what came of them, and the policy's text.
fn calibrated(fixture: &Fixture, engine: &str, more: &[&str]) -> (Value, String) {
    let (policy, figures) = (fixture.path("policy.toml"), fixture.path("figures"));
    let mut calibrate = command(&["calibrate", "--engine", engine, "--seconds", "1", "--json"]);
    calibrate.args(["--sizes", "4096,64,1024", "--write"]).arg(&policy);
    calibrate.args(["--docs"]).arg(fixture.path("policy.md")).arg("--figures").arg(&figures);
    let output = calibrate.args(more).output().unwrap();
    let err = text(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(err.starts_with(&format!("calibrate: {engine}, pass 1\n")), "{err}");
    let outcome = serde_json::from_str(&text(&output.stdout)).unwrap();
    (outcome, fs::read_to_string(policy).unwrap())
}

/// Each curve has its sizes in their order, and each of its points all three times.
fn assert_measured(engine: &Value, expected: &[(&str, &str, &[u64])]) {
    let curves = engine["curves"].as_array().unwrap();
    assert_eq!(curves.len(), expected.len(), "{engine}");
    for (curve, (kind, data, sizes)) in curves.iter().zip(expected) {
        assert_eq!((&curve["kind"], &curve["data"]), (&(*kind).into(), &(*data).into()));
        let points = curve["points"].as_array().unwrap();
        let bytes: Vec<u64> = points.iter().map(|point| point["bytes"].as_u64().unwrap()).collect();
        assert_eq!(bytes, *sizes, "{kind} {data}");
        for time in ["inline_ns", "setup_ns", "latency_ns"] {
            assert!(points.iter().all(|point| point[time].as_f64() > Some(0.0)), "{time}: {curve}");
        }
    }
    assert!(engine["jobs"].as_u64() > Some(0) && engine["passes"].as_u64() > Some(0));
}

/// The policy has for each kind what the outcome says, and nothing else.
fn assert_policy(policy: &str, engine: &Value, kinds: &[&str]) {
    let parsed: toml::Table = toml::from_str(policy).unwrap();
    assert_eq!(parsed.len(), 1, "{policy}");
    let thresholds = parsed["policy"]["thresholds"].as_table().unwrap();
    let name = engine["engine"].as_str().unwrap();
    assert_eq!(thresholds.len(), 1, "{policy}");
    let of_engine = thresholds[name].as_table().unwrap();
    assert_eq!(of_engine.len(), kinds.len(), "{policy}");
    let said = engine["thresholds"].as_array().unwrap();
    for (threshold, kind) in said.iter().zip(kinds) {
        assert_eq!(threshold["kind"], **kind);
        let written = of_engine[*kind].as_table().unwrap();
        assert_eq!(written.len(), 2, "{policy}");
        for key in ["batch_from", "latency_from"] {
            let value: Value = serde_json::to_value(&written[key]).unwrap();
            assert_eq!(value, threshold[key], "{kind}.{key}");
            let sizes = [32, 64, 1024, 4096].map(Value::from);
            assert!(value == "never" || sizes.contains(&value), "{kind}.{key} = {value}");
        }
    }
}

/// Each chart is there in both forms, and nothing else is.
fn assert_figures(folder: &Path, names: &[&str], title: &str) {
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2 * names.len());
    for name in names {
        let svg = fs::read_to_string(folder.join(format!("{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains(title), "{name}");
        let png = fs::read(folder.join(format!("{name}.png"))).unwrap();
        // Its first and its last chunk (PNG, 5.2 and 11.2.5).
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"), "{name}");
    }
}

const SIZES: &[u64] = &[64, 1024, 4096];

#[test]
fn cores_are_calibrated() {
    let fixture = Fixture::new();
    let (outcome, policy) =
        calibrated(&fixture, "cores", &["--kinds", "derive,keygen,deflate,compress"]);
    assert_eq!(outcome["calibrate"], "engines");
    assert_eq!(outcome["missing"], serde_json::json!([]));
    let [engine] = &outcome["engines"].as_array().unwrap()[..] else { panic!("{outcome}") };
    let buffers = ["deflate", "compress"]
        .map(|kind| ["html", "json", "random"].map(|data| (kind, data, SIZES)));
    let keys = [("derive", "x25519"), ("derive", "p256"), ("keygen", "x25519"), ("keygen", "p256")];
    let keys = keys.map(|(kind, data)| (kind, data, &[32][..]));
    assert_measured(engine, &[buffers.as_flattened(), &keys].concat());
    assert_eq!(engine.get("emulated"), None);
    assert_policy(&policy, engine, &["derive", "keygen", "deflate", "compress"]);
    assert!(
        policy.starts_with("# measured by `interlude calibrate --engine cores` on 2"),
        "{policy}"
    );
    let names = ["deflate-cost", "deflate-latency", "compress-cost", "compress-latency", "keys"];
    let names = names.map(|name| format!("cores-{name}"));
    assert_figures(&fixture.path("figures"), &names.each_ref().map(String::as_str), "cores: ");
    let page = fs::read_to_string(fixture.path("policy.md")).unwrap();
    let figure = "(figures/cores-compress-latency.svg)";
    for line in ["# When a job is worth it", "### cores", "| derive | p256 | 32 |", figure, &policy]
    {
        assert!(page.contains(line), "{line}");
    }
}

#[test]
fn an_emulated_device_is_calibrated_and_called_so() {
    let fixture = Fixture::new();
    let settings = ["device.description=bluefield2-offchip", "device.results=remembered"];
    let settings = settings.iter().flat_map(|setting| ["--set", *setting]);
    let (outcome, policy) = calibrated(&fixture, "device", &settings.collect::<Vec<_>>());
    let [engine] = &outcome["engines"].as_array().unwrap()[..] else { panic!("{outcome}") };
    // It has no keys.
    let buffers = ["deflate", "compress"]
        .map(|kind| ["html", "json", "random"].map(|data| (kind, data, SIZES)));
    assert_measured(engine, buffers.as_flattened());
    assert_eq!(engine["emulated"], true);
    assert_eq!(engine["device"], "BlueField-2, off-chip, emulated");
    assert_policy(&policy, engine, &["deflate", "compress"]);
    assert!(policy.contains("\n# BlueField-2, off-chip, emulated\n"), "{policy}");
    let names = ["deflate-cost", "deflate-latency", "compress-cost", "compress-latency"];
    let names = names.map(|name| format!("device-{name}"));
    let title = "device (BlueField-2, off-chip, emulated): ";
    assert_figures(&fixture.path("figures"), &names.each_ref().map(String::as_str), title);
    // The device takes no less than its description says (2.6 us and 5 % less, at 64 bytes).
    let compress = engine["curves"].as_array().unwrap();
    let compress = compress.iter().filter(|curve| curve["kind"] == "compress");
    for curve in compress {
        assert!(curve["points"][0]["latency_ns"].as_f64() > Some(2400.0), "{curve}");
    }
}

#[test]
fn a_plugin_is_calibrated() {
    let fixture = Fixture::new();
    let path = format!("plugin.path={}", fixture.plugin().display());
    let (outcome, policy) = calibrated(&fixture, "plugin", &["--set", &path]);
    let [engine] = &outcome["engines"].as_array().unwrap()[..] else { panic!("{outcome}") };
    let curves = engine["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 6, "{engine}");
    assert_policy(&policy, engine, &["deflate", "compress"]);
}

#[test]
fn a_signal_ends_it_and_leaves_the_policy_that_was_there() {
    let fixture = Fixture::new();
    let (old, err) = (fixture.write("old.toml", "mode = \"spin\"\n"), fixture.path("err"));
    let new = fixture.path("new.md");
    let mut calibrate = command(&["calibrate", "--engine", "cores", "--seconds", "3600"]);
    calibrate.args(["--kinds", "keygen", "--write"]).arg(&old).arg("--docs").arg(&new);
    calibrate.stdout(Stdio::null()).stderr(File::create(&err).unwrap());
    let mut calibrate = Process::start(calibrate, &[]).unwrap();
    let said = || fs::read_to_string(&err).unwrap();
    assert!(wait::until(PATIENCE, || said().contains("pass 1\n")), "{}", said());
    calibrate.signal(SIGTERM);
    assert_eq!(calibrate.wait(PATIENCE).unwrap().code(), Some(1));
    assert!(said().ends_with("interlude: cores: interrupted\n"), "{}", said());
    assert_eq!(fs::read_to_string(old).unwrap(), "mode = \"spin\"\n");
    assert!(!new.exists());
}

#[test]
fn an_engine_that_is_missing_is_one_line() {
    let line = one_line(&interlude(None, &["calibrate", "--engine", "plugin"]), 1);
    assert_eq!(line, "interlude: plugin: plugin.path is not set (--set plugin.path=FILE)\n");
    let no_file = ["calibrate", "--engine", "plugin", "--set", "plugin.path=/no-such-file.so"];
    let line = one_line(&interlude(None, &no_file), 1);
    assert!(line.starts_with("interlude: plugin: ") && line.contains("/no-such-file.so"), "{line}");
    let no_keys = ["calibrate", "--engine", "device", "--kinds", "sign,keygen"];
    let line = one_line(&interlude(None, &no_keys), 1);
    assert_eq!(line, "interlude: device: it does no such jobs\n");
    // Of all engines those are measured that there are.
    let args = ["calibrate", "--seconds", "1", "--json", "--kinds", "keygen"];
    let output = interlude(None, &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let names = |list: &str| -> Vec<String> {
        let list = outcome[list].as_array().unwrap().iter();
        list.map(|of| of["engine"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names("engines").contains(&"cores".to_owned()));
    let missing = names("missing");
    assert!(["plugin", "device"].iter().all(|name| missing.iter().any(|it| it == name)));
    assert_eq!(missing.len() + names("engines").len(), 4);
}
