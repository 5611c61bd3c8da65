//! What the tests of the `interlude` command share: running it, and small things built by `cc`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory with a program or two, removed when dropped.
pub(crate) struct Fixture {
    dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Builds C source into `name`.
    pub(crate) fn compile(&self, name: &str, source: &str, options: &[&str]) -> PathBuf {
        let input = self.write(&format!("{name}.c"), source);
        let output = self.path(name);
        let status =
            Command::new("cc").arg(&input).arg("-o").arg(&output).args(options).status().unwrap();
        assert!(status.success(), "cc {}", input.display());
        output
    }

    /// The example of a plugin.
    pub(crate) fn plugin(&self) -> PathBuf {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../offload/plugin");
        let source = format!("#include \"{root}/example/zlib.c\"\n");
        let options = ["-shared", "-fPIC", &format!("-I{root}/include"), "-lz"];
        self.compile("plugin.so", &source, &options)
    }

    /// A library that does nothing but carry a list of hooks, as `libinterlude.so` does.
    pub(crate) fn library(&self, hooks: &str) -> PathBuf {
        let text = hooks.replace('\n', "\\n");
        let source = format!(
            "__attribute__((section(\".interlude.hooks\"), used)) \
             static const char hooks[] = \"{text}\";\n"
        );
        self.compile("libinterlude.so", &source, &["-shared", "-fPIC"])
    }
}

/// Runs `interlude` with a clean environment, and with `library` as the library.
pub(crate) fn interlude(library: Option<&Path>, args: &[&str]) -> Output {
    let mut command = command(args);
    if let Some(path) = library {
        command.env("INTERLUDE_LIB", path);
    }
    command.output().unwrap()
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interlude"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("INTERLUDE_") {
            command.env_remove(name);
        }
    }
    command.env_remove("LD_PRELOAD").args(args);
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// It ended with this code, said one line on stderr and nothing on stdout. Returns the line.
#[track_caller]
pub(crate) fn one_line(output: &Output, code: i32) -> String {
    let line = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!(text(&output.stdout), "");
    line
}
