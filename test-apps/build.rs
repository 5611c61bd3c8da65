//! Compiles the C and C++ servers in `c/` with the system's compiler, as anybody would, and gives each
//! one's path to this package as `APP_NAME`; and libraries that are preloaded into others.
//!
//! Some are linked with ONNX Runtime's library as `scripts/setup.sh` unpacks it in `third-party/`. Where that
//! is missing there are no such programs, and their paths are empty.
//!
//! Must not: link anything of ours. They are the unmodified programs of the tests.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// One program: its name and its source files, relative to `c/`.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("two-messages", &["two-messages.c"]),
    ("relay", &["relay.c"]),
    ("meanwhile", &["meanwhile.c"]),
    ("mutex-across", &["mutex-across.c"]),
    ("crossed-locks", &["crossed-locks.c"]),
    ("shared-buffer", &["shared-buffer.c"]),
    ("reused-number", &["reused-number.c"]),
    ("echo", &["echo.c"]),
    ("renewed-loop", &["renewed-loop.c"]),
    ("batches", &["batches.c"]),
    ("threads", &["threads.c"]),
    ("timers", &["timers.c"]),
    ("epoll-kernel", &["epoll-kernel.c"]),
    ("cgi", &["cgi.c"]),
    ("children", &["children.c"]),
    ("executes", &["executes.c"]),
    ("ends", &["ends.c"]),
    ("orders", &["orders.c"]),
    ("kept-one", &["kept-one.c"]),
    ("pooled-peer", &["pooled-peer.c"]),
    ("swapped", &["swapped.c"]),
    ("posted", &["posted.c"]),
    ("objects", &["objects.c"]),
    ("stale-events", &["stale-events.c"]),
    ("handlers", &["handlers.c"]),
    ("leaving", &["leaving.c"]),
    ("static-key", &["static-key.c"]),
    ("curl-client", &["curl-client.c"]),
    ("exceptions", &["exceptions/main.c", "exceptions/handlers.cpp"]),
    (
        "epoll-held",
        &["epoll-held/main.c", "epoll-held/files.c", "epoll-held/ledger.c", "epoll-held/job.c"],
    ),
    (
        "hook-calls",
        &[
            "hook-calls/main.c",
            "hook-calls/transcript.c",
            "hook-calls/key.c",
            "hook-calls/files.c",
            "hook-calls/sockets.c",
            "hook-calls/descriptors.c",
            "hook-calls/epoll.c",
            "hook-calls/locks.c",
            "hook-calls/waiting.c",
            "hook-calls/clocks.c",
            "hook-calls/sign.c",
            "hook-calls/keys.c",
            "hook-calls/sessions.c",
            "hook-calls/tls.c",
            "hook-calls/key-schedule.c",
            "hook-calls/deflate.c",
            "hook-calls/inflate.c",
            "hook-calls/one-calls.c",
            "hook-calls/libdeflate.c",
            "hook-calls/ambient.c",
            "hook-calls/process.c",
            "hook-calls/threads.c",
            "hook-calls/signals.c",
        ],
    ),
];

/// Programs that are linked with ONNX Runtime, and their sources.
const INFERRING: &[(&str, &[&str])] = &[
    (
        "infer-server",
        &[
            "infer-server/main.c",
            "infer-server/connection.c",
            "infer-server/json.c",
            "infer-server/model.c",
        ],
    ),
    ("infer-calls", &["infer-calls/main.c"]),
];
/// What they are linked with, in `third-party/onnxruntime`.
const ONNXRUNTIME: &str = "libonnxruntime.so.1";

/// Libraries to be preloaded, each of one file.
const PRELOADED: &[(&str, &str)] = &[("other-numbers", "other-numbers.c")];

/// Engines to be loaded, good and bad ones: what `-D` makes of which file in `offload/plugin`.
const PLUGINS: &[(&str, &str, &[&str])] = &[
    ("plugin-zlib", "example/zlib.c", &[]),
    ("plugin-stores", "tests/c/faulty.c", &["-DFAULT=NONE"]),
    ("plugin-wrong", "tests/c/faulty.c", &["-DFAULT=WRONG"]),
    ("plugin-never", "tests/c/faulty.c", &["-DFAULT=NEVER"]),
    ("plugin-twice", "tests/c/faulty.c", &["-DFAULT=TWICE"]),
    ("plugin-refuses", "tests/c/faulty.c", &["-DFAULT=REFUSES"]),
    ("plugin-too-long", "tests/c/faulty.c", &["-DFAULT=TOO_LONG"]),
    ("plugin-slow", "tests/c/faulty.c", &["-DFAULT=SLOW"]),
    ("plugin-open-fails", "tests/c/faulty.c", &["-DFAULT=OPEN_FAILS"]),
];
/// Where they are, from `c/`.
const PLUGINS_AT: &str = "../../offload/plugin";

const FLAGS: [&str; 6] = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"];
const LIBRARIES: [&str; 6] = ["-lssl", "-lcrypto", "-lz", "-ldeflate", "-lpthread", "-lm"];

fn main() {
    println!("cargo:rerun-if-changed=c");
    println!("cargo:rerun-if-changed=build.rs");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        fail("OUT_DIR is not set: this is cargo's build script");
    };
    for (name, sources) in PROGRAMS.iter().copied() {
        let program = out.join(name);
        compile(&program, sources, &[]);
        tell(name, &program);
    }
    for (name, source) in PRELOADED.iter().copied() {
        let library = out.join(name).with_extension("so");
        compile(&library, &[source], &["-shared", "-fPIC"]);
        tell(name, &library);
    }
    println!("cargo:rerun-if-changed=c/{PLUGINS_AT}");
    for (name, source, flags) in PLUGINS.iter().copied() {
        let library = out.join(name).with_extension("so");
        let include = format!("-Ic/{PLUGINS_AT}/include");
        let source = format!("{PLUGINS_AT}/{source}");
        compile(&library, &[&source], &[&["-shared", "-fPIC", &include], flags].concat());
        tell(name, &library);
    }
    build_inferring(&out);
}

fn build_inferring(out: &Path) {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let third_party = root.join("../third-party");
    // The folder is always there: one that is missing would be looked at anew, and everything built
    // anew, each time.
    println!("cargo:rerun-if-changed={}", third_party.display());
    let library = third_party.join("onnxruntime").canonicalize();
    for (name, sources) in INFERRING.iter().copied() {
        let Ok(folder) = &library else {
            tell(name, Path::new(""));
            continue;
        };
        let program = out.join(name);
        let folder = folder.display();
        let more = [
            format!("-L{folder}"),
            format!("-Wl,-rpath,{folder}"),
            // Of the libraries that all programs here are linked with, only those that it calls.
            "-Wl,--as-needed".to_owned(),
            format!("-l:{ONNXRUNTIME}"),
        ];
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        compile(&program, sources, &more);
        tell(name, &program);
    }
}

fn tell(name: &str, path: &Path) {
    let variable = name.to_uppercase().replace('-', "_");
    println!("cargo:rustc-env=APP_{variable}={}", path.display());
}

fn compile(program: &Path, sources: &[&str], more: &[&str]) {
    let is_cpp = |source: &str| source.ends_with(".cpp");
    // The C++ driver also knows what its programs are linked with.
    let driver = if sources.iter().any(|source| is_cpp(source)) { "c++" } else { "cc" };
    let mut command = Command::new(driver);
    command.args(FLAGS).arg("-o").arg(program);
    for source in sources {
        command.args(["-x", if is_cpp(source) { "c++" } else { "c" }]);
        command.arg(Path::new("c").join(source));
    }
    match command.args(["-x", "none"]).args(more).args(LIBRARIES).status() {
        Ok(status) if status.success() => {}
        Ok(_) => fail(&format!("{driver} could not build {}", program.display())),
        Err(why) => fail(&format!("{driver}: {why} (scripts/setup.sh installs it)")),
    }
}

fn fail(why: &str) -> ! {
    println!("cargo:error={why}");
    eprintln!("{why}");
    exit(1)
}
