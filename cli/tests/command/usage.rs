//! Bad usage of any command: one line, exit code 2.

use crate::fixture::{interlude, one_line, text};

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "command is required"),
        (&["fly"], "fly"),
        (&["run"], "PROGRAM"),
        (&["run", "--", ""], "command not found"),
        (&["run", "--mode"], "--mode"),
        (&["stats", "x"], "x"),
        (&["check"], "PROGRAM"),
        (&["check", "no-such-program-here"], "command not found"),
        (&["check", "/etc/passwd"], "not an executable"),
        (&["matrix", "--chekc", "x"], "--chekc"),
        (&["bench"], "command is required"),
        (&["bench", "handshake", "--key", "rsa1024"], "must be rsa2048"),
        (&["bench", "handshake", "--tls", "1.1"], "1.2, 1.3"),
        (&["bench", "handshake", "--server", "redis"], "must be nginx or lighttpd"),
        (&["bench", "gzip", "--modes", "fast"], "INTERLUDE_MODE=fast"),
        (&["bench", "gzip", "--size", "1g"], "must be a number of bytes"),
        (&["bench", "gzip", "--kind", "html,xml"], "must be html, json"),
        (&["bench", "gzip", "--proxied=perhaps"], "must be yes or no"),
        (&["bench", "gzip", "--set", "cores.queue=0"], "cores.queue"),
        (&["bench", "gzip", "--modes", "stock", "--engine", "gpu"], "INTERLUDE_ENGINE=gpu"),
        (&["bench", "overhead", "--server", "apache"], "must be nginx, lighttpd or redis"),
        (&["bench", "mixed", "--server-cpus", "9999"], "CPU 9999 cannot be used"),
        (&["bench", "switch", "--rounds", "0"], "--rounds"),
        (&["bench", "crypto", "--seconds", "0"], "--seconds"),
        (&["bench", "device", "--modes", "fast"], "--modes fast: no such mode"),
        (&["bench", "device", "--time", "9"], "--time"),
        (&["bench", "device", "--pipeline", "0"], "--pipeline"),
        (&["bench", "device", "--rounds", "x"], "--rounds"),
        (&["bench", "device", "--figures", "/proc/no-such-folder"], "cannot write"),
        (&["bench", "device", "--server-cpus", "9999"], "CPU 9999 cannot be used"),
        (&["calibrate", "--engine", "gpu"], "--engine gpu: there is no such engine"),
        (&["calibrate", "--engine", "inline"], "what the others are measured against"),
        (&["bench", "infer", "--sequence", "8"], "--sequence"),
        (&["bench", "infer", "--model", "minilm", "--sequence", "0"], "--sequence"),
        (&["calibrate", "--engine", "onnx"], "measures by itself"),
        (&["calibrate", "--engine"], "--engine"),
        (&["calibrate", "--kinds", "sign,fly"], "--kinds fly: no such kind"),
        (&["calibrate", "--kinds", "infer"], "--kinds infer: no such kind"),
        (&["calibrate", "--sizes", "0"], "--sizes"),
        (&["calibrate", "--seconds", "0"], "--seconds"),
        (&["calibrate", "--level", "10"], "--level"),
        (&["calibrate", "--set", "cores.queue=0"], "cores.queue"),
        (&["calibrate", "--engine", "device", "--set", "device.description=x.toml"], "x.toml"),
        (&["calibrate", "--write", "/no-such-folder/x.toml"], "cannot write"),
        (&["calibrate", "--docs", "/no-such-folder/x.md"], "cannot write"),
        (&["calibrate", "--figures", "/proc/no-such-folder"], "cannot write"),
        (&["calibrate", "--config", "/no-such-file.toml"], "/no-such-file.toml"),
        (&["calibrate", "--json", "compress"], "compress"),
        (&["calibrate", "compress", "--seconds", "0"], "--seconds"),
        (&["calibrate", "compress", "--docs", "/no-such-folder/x.md"], "cannot write"),
    ];
    for (args, word) in cases {
        let line = one_line(&interlude(None, args), 2);
        assert!(line.starts_with("interlude: ") && line.contains(word), "{args:?}: {line}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for args in [["--help"], ["--version"]] {
        let output = interlude(None, &args);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("interlude"));
    }
}

#[test]
fn the_help_of_run_has_every_variable() {
    let output = interlude(None, &["run", "--help"]);
    let help = text(&output.stdout);
    for name in ["INTERLUDE_MODE", "INTERLUDE_CORES_THREADS", "INTERLUDE_CONFIG", "INTERLUDE_LIB"] {
        assert!(help.contains(name), "{name} is missing");
    }
}
