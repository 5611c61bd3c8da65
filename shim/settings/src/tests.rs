//! Settings from every source, and every way in which they can be wrong.

use super::*;

fn load(pairs: &[(&str, &str)], file: &str) -> Result<Settings, SettingsError> {
    Settings::load(
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
        |_| Ok(file.to_owned()),
    )
}

#[test]
fn defaults_are_coroutine_mode_on_cores() {
    let settings = load(&[], "").unwrap();
    assert_eq!((settings.mode, settings.engine), (Mode::Coroutine, EngineName::Cores));
}

#[test]
fn a_variable_wins_over_the_file() {
    let file = "mode = \"block\"\n[cores]\nthreads = 3\n";
    let settings =
        load(&[("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_MODE", "spin")], file).unwrap();
    assert_eq!((settings.mode, settings.cores.threads), (Mode::Spin, 3));
}

#[test]
fn errors_name_the_key_and_the_reason_in_one_line() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[("INTERLUDE_MODE", "fast")], "", &["INTERLUDE_MODE=fast", "must be off"]),
        (&[("INTERLUDE_CORES_QUEUE", "0")], "", &["cores.queue", "1 to 65536"]),
        (&[("INTERLUDE_SIMD_THREADS", "257")], "", &["simd.threads", "0 to 256"]),
        (&[("INTERLUDE_ONNX_BATCH", "1")], "", &["onnx.batch", "2 to 1024"]),
        (&[("INTERLUDE_ONNX_THREADS", "257")], "", &["onnx.threads", "0 to 256"]),
        (&[("INTERLUDE_CORES_NICE", "x")], "", &["INTERLUDE_CORES_NICE=x", "whole number"]),
        (&[("INTERLUDE_CONFIG", "x.toml")], "moed = 1", &["x.toml", "moed"]),
        (&[("INTERLUDE_CHECK", "some")], "", &["INTERLUDE_CHECK=some", "none, rsa or all"]),
        (
            &[("INTERLUDE_COMPRESS_WITH", "gzip")],
            "",
            &["INTERLUDE_COMPRESS_WITH=gzip", "zlib or isal"],
        ),
        (&[("INTERLUDE_COMPRESS_POLICY", "small")], "", &["=small", "never-bigger, balanced"]),
        (&[("INTERLUDE_DEADLINE_MS", "0")], "", &["jobs.deadline_ms", "1 to 600000"]),
        (&[("INTERLUDE_CHAOS_WRONG", "97")], "", &["chaos.wrong = 97", "100 together"]),
        (&[("INTERLUDE_DEVICE_DEQUEUE", "0")], "", &["device.dequeue = 0", "1 to 65536"]),
        (&[("INTERLUDE_DEVICE_RESULTS", "old")], "", &["RESULTS=old", "computed or remembered"]),
        (
            &[("INTERLUDE_DEVICE_REMEMBERED_KIB", "0")],
            "",
            &["device.remembered_kib = 0", "1 to 4194304"],
        ),
        (
            &[("INTERLUDE_DEVICE_POLL_INTERVAL_NS", "1000000001")],
            "",
            &["device.poll_interval_ns", "0 to 1000000000"],
        ),
        (
            &[("INTERLUDE_ENGINE", "device"), ("INTERLUDE_DEVICE_DESCRIPTION", "x.toml")],
            "name = 1",
            &["device.description: x.toml: line 1"],
        ),
        (&[("INTERLUDE_RULES_OFF", "c9")], "", &["INTERLUDE_RULES_OFF", "own_fd"]),
    ];
    for (pairs, file, expected) in cases {
        let line = load(pairs, file).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        for part in *expected {
            assert!(line.contains(part), "{line:?} does not say {part:?}");
        }
    }
}

#[test]
fn a_job_list_selects_only_what_it_names() {
    let jobs = load(&[("INTERLUDE_JOBS", "sign, deflate")], "").unwrap().jobs;
    assert_eq!((jobs.sign, jobs.deflate, jobs.derive), (true, true, false));
}

#[test]
fn chaos_is_set_by_its_section_and_its_variables() {
    let file = "engine = \"chaos\"\n[chaos]\nseed = 7\nwrong = 5\n[jobs]\ncheck = \"all\"\n";
    let pairs = [("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_CHAOS_HANG", "20")];
    let Settings { engine, chaos, jobs, .. } = load(&pairs, file).unwrap();
    assert_eq!((engine, jobs.check), (EngineName::Chaos, Check::All));
    assert_eq!((chaos.seed, chaos.wrong, chaos.hang, chaos.late), (7, 5, 20, 1));
}

#[test]
fn a_device_is_read_where_it_is_the_engine() {
    let device = load(&[("INTERLUDE_ENGINE", "device")], "").unwrap().device;
    assert_eq!(
        (device.described.unwrap().name.as_str(), device.shared),
        ("BlueField-2, off-chip", true)
    );
    let file = "[device]\ndescription = \"bluefield2-onchip\"\ndequeue = 3\nshared = false\nresults = \"remembered\"\n";
    let pairs = [("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_DEVICE_POLL_INTERVAL_NS", "1000")];
    let device = load(&pairs, file).unwrap().device;
    assert_eq!((device.dequeue, device.poll_interval_ns, device.described), (3, 1000, None));
    assert!(!device.shared);
    assert_eq!((device.results, device.remembered_kib), (DeviceResults::Remembered, 65_536));
    let engine = [("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_ENGINE", "device")];
    let described = load(&engine, file).unwrap().device.described;
    assert_eq!(described.unwrap().name, "BlueField-2, on-chip");
}

#[test]
fn a_plugin_has_an_absolute_path_where_it_is_the_engine() {
    let file = "[plugin]\npath = \"/lib/x.so\"\narguments = \"level=1\"\n";
    let pairs = [("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_ENGINE", "plugin")];
    let plugin = load(&pairs, file).unwrap().plugin;
    assert_eq!((plugin.path.as_str(), plugin.arguments.as_str()), ("/lib/x.so", "level=1"));
    for path in ["", "x.so", "./x.so"] {
        let engine = |engine| [("INTERLUDE_ENGINE", engine), ("INTERLUDE_PLUGIN_PATH", path)];
        let line = load(&engine("plugin"), "").unwrap_err().to_string();
        assert_eq!(line, format!("plugin.path = \"{path}\": must be an absolute path"));
        assert!(load(&engine("cores"), "").is_ok());
    }
}

#[test]
fn what_compresses_is_said_in_the_file_or_by_variables() {
    let file = "[compress]\nwith = \"isal\"\npolicy = \"balanced\"\n";
    let pairs = [("INTERLUDE_CONFIG", "x.toml"), ("INTERLUDE_COMPRESS_POLICY", "never-bigger")];
    let compress = load(&pairs, file).unwrap().compress;
    assert_eq!((compress.with, compress.policy), (Compressor::Isal, CompressPolicy::NeverBigger));
    assert_eq!(load(&[], "").unwrap().compress.with, Compressor::Zlib);
}

#[test]
fn what_a_compression_takes_at_least_follows_the_engine_unless_it_is_set() {
    type Case<'a> = (&'a [(&'a str, &'a str)], EngineName, u32);
    let cases: [Case<'_>; 7] = [
        (&[], EngineName::Cores, 250),
        (&[], EngineName::Chaos, 250),
        (&[], EngineName::Device, 100),
        (&[("INTERLUDE_MIN_US", "0")], EngineName::Cores, 0),
        (&[("INTERLUDE_MIN_US", "400")], EngineName::Cores, 400),
        (&[("INTERLUDE_COMPRESS_MIN_US", "70")], EngineName::Cores, 70),
        (&[("INTERLUDE_MIN_US", "0"), ("INTERLUDE_COMPRESS_MIN_US", "70")], EngineName::Device, 70),
    ];
    for (pairs, engine, least) in cases {
        assert_eq!(load(pairs, "").unwrap().jobs.compress_min_us(engine), least, "{pairs:?}");
    }
}

#[test]
fn thresholds_are_said_by_engine_and_kind() {
    let file = "[policy.thresholds.cores.deflate]\nbatch_from = 65536\nlatency_from = \"never\"\n\
                [policy.thresholds.device.sign]\nlatency_from = 0\n";
    let policy = load(&[("INTERLUDE_CONFIG", "x.toml")], file).unwrap().policy;
    let deflate = policy.thresholds_of(EngineName::Cores, "deflate");
    assert_eq!(deflate.batch_from, Some(FromSize::Bytes(65536)));
    assert_eq!(deflate.latency_from, Some(FromSize::Never));
    let sign = policy.thresholds_of(EngineName::Device, "sign");
    assert_eq!((sign.batch_from, sign.latency_from), (None, Some(FromSize::Bytes(0))));
    assert_eq!(policy.thresholds_of(EngineName::Device, "deflate"), Thresholds::default());
}

#[test]
fn what_the_policy_does_not_know_is_one_line() {
    let section = |name: &str, body: &str| format!("[policy.{name}]\n{body}\n");
    let cases = [
        (section("thresholds.core.deflate", "batch_from = 1"), "policy.thresholds.core: no such"),
        (
            section("thresholds.cores.inflate", "batch_from = 1"),
            "policy.thresholds.cores.inflate: no such key; there are sign, derive",
        ),
        (section("thresholds.cores.sign", "batch_from = -1"), "number of bytes, or \"never\""),
        (section("thresholds.cores.sign", "batch_from = \"no\""), "number of bytes, or \"never\""),
        (section("thresholds.cores.sign", "from = 1"), "unknown field `from`"),
        (section("ports", "0 = \"batch\""), "policy.ports.0: no such key; there are ports"),
        (section("ports", "70000 = \"batch\""), "policy.ports.70000"),
        (section("ports", "443 = \"fast\""), "unknown variant `fast`"),
        ("[policy]\nclass = \"fast\"\n".to_owned(), "unknown variant `fast`"),
    ];
    for (file, expected) in cases {
        let line = load(&[("INTERLUDE_CONFIG", "x.toml")], &file).unwrap_err().to_string();
        assert!(line.contains(expected) && !line.contains('\n'), "{line:?}: {expected:?}");
    }
    let line = load(&[("INTERLUDE_POLICY_PORTS", "443")], "").unwrap_err().to_string();
    assert_eq!(line, "INTERLUDE_POLICY_PORTS=443: must be a list like 443=latency");
}

#[test]
fn classes_are_the_processs_and_by_port() {
    let file = "[policy]\nclass = \"latency\"\nload = false\n[policy.ports]\n443 = \"batch\"\n";
    let policy = load(&[("INTERLUDE_CONFIG", "x.toml")], file).unwrap().policy;
    assert_eq!((policy.class, policy.load), (Class::Latency, false));
    assert_eq!((policy.of_port(443), policy.of_port(80)), (Some(Class::Batch), None));
    let pairs =
        [("INTERLUDE_POLICY_PORTS", "80=latency, 81=batch"), ("INTERLUDE_POLICY_LOAD", "off")];
    let policy = load(&pairs, "").unwrap().policy;
    assert_eq!((policy.class, policy.load), (Class::Batch, false));
    let of_ports = [80, 81, 443].map(|port| policy.of_port(port));
    assert_eq!(of_ports, [Some(Class::Latency), Some(Class::Batch), None]);
}
