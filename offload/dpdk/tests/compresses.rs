//! What each driver puts out stands for what was put in, whatever its size, kind and room.

use std::io::Read;
use std::time::{Duration, Instant};

use flate2::read::DeflateDecoder;
use interlude_plugin::{Answer, Failed, Library, Queue, Request, Turned};

const DRIVERS: [&str; 2] = ["compress_isal", "compress_zlib"];
/// Bytes that one mbuf stands for (`c/dpdk.h`).
const SEGMENT: usize = 61_440;
/// Requests of a queue's.
const QUEUE: u64 = 256;

fn open(driver: &str) -> Option<Queue> {
    let library = Library::load(interlude_dpdk::plugin_or_skip()?).unwrap();
    Some(Queue::open(&library, &format!("vdev={driver}")).unwrap())
}

/// Each of another kind.
fn inputs(len: usize) -> [Vec<u8>; 4] {
    let mut state = 0x9e37_79b9_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let text = (0_u32..).flat_map(|i| {
        format!("<li class=\"item\">{}</li>\n", i.wrapping_mul(i) % 977).into_bytes()
    });
    let noise: Vec<u8> = (0..len).map(|_| random()).collect();
    let few = (0..len).map(|_| b"acgt"[usize::from(random() & 3)]).collect();
    [text.take(len).collect(), vec![0; len], noise, few]
}

fn answers(queue: &mut Queue, number: usize) -> Vec<Answer> {
    let begun = Instant::now();
    let mut all = Vec::new();
    while all.len() < number {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} of {number}", all.len());
        queue.poll(7, &mut all);
        std::thread::yield_now();
    }
    all
}

fn compress(queue: &mut Queue, request: Request) -> Answer {
    queue.submit(1, request).unwrap();
    answers(queue, 1).remove(0)
}

fn inflated(blocks: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(blocks).read_to_end(&mut bytes).unwrap();
    bytes
}

/// What it was compressed to, having been compared.
fn checked(answer: &Answer, input: &[u8], what: &str) -> usize {
    let produced = answer.result.unwrap_or_else(|why| panic!("{what}: {why:?}"));
    assert!(inflated(answer.request.output(produced.len)) == input, "{what}");
    assert_eq!(answer.request.input(), input, "{what}");
    produced.len
}

#[test]
fn every_size_and_kind_comes_back_as_it_was() {
    let sizes = [1, 2, 63, 1000, 4096, 16_384, SEGMENT - 1, SEGMENT, SEGMENT + 1, 65_535, 65_536];
    let sizes = sizes.into_iter().chain([
        61_600,
        70_000,
        122_000,
        2 * SEGMENT,
        2 * SEGMENT + 1,
        150_001,
        300_000,
        1 << 20,
    ]);
    for (driver, len) in
        DRIVERS.iter().flat_map(|driver| sizes.clone().map(move |len| (driver, len)))
    {
        let Some(mut queue) = open(driver) else { return };
        for (kind, input) in inputs(len).into_iter().enumerate() {
            for level in if len < 100_000 { &[0, 1, 2, 6, 9][..] } else { &[1, 6] } {
                let what = format!("{driver}, {len} bytes of kind {kind}, level {level}");
                let room = len + len / 8 + 64;
                let request = Request::compress(input.clone(), room, *level, 15);
                let produced = checked(&compress(&mut queue, request), &input, &what);
                // Text, zeros, noise, four letters.
                let at_most = [len / 2, len / 50, len + len / 100, len / 2][kind] + 40;
                assert!(produced <= at_most, "{what}: {produced}");
            }
        }
    }
}

#[test]
fn without_room_a_request_is_declined() {
    for driver in DRIVERS {
        let Some(mut queue) = open(driver) else { return };
        for len in [500, 20_000, 3 * SEGMENT, 500_000] {
            let [text, _, noise, _] = inputs(len);
            for input in [text, noise] {
                let what = format!("{driver}, {len} bytes");
                let roomy = Request::compress(input.clone(), 2 * len + 64, 6, 15);
                let needed = checked(&compress(&mut queue, roomy), &input, &what);
                for room in [1, needed / 2] {
                    let tight = Request::compress(input.clone(), room, 6, 15);
                    assert_eq!(
                        compress(&mut queue, tight).result,
                        Err(Failed::Declined),
                        "{what}, room for {room} of {needed}"
                    );
                }
                // The next one has nothing of it.
                let roomy = Request::compress(input.clone(), 2 * len + 64, 6, 15);
                assert_eq!(checked(&compress(&mut queue, roomy), &input, &what), needed);
            }
        }
    }
}

#[test]
fn no_match_is_from_farther_back_than_the_window() {
    let noise = &inputs(2000)[2];
    let twice = [&noise[..], &noise[..]].concat();
    let request = |bytes: &[u8], bits| Request::compress(bytes.to_vec(), 8000, 6, bits);
    let Some(mut zlib) = open("compress_zlib") else { return };
    let far = checked(&compress(&mut zlib, request(&twice, 15)), &twice, "15 bits");
    let near = checked(&compress(&mut zlib, request(&twice, 9)), &twice, "9 bits");
    assert!(far < 2500 && near >= 4000, "{far} {near}");
    // ISA-L's driver has one window, of 32 KiB: what is no longer than the window asked for needs no other.
    let mut isal = open("compress_isal").unwrap();
    let refused = isal.submit(2, request(&twice[..513], 9)).map_err(|(why, _)| why);
    assert_eq!(refused, Err(Turned::Refused(libc::EINVAL)));
    checked(&compress(&mut isal, request(&twice[..512], 9)), &twice[..512], "512 bytes, 9 bits");
}

#[test]
fn more_than_the_queue_holds_is_turned_away_and_the_rest_is_right() {
    for driver in DRIVERS {
        let Some(mut queue) = open(driver) else { return };
        let input = |ticket: u64| inputs(5000 + 7 * ticket as usize)[3].clone();
        let request = |ticket| Request::compress(input(ticket), 20_000, (ticket % 10) as u8, 15);
        for ticket in 0..QUEUE {
            assert!(queue.submit(ticket, request(ticket)).is_ok(), "{ticket}");
        }
        // A place is free when its answer was taken, so this depends on no timing.
        let Err((why, back)) = queue.submit(QUEUE, request(QUEUE)) else { panic!("{driver}") };
        assert_eq!(why, Turned::Full);
        let mut all = answers(&mut queue, 1);
        queue.submit(QUEUE, back).unwrap();
        all.extend(answers(&mut queue, QUEUE as usize + 1 - all.len()));
        let mut tickets: Vec<_> = all.iter().map(|answer| answer.ticket).collect();
        tickets.sort_unstable();
        assert_eq!(tickets, (0..=QUEUE).collect::<Vec<_>>());
        for answer in &all {
            checked(answer, &input(answer.ticket), driver);
        }
        assert_eq!((queue.out(), queue.take_dropped()), (0, 0));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let Some(mut queue) = open("compress_isal") else { return };
    assert!(queue.accepts(1) && queue.accepts(64 << 20));
    assert!(!queue.accepts(0) && !queue.accepts((64 << 20) + 1));
    let nothing = queue.submit(1, Request::compress(Vec::new(), 100, 6, 15));
    assert_eq!(nothing.map_err(|(why, _)| why), Err(Turned::Refused(libc::EINVAL)));
}
