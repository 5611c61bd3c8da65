//! `interlude calibrate compress`: the form of what it prints and writes. What it measures is no test's
//! business.

use crate::fixture::{Fixture, command, text};
use std::fs;

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
