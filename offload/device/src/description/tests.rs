//! Descriptions that can be read, and every way in which one cannot.

use super::*;

const SMALL: &str = "\
name = \"small\"
queue = 4
units = 2
ring = 8
[operations.compress]
setup_ns = [[64, 100], [1024, 200]]
latency_ns = 5000
";

fn embedded(name: &str) -> Description {
    Description::load(name, |path| panic!("{path} is read")).unwrap()
}

#[test]
fn a_description_says_what_a_device_does_and_costs() {
    let small = Description::load("small.toml", |path| {
        assert_eq!(path, "small.toml");
        Ok(SMALL.to_owned())
    });
    let small = small.unwrap();
    assert_eq!((small.queue, small.units, small.ring), (4, 2, 8));
    let cost = small.cost(Operation::Compress).unwrap();
    assert_eq!((cost.setup_ns.at(544), cost.latency_ns.at(544)), (150, 5000));
    assert_eq!(small.cost(Operation::Sign), None);
}

#[test]
fn errors_say_where_and_why_in_one_line() {
    let cases = [
        ("queue = 4", "queu = 4", &["line 2", "unknown field `queu`"][..]),
        ("queue = 4\n", "", &["missing field `queue`"]),
        ("queue = 4", "queue = 0", &["queue = 0", "1 to 65536"]),
        ("units = 2", "units = 1025", &["units = 1025", "1 to 1024"]),
        ("ring = 8", "ring = -1", &["line 4", "-1"]),
        ("ring = 8", "ring = 8\njitter_percent = 101", &["jitter_percent = 101", "0 to 100"]),
        ("\"small\"", "\"\"", &["name", "not empty"]),
        ("operations.compress", "operations.shred", &["line 5", "shred", "compress"]),
        ("latency_ns", "latency", &["unknown field `latency`", "latency_ns"]),
        ("5000", "\"5 us\"", &["line 7", "a number of nanoseconds, or a list of [bytes, ns]"]),
        ("5000", "-5", &["line 7", "must not be negative"]),
        ("[1024, 200]", "[1024, 50]", &["line 6", "must not fall"]),
        ("name = \"small\"", "name = small", &["line 1"]),
    ];
    for (from, to, expected) in cases {
        let text = SMALL.replace(from, to);
        let line = Description::parse("small.toml", &text).unwrap_err().to_string();
        assert!(!line.contains('\n') && line.starts_with("small.toml: "), "{line}");
        for part in expected {
            assert!(line.contains(part), "{line:?} does not say {part:?}");
        }
    }
}

#[test]
fn a_device_that_does_nothing_is_none() {
    let text = SMALL.split_once('[').unwrap().0.to_owned() + "[operations]\n";
    let line = Description::parse("small.toml", &text).unwrap_err().to_string();
    assert_eq!(line, "small.toml: operations: there must be one");
}

#[test]
fn a_file_that_is_missing_is_named_with_what_there_is_instead() {
    let missing = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let line = Description::load("bluefield3", missing).unwrap_err().to_string();
    for part in ["bluefield3: ", "bluefield2-offchip", "bluefield2-onchip", "public-key"] {
        assert!(line.contains(part), "{line:?} does not say {part:?}");
    }
}

/// Set-up and latency, in nanoseconds.
fn compress(description: &Description, bytes: u64) -> (u64, u64) {
    let cost = description.cost(Operation::Compress).unwrap();
    (cost.setup_ns.at(bytes), cost.latency_ns.at(bytes))
}

fn total(description: &Description, bytes: u64) -> u64 {
    let (setup, latency) = compress(description, bytes);
    setup + latency
}

/// What ISA-L is taken to need, as the off-chip description says.
fn software(bytes: u64) -> u64 {
    2500 + bytes * 212 / 100
}

#[test]
fn bluefields_setup_is_as_measured_and_below_every_other_cost() {
    for (name, least, most) in
        [("bluefield2-offchip", 360, 2800), ("bluefield2-onchip", 1000, 11_000)]
    {
        let device = embedded(name);
        assert_eq!((compress(&device, 64).0, compress(&device, 65536).0), (least, most), "{name}");
        for bytes in (64..65536).step_by(64) {
            let (setup, latency) = compress(&device, bytes);
            assert!(setup < latency && setup < software(bytes), "{name}: {bytes} bytes");
        }
    }
}

#[test]
fn off_chip_bluefield_meets_software_at_256_bytes() {
    let device = embedded("bluefield2-offchip");
    assert!(total(&device, 64) > software(64) && total(&device, 192) > software(192));
    assert!((256..65536).all(|bytes| total(&device, bytes) < software(bytes)));
    let at_8k = software(8192).abs_diff(19_900);
    assert!(at_8k < 100, "off by {at_8k} ns from table 4.2");
}

#[test]
fn from_8_kb_on_off_chip_is_within_a_quarter_of_on_chip() {
    let (off, on) = (embedded("bluefield2-offchip"), embedded("bluefield2-onchip"));
    for bytes in (8192..1_000_000).step_by(1024) {
        let (off, on) = (total(&off, bytes), total(&on, bytes));
        assert!(off > on && off * 100 <= on * 125, "{bytes} bytes: {off} and {on} ns");
    }
    assert!(total(&off, 256) * 100 > total(&on, 256) * 125);
}

#[test]
fn what_bluefield_has_no_figures_of_it_does_not_do() {
    for name in ["bluefield2-offchip", "bluefield2-onchip"] {
        let does: Vec<Operation> = embedded(name).operations.into_keys().collect();
        assert_eq!(does, [Operation::Compress], "{name}");
    }
    assert_eq!(embedded("public-key").cost(Operation::Compress), None);
}
