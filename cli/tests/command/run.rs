//! `interlude run`: what the program gets to see, and what is refused before it starts.

use crate::fixture::{Fixture, command, interlude, one_line, text};
use std::collections::HashMap;
use std::process::Output;

/// What `env` printed.
fn environment(output: &Output) -> HashMap<String, String> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_program_gets_the_library_and_the_settings() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let config = fixture.write("x.toml", "mode = \"block\"\n");
    let args = ["run", "--mode", "spin", "--engine", "inline", "--config"];
    let args = [&args[..], &[config.to_str().unwrap()]].concat();
    let args = [&args[..], &["--set", "cores.threads=3", "--", "env"]].concat();
    let seen = environment(&interlude(Some(&library), &args));
    assert_eq!(seen["LD_PRELOAD"], library.to_str().unwrap());
    assert_eq!(seen["INTERLUDE_MODE"], "spin");
    assert_eq!(seen["INTERLUDE_ENGINE"], "inline");
    assert_eq!(seen["INTERLUDE_CORES_THREADS"], "3");
    assert_eq!(seen["INTERLUDE_CONFIG"], config.to_str().unwrap());
    let program = std::fs::canonicalize("/usr/bin/env").unwrap();
    assert_eq!(seen["INTERLUDE_PROGRAM"], program.to_str().unwrap());
}

#[test]
fn a_relative_configuration_becomes_absolute_and_other_preloads_stay() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let other = fixture.compile("other.so", "", &["-shared", "-fPIC"]);
    fixture.write("x.toml", "");
    let output = command(&["run", "--config", "x.toml", "--", "env"])
        .current_dir(fixture.path(""))
        .env("INTERLUDE_LIB", &library)
        .env("LD_PRELOAD", &other)
        .output()
        .unwrap();
    let seen = environment(&output);
    assert_eq!(seen["INTERLUDE_CONFIG"], fixture.path("x.toml").to_str().unwrap());
    let expected = format!("{}:{}", library.display(), other.display());
    assert_eq!(seen["LD_PRELOAD"], expected);
}

#[test]
fn the_exit_code_is_the_programs_own() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let output = interlude(Some(&library), &["run", "--", "sh", "-c", "exit 7"]);
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_script_is_run_for_its_interpreter() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let script = fixture.write("script", "#!/bin/sh\nexec env\n");
    let mut mode = std::fs::metadata(&script).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let seen = environment(&interlude(Some(&library), &["run", "--", script.to_str().unwrap()]));
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(seen["INTERLUDE_PROGRAM"], shell.to_str().unwrap());
}

#[test]
fn what_is_wrong_with_a_setting_is_one_line_with_the_key() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let bad = fixture.write("bad.toml", "moed = \"spin\"\n");
    let bad = bad.to_str().unwrap();
    let engine = "[policy.thresholds.core.deflate]\nbatch_from = 1\n";
    let engine = fixture.write("engine.toml", engine);
    let kind = "[policy.thresholds.cores.inflate]\nbatch_from = \"never\"\n";
    let kind = fixture.write("kind.toml", kind);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--mode", "fast"], &["INTERLUDE_MODE=fast", "must be off"]),
        (&["--engine", "gpu"], &["INTERLUDE_ENGINE=gpu", "must be inline"]),
        (
            &["--engine", "device", "--set", "device.description=no-such"],
            &["device.description", "/no-such: ", "bluefield2-offchip"],
        ),
        (&["--engine", "plugin"], &["plugin.path", "an absolute path"]),
        (
            &["--engine", "plugin", "--set", "plugin.path=no-such.so"],
            &["the plugin cannot be loaded: /", "/no-such.so: ", "No such file"],
        ),
        (&["--set", "cores.queue=0"], &["cores.queue", "1 to 65536"]),
        (&["--set", "cores.queue"], &["cores.queue", "KEY=VALUE"]),
        (&["--set", "x=1"], &["x=1", "no such key"]),
        (&["--config", bad], &["bad.toml", "moed"]),
        (
            &["--config", engine.to_str().unwrap()],
            &["policy.thresholds.core: no such key; there are inline, cores"],
        ),
        (
            &["--config", kind.to_str().unwrap()],
            &["policy.thresholds.cores.inflate: no such key; there are sign"],
        ),
        (&["--set", "policy.ports=443"], &["INTERLUDE_POLICY_PORTS=443", "like 443=latency"]),
        (&["--config", "/no/such/file"], &["/no/such/file", "No such file"]),
    ];
    for (options, words) in cases {
        let args = [&["run"], *options, &["--", "true"]].concat();
        let line = one_line(&interlude(Some(&library), &args), 2);
        for word in *words {
            assert!(line.contains(word), "{line:?} does not say {word:?}");
        }
    }
}

#[test]
fn an_inherited_bad_variable_is_refused_too() {
    let output = command(&["run", "--", "true"]).env("INTERLUDE_MODE", "fast").output().unwrap();
    assert!(one_line(&output, 2).contains("INTERLUDE_MODE=fast"));
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let missing = std::path::Path::new("/no/such/libinterlude.so");
    let line = one_line(&interlude(Some(missing), &["run", "--", "true"]), 2);
    assert!(line.contains("INTERLUDE_LIB=/no/such/libinterlude.so"), "{line}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let line = one_line(&interlude(Some(&library), &["run", "--", "no-such-program-here"]), 2);
    assert!(line.contains("no-such-program-here: command not found"), "{line}");
}

#[test]
fn a_static_program_runs_with_a_warning() {
    let fixture = Fixture::new();
    let library = fixture.library("");
    let program = fixture.compile("still", "int main(void) { return 3; }", &["-static"]);
    let output = interlude(Some(&library), &["run", "--", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let warning = text(&output.stderr);
    assert_eq!(warning.lines().count(), 1, "{warning}");
    assert!(warning.contains("statically linked"), "{warning}");
}
