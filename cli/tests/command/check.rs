//! `interlude check` and `interlude matrix` on programs made for it.

use crate::fixture::{Fixture, command, interlude, one_line, text};
use serde_json::Value;

const HOOKS: &str = "loop epoll_wait\nio read\ntls SSL_read\ncompression deflate\n";

/// A server in miniature: it waits, and it compresses. `deflate` comes from a library of its own.
const SERVER: &str = "
#include <stddef.h>
#include <sys/epoll.h>
int deflate(void *stream, int flush);
int main(void) { struct epoll_event e; return epoll_wait(0, &e, 1, 0) + deflate(NULL, 0); }
";

#[test]
fn a_static_program_cannot_be_accelerated() {
    let fixture = Fixture::new();
    let program = fixture.compile("still", "int main(void) { return 0; }", &["-static"]);
    let output = interlude(None, &["check", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.contains("still cannot be accelerated: it is statically linked"), "{report}");
}

#[test]
fn a_program_without_a_loop_cannot_be_accelerated() {
    let fixture = Fixture::new();
    let library = fixture.library(HOOKS);
    let program = fixture.compile("plain", "int main(void) { return 0; }", &[]);
    let output = interlude(Some(&library), &["check", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("no epoll wait call"));
}

fn server(fixture: &Fixture) -> String {
    let body = "int deflate(void *s, int f) { return s ? f : 0; }";
    fixture.compile("libsqueeze.so", body, &["-shared", "-fPIC"]);
    let dir = fixture.path("");
    let dir = dir.to_str().unwrap().trim_end_matches('/');
    let (search, path) = (format!("-L{dir}"), format!("-Wl,-rpath,{dir}"));
    let program = fixture.compile("server", SERVER, &[&search, &path, "-lsqueeze"]);
    program.to_str().unwrap().to_owned()
}

#[test]
fn a_program_with_a_loop_and_a_heavy_call_can() {
    let fixture = Fixture::new();
    let library = fixture.library(HOOKS);
    let program = server(&fixture);
    let output = interlude(Some(&library), &["check", &program, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["dynamic"], true);
    assert_eq!(report["accelerable"], true);
    let symbols: Vec<&str> =
        report["hooks"].as_array().unwrap().iter().filter_map(|h| h["symbol"].as_str()).collect();
    assert!(symbols.contains(&"epoll_wait") && symbols.contains(&"deflate"), "{symbols:?}");
    assert!(!symbols.contains(&"SSL_read"), "{symbols:?}");
    let squeeze = report["libraries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|library| library["name"] == "libsqueeze.so" && library["intercepted"] == true);
    assert!(squeeze.is_some(), "{report}");
    let engines: Vec<&str> =
        report["engines"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
    assert_eq!(engines, ["inline", "cores", "device"]);
}

#[test]
fn a_plugin_is_named_with_its_version_or_with_what_is_wrong_with_it() {
    let fixture = Fixture::new();
    let library = fixture.library(HOOKS);
    let program = server(&fixture);
    let checked = |plugin: &str| {
        let mut command = command(&["check", &program]);
        command.env("INTERLUDE_LIB", &library).env("INTERLUDE_PLUGIN_PATH", plugin);
        text(&command.output().unwrap().stdout)
    };
    let good = checked(fixture.plugin().to_str().unwrap());
    assert!(good.contains(", plugin (zlib 1)\n"), "{good}");
    let missing = checked("/no/such.so");
    let why = ", plugin (cannot be used: the plugin cannot be loaded: /no/such.so: ";
    assert!(missing.contains(why), "{missing}");
    let none = checked(library.to_str().unwrap());
    assert!(none.contains("is no plugin: it has no interlude_engine_plugin)"), "{none}");
}

#[test]
fn a_module_counts_as_the_program_does() {
    let fixture = Fixture::new();
    let library = fixture.library(HOOKS);
    let loop_only = SERVER.replace(" + deflate(NULL, 0)", "");
    std::fs::create_dir_all(fixture.path("sbin")).unwrap();
    std::fs::create_dir_all(fixture.path("lib/tiny")).unwrap();
    let program = fixture.compile("sbin/tiny", &loop_only, &[]);
    let program = program.to_str().unwrap();
    assert_eq!(interlude(Some(&library), &["check", program]).status.code(), Some(1));
    let module = "int SSL_read(void); int serve(void) { return SSL_read(); }";
    fixture.compile("lib/tiny/mod_tls.so", module, &["-shared", "-fPIC"]);
    let output = interlude(Some(&library), &["check", program]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("may load mod_tls.so"), "{report}");
    assert!(report.contains("SSL_read (mod_tls.so)"), "{report}");
}

#[test]
fn a_library_without_a_list_of_hooks_is_named() {
    let fixture = Fixture::new();
    let library = fixture.compile("empty.so", "", &["-shared", "-fPIC"]);
    let program = fixture.compile("plain", "int main(void) { return 0; }", &[]);
    let output = interlude(Some(&library), &["check", program.to_str().unwrap()]);
    assert!(one_line(&output, 2).contains(".interlude.hooks"));
}

#[test]
fn a_matrix_is_stale_when_a_hook_is_new() {
    let fixture = Fixture::new();
    let library = fixture.library(HOOKS);
    let printed = interlude(Some(&library), &["matrix"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let table = text(&printed.stdout);
    assert!(table.contains("| loop | `epoll_wait` |"), "{table}");
    let file = fixture.write("MATRIX.md", &table);
    let file = file.to_str().unwrap();
    assert!(interlude(Some(&library), &["matrix", "--check", file]).status.success());
    let longer = fixture.library(&format!("{HOOKS}io write\n"));
    let output = interlude(Some(&longer), &["matrix", "--check", file]);
    assert!(one_line(&output, 1).contains("stale"));
}
