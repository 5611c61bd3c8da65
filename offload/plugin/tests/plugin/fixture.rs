//! Plugins built from C with the system's compiler, once each, and what is given to them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::read::DeflateDecoder;
use interlude_offload::{
    Compressed, Compression, Engine, Job, JobKind, Plugin, PluginLibrary, Ticket, Work,
};
use std::io::Read;

/// One at a time: cargo runs tests side by side.
static BUILDING: Mutex<()> = Mutex::new(());

fn build(name: &str, source: &str, more: &[&str]) -> PathBuf {
    let _building = BUILDING.lock().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("so");
    // To another name first: whoever has it open keeps what he has.
    let fresh = library.with_extension(format!("{}.so", std::process::id()));
    let status = Command::new("cc")
        .args(["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I"])
        .arg(root.join("include"))
        .arg("-o")
        .arg(&fresh)
        .arg(root.join(source))
        .args(more)
        .status();
    assert!(status.unwrap().success(), "{source} {more:?}");
    std::fs::rename(&fresh, &library).unwrap();
    library
}

/// The example.
pub(crate) fn example() -> String {
    build("example", "example/zlib.c", &["-lz", "-lpthread"]).display().to_string()
}

/// One with that fault.
pub(crate) fn faulty(fault: &str) -> String {
    let name = format!("faulty-{}", fault.to_lowercase());
    build(&name, "tests/c/faulty.c", &[&format!("-DFAULT={fault}")]).display().to_string()
}

/// An engine over it.
pub(crate) fn open(path: &str) -> Plugin {
    Plugin::open(&PluginLibrary::load(path).unwrap(), "").unwrap()
}

/// Bytes that look like a page's, each page another.
pub(crate) fn page(number: usize, len: usize) -> Vec<u8> {
    let line = |i: usize| format!("<li class=\"item-{number}\">{}</li>\n", i * i % 977);
    (0..).flat_map(|i| line(i).into_bytes()).take(len).collect()
}

/// A job over such a page, with room for whatever comes out.
pub(crate) fn job(ticket: u64, input: Vec<u8>) -> (Arc<Work<Compression>>, Job) {
    let capacity = input.len() + input.len() / 8 + 64;
    let bytes = input.len();
    let work = Arc::new(Work::new(Compression::new(input, capacity, 6, 15)));
    let task = Arc::clone(&work);
    let job = Job { ticket: Ticket(ticket), kind: JobKind::Compress, bytes, task };
    (work, job)
}

/// The results of a job that was done.
pub(crate) fn results(work: &Work<Compression>) -> Option<Compressed> {
    work.take().and_then(|done| done.call.compressed())
}

/// What they stand for, by another implementation.
pub(crate) fn inflated(blocks: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(blocks).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Polls until so many have been answered.
pub(crate) fn answers(engine: &mut impl Engine, number: usize) -> Vec<Ticket> {
    let mut done = Vec::new();
    let begun = Instant::now();
    while done.len() < number {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} of {number}", done.len());
        if engine.poll(7, &mut done) == 0 {
            engine.sleep(Some(Duration::from_secs(1)));
        }
    }
    done.iter().map(|completion| completion.ticket).collect()
}
