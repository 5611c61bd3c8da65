//! The server of `bench device`: what it compresses becomes the object again, under whatever compresses, and an emulated
//! device that remembers computes each object once.

use crate::app::{self, MODES, coroutine, preload};
use interlude_test_apps::AppServer;
use interlude_test_apps::Preload;
use interlude_test_apps::objects::{self, Answer, Corpora, Kind, Request};
use std::net::TcpStream;

/// Where what is small, or large, begins somewhere in the library or the shim; and the ends.
const SIZES: [u32; 6] = [1, 64, 257, 2048, 8192, 65536];
const DEVICE: [(&str, &str); 4] = [
    ("INTERLUDE_ENGINE", "device"),
    ("INTERLUDE_DEVICE_RESULTS", "remembered"),
    ("INTERLUDE_DEFLATE_MIN", "0"),
    // A machine that does much else: nothing is to be late by the guard.
    ("INTERLUDE_DEADLINE_MS", "30000"),
];

fn requests() -> Vec<Request> {
    let compress = |kind| SIZES.map(|size| Request::Compress { kind, which: 3, size });
    Kind::ALL.into_iter().flat_map(compress).chain((0..4).map(Request::Page)).collect()
}

fn open(server: &AppServer) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(app::PATIENCE)).unwrap();
    stream
}

/// All answers, right ones.
fn answers(stream: &mut TcpStream, corpora: &Corpora) -> Vec<(u32, u32)> {
    let ask = |request: Request| {
        let (Answer { length, checksum, which, .. }, result) = request.ask(stream).unwrap();
        assert!(corpora.is_right(request, &result), "{request:?}");
        assert_eq!(which, request.which());
        (length, checksum)
    };
    requests().into_iter().map(ask).collect()
}

fn start(library: &str, preload: &Preload) -> AppServer {
    objects::start(library, 1, preload, &[]).unwrap()
}

#[test]
fn in_each_mode_objects_come_back() {
    let corpora = Corpora::default();
    for library in ["zlib", "libdeflate"] {
        let mut native = None;
        for mode in MODES {
            let server = start(library, &preload(mode));
            let here = answers(&mut open(&server), &corpora);
            assert_eq!(*native.get_or_insert_with(|| here.clone()), here, "{library} {mode}");
            server.stop().unwrap();
        }
    }
    let isal = coroutine(&[("INTERLUDE_COMPRESS_WITH", "isal"), ("INTERLUDE_MODE", "inline")]);
    let server = start("zlib", &isal);
    answers(&mut open(&server), &corpora);
    assert!(server.counter("compress.taken") > 0);
    server.stop().unwrap();
}

#[test]
fn what_becomes_another_object_is_not_right() {
    let corpora = Corpora::default();
    let server = start("zlib", &Preload::Stock);
    let mut stream = open(&server);
    for (request, other) in [
        (Request::Page(1), Request::Page(2)),
        (
            Request::Compress { kind: Kind::Html, which: 1, size: 100 },
            Request::Compress { kind: Kind::Html, which: 1, size: 101 },
        ),
    ] {
        let (_, mut result) = request.ask(&mut stream).unwrap();
        assert!(corpora.is_right(request, &result) && !corpora.is_right(other, &result));
        *result.last_mut().unwrap() ^= 1;
        assert!(!corpora.is_right(request, &result));
    }
    server.stop().unwrap();
}

#[test]
fn an_emulated_device_that_remembers_computes_each_object_once() {
    let corpora = Corpora::default();
    for mode in ["block", "spin", "coroutine"] {
        let set = [&DEVICE[..], &[("INTERLUDE_MODE", mode)]].concat();
        let server = start("libdeflate", &coroutine(&set));
        // The first call of a thread is made in place.
        let first = answers(&mut open(&server), &corpora);
        answers(&mut open(&server), &corpora);
        let count = |name: &str| server.counter(name);
        let before = (count("device.remembered"), count("engine.device.completed"));
        // Another connection has another compressor, of the same level.
        let (mut one, mut other) = (open(&server), open(&server));
        assert_eq!(answers(&mut one, &corpora), first, "{mode}");
        assert_eq!(answers(&mut other, &corpora), first, "{mode}");
        let all = 2 * requests().len() as u64;
        let after = (count("device.remembered"), count("engine.device.completed"));
        assert_eq!((after.0 - before.0, after.1 - before.1), (all, all), "{mode}");
        server.stop().unwrap();
    }
}

#[test]
fn where_there_is_no_room_to_remember_all_it_is_computed_again() {
    let corpora = Corpora::default();
    let set = [&DEVICE[..], &[("INTERLUDE_DEVICE_REMEMBERED_KIB", "8")]].concat();
    let server = start("libdeflate", &coroutine(&set));
    let mut stream = open(&server);
    let first = answers(&mut stream, &corpora);
    let remembered = server.counter("device.remembered");
    assert_eq!(answers(&mut stream, &corpora), first);
    // The last of the first time are the pages, which do not fit; what is small may.
    let again = server.counter("device.remembered") - remembered;
    assert!(again < requests().len() as u64 / 2, "{again}");
    server.stop().unwrap();
}
