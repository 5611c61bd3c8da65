//! Echo servers, once for each way of using epoll: every byte comes back, in order, and a
//! half-close is answered, whatever other connections do meanwhile.

use crate::app::{App, MODES, PATIENCE, coroutine, preload};
use interlude_test_apps::{Preload, Seeded, wait};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const WAYS: [&str; 4] = ["lt", "et", "oneshot", "exclusive"];
const CONNECTIONS: u64 = 32;
/// More than the buffers between a server that does not read and a client that does not.
const MUCH: usize = 1 << 19;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Writes in pieces of random size without waiting, reads at the same time, half-closes.
    Pipelined,
    /// Reads only when nothing more can be written, so that the server has to wait with its echo.
    Slow,
    /// Leaves in the middle, with unread echo: a reset.
    Aborted,
    /// Half-closes without a byte.
    Silent,
}

/// One client, from connect to close. An error says what was not as it should be.
fn client(port: u16, seed: u64) -> Result<(), String> {
    let mut random = Seeded::new(seed);
    let manner = match random.below(8) {
        0 => Manner::Aborted,
        1 => Manner::Slow,
        2 => Manner::Silent,
        _ => Manner::Pipelined,
    };
    let size = match manner {
        Manner::Silent => 0,
        Manner::Slow => MUCH + MUCH / 4,
        Manner::Aborted | Manner::Pipelined => 1 + random.below(150_000),
    };
    let words = std::iter::repeat_with(|| random.next().to_le_bytes());
    let bytes: Vec<u8> = words.flatten().take(size).collect();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string())?;
    let failed = |what: &str, e: std::io::Error| format!("{manner:?}, seed {seed}: {what}: {e}");
    stream.set_read_timeout(Some(PATIENCE)).map_err(|e| failed("setting up", e))?;
    let writer = stream.try_clone().map_err(|e| failed("setting up", e))?;
    let (begin, may_read) = mpsc::channel();
    thread::scope(|scope| {
        let writing = scope.spawn(|| write(writer, &bytes, manner, &mut random, begin));
        if manner == Manner::Slow {
            // An error: the writer is through, or gone; reading tells.
            let _ = may_read.recv();
        }
        let reading = read(stream, &bytes, manner);
        let written = writing.join().map_err(|_| "the writer panicked".to_owned())?;
        written.map_err(|e| failed("writing", e))?;
        reading.map_err(|why| format!("{manner:?}, seed {seed}: {why}"))
    })
}

/// Writes all in pieces of random size, and half-closes. Sends on `begin` once nothing more can be
/// written without reading, or enough is written.
fn write(
    mut stream: TcpStream,
    bytes: &[u8],
    manner: Manner,
    random: &mut Seeded,
    begin: mpsc::Sender<()>,
) -> std::io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let mut written = 0;
    while written < bytes.len() {
        let most = bytes.len().min(written + 1 + random.below(20_000));
        match stream.write(&bytes[written..most]) {
            Ok(size) => written += size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(begin.send(())),
            Err(error) if manner == Manner::Aborted && reset(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        if written >= MUCH {
            let _ = begin.send(());
        }
    }
    // An aborted connection may be gone already.
    stream
        .shutdown(Shutdown::Write)
        .or_else(|e| if manner == Manner::Aborted { Ok(()) } else { Err(e) })
}

fn reset(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Reads the echo and the answer to the half-close, and compares.
fn read(mut stream: TcpStream, bytes: &[u8], manner: Manner) -> Result<(), String> {
    if manner == Manner::Aborted {
        // Something has come back, and more is to come: closing now is a reset.
        let got = stream.read(&mut [0; 1]).map_err(|e| e.to_string())?;
        // For the writer, which may wait; it fails where the connection is gone already.
        let _ = stream.shutdown(Shutdown::Both);
        return if got == 1 { Ok(()) } else { Err("no echo".to_owned()) };
    }
    let mut expected = bytes.to_vec();
    expected.extend_from_slice(format!("end {}\n", bytes.len()).as_bytes());
    let mut echoed = Vec::with_capacity(expected.len());
    let end = stream.read_to_end(&mut echoed);
    let differs = echoed.iter().zip(&expected).position(|(a, b)| a != b);
    match (end, differs) {
        (Err(error), _) => Err(format!("after {} of {} bytes: {error}", echoed.len(), bytes.len())),
        (_, Some(at)) => Err(format!("byte {at} of {} differs", expected.len())),
        (Ok(size), None) if size != expected.len() => {
            Err(format!("{size} bytes instead of {}", expected.len()))
        }
        (Ok(_), None) => Ok(()),
    }
}

/// One client by itself, which awaits each byte's echo before it sends the next, so that each is an
/// event of its own and the only one of its wait. (What a crowd sends may all be there with the events of
/// the first waits: a turn with many of them parks nowhere.)
fn one_by_one(port: u16) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("one by one: {e}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    for byte in b"sixteen bytes do" {
        let mut echo = [0];
        stream.write_all(&[*byte]).map_err(failed)?;
        stream.read_exact(&mut echo).map_err(failed)?;
        if echo != [*byte] {
            return Err(format!("one by one: {byte} comes back as {}", echo[0]));
        }
    }
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    let mut end = String::new();
    stream.read_to_string(&mut end).map_err(failed)?;
    if end == "end 16\n" { Ok(()) } else { Err(format!("one by one: the end is {end:?}")) }
}

/// Many clients at once and one after them, all of them served right, none of their descriptors left open,
/// and a clean end. Returns how often a coroutine was parked, and what its counters say.
fn echoes(way: &str, every: u32, kind: &str, preload: &Preload) -> (u64, String) {
    let app = App::start(env!("APP_ECHO"), &[way, &every.to_string(), kind], preload);
    let port = app.port();
    let before = app.open_fds();
    let failures: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> =
            (1..=CONNECTIONS).map(|seed| scope.spawn(move || client(port, seed))).collect();
        clients.into_iter().filter_map(|client| client.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{way} {preload}: {failures:#?}");
    assert_eq!(one_by_one(port), Ok(()), "{way} {preload}");
    // Helper threads and their descriptors are made once, on first use.
    let allowed = before + if matches!(preload, Preload::Stock) { 0 } else { 4 };
    let closed = wait::until(PATIENCE, || app.open_fds() <= allowed);
    assert!(closed, "{way} {preload}: {} fds open, {before} before", app.open_fds());
    let parked = (app.counter("coroutine.parked"), app.said());
    app.stop();
    parked
}

#[test]
fn plain_servers_echo_every_byte_in_order() {
    for way in WAYS {
        echoes(way, 3, "sign", &Preload::Stock);
    }
}

#[test]
fn in_each_mode_every_way_of_using_epoll_echoes_every_byte_in_order() {
    for mode in MODES {
        for way in WAYS {
            let (parked, said) = echoes(way, 5, "sign", &preload(mode));
            assert_eq!(parked > 0, mode == "coroutine", "{way} {mode}: {parked} parks; {said}");
        }
    }
}

#[test]
fn without_a_heavy_call_nothing_parks_and_every_byte_is_echoed() {
    for way in WAYS {
        assert_eq!(echoes(way, 0, "sign", &preload("coroutine")).0, 0, "{way}");
    }
}

#[test]
fn pieces_that_are_all_compressed_are_echoed_in_order() {
    for way in WAYS {
        let (parked, said) = echoes(way, 1, "deflate", &coroutine(&[]));
        assert!(parked > 0, "{way}: {said}");
    }
}
