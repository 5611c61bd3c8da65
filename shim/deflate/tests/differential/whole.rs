//! Streams of which the first call brings everything: libdeflate's, behind zlib's interface.

use interlude_deflate::trial::{LONGEST_WHOLE, Trial};
use interlude_deflate::{Compressor, Event, Pieces, libdeflate};

use crate::common::data::Data;
use crate::common::zlib::Header;
use crate::decode::decode;
use crate::library::{self, Api, OURS, REAL};
use crate::plan::{Room, Setup};
use crate::side::Side;

/// zlib, gzip, raw.
const WRAPPERS: [i32; 3] = [15, 31, -15];
const ONE_CALL: Room = Room { calls: 0, first: 0, then: 200_000 };

fn begin(api: Api, setup: Setup) -> Side {
    library::start();
    let (side, code) = Side::new(api, setup);
    assert_eq!(code, 0);
    library::seen();
    side
}

fn setup(level: i32, window: i32) -> Setup {
    Setup { level, window, memory: 8, strategy: 0 }
}

fn text(len: usize) -> Vec<u8> {
    Data::Text { seed: 11, len }.bytes()
}

/// Why was it no whole buffer?
fn in_pieces() -> Option<Pieces> {
    library::seen().into_iter().find_map(|event| match event {
        Event::InPieces(why) => Some(why),
        _ => None,
    })
}

#[test]
fn a_whole_buffer_is_libdeflates_with_any_wrapper_and_any_room() {
    for window in WRAPPERS {
        for level in [4, 6, 9] {
            for (len, room) in [(64, 1), (3000, 1), (30_000, 2), (65_000, 7), (65_000, 4096)] {
                let data = text(len);
                let ended = [OURS, REAL].map(|api| {
                    let mut side = begin(api, setup(level, window));
                    let then = Room { calls: 0, first: 0, then: room };
                    let code = side.drive(&data, 4, then);
                    let ended = (code, side.z.total_in, side.z.adler, side.z.data_type);
                    let decoded = decode(&side.out, window, &[]).unwrap();
                    assert!(decoded.ended && decoded.bytes == data, "{} {window}", api.name);
                    side.memory.check();
                    assert_eq!(side.end(), 0);
                    assert!(side.memory.is_empty());
                    ended
                });
                assert_eq!(ended[0], ended[1], "{window} {level} {len} {room}");
            }
        }
        let mut side = begin(OURS, setup(6, window));
        assert_eq!(side.drive(&text(9000), 4, ONE_CALL), 1);
        assert_eq!(library::seen(), [Event::Taken, Event::Whole]);
    }
}

#[test]
fn output_is_that_of_libdeflate_alone() {
    library::start();
    let data = text(20_000);
    let mut side = begin(OURS, setup(6, -15));
    assert_eq!(side.drive(&data, 4, ONE_CALL), 1);
    let Compressor::Libdeflate(level) = library::policy().choose(6).whole else {
        panic!("level 6 is not libdeflate's")
    };
    let mut alone = vec![0; 30_000];
    let mut compressor = libdeflate::Compressor::new(level).unwrap();
    let len = compressor.compress(&data, &mut alone).unwrap();
    assert!(side.out == alone[..len]);
}

#[test]
fn what_came_last_is_a_dictionary_after_the_end_too() {
    library::start();
    let data = text(60_000);
    for (level, window, len) in
        [(1, 31, 100), (1, -15, 50_000), (6, 15, 3000), (6, 31, 60_000), (1, -9, 512)]
    {
        let mut side = begin(OURS, setup(level, window));
        assert_eq!(side.drive(&data[..len], 4, ONE_CALL), 1);
        assert!(library::seen().contains(&Event::Taken));
        let bits = window.unsigned_abs() & 15;
        let expected = &data[len.saturating_sub(1 << bits)..len];
        assert_eq!(side.copy(true), (0, 0));
        for _ in 0..2 {
            let (code, dictionary) = side.dictionary();
            assert!(code == 0 && dictionary == expected, "{level} {window} {len}");
        }
        assert_eq!(side.end(), 0);
    }
}

#[test]
fn what_is_called_in_the_midst_of_the_output_answers_as_zlib_does() {
    type Act = fn(&mut Side) -> (i32, i32);
    let acts: [(&str, Act); 12] = [
        ("deflatePending", |side| (side.pending().0, i32::from(side.pending().1 > 0))),
        ("deflateCopy, ended", |side| side.copy(true)),
        ("deflateCopy, abandoned", |side| side.copy(false)),
        ("deflateParams", |side| (side.api_params(9, 0), 0)),
        ("deflateParams, another strategy", |side| (side.api_params(6, 2), 0)),
        ("deflateTune", |side| {
            // SAFETY: a stream.
            (unsafe { (side.api.tune)(&raw mut *side.z, 4, 4, 4, 4) }, 0)
        }),
        ("deflatePrime", |side| {
            // SAFETY: a stream; no bits.
            (unsafe { (side.api.prime)(&raw mut *side.z, 0, 0) }, 0)
        }),
        ("deflateGetDictionary", |side| (side.dictionary().0, 0)),
        ("deflate without FINISH", |side| (side.call(0, 10), side.call(2, 10))),
        ("deflate with more input", |side| {
            side.give(&[1]);
            let code = side.call(4, 3);
            side.give(&[]);
            (code, 0)
        }),
        ("deflateBound", |side| {
            // SAFETY: a stream.
            let bound = unsafe { (side.api.bound)(&raw mut *side.z, 1000) };
            // zlib counts four bytes for a dictionary's number once it has any input.
            (i32::from((1005..1050).contains(&bound)), 0)
        }),
        ("deflate without room", |side| {
            side.z.avail_out = 0;
            // SAFETY: a stream; nothing is written.
            (unsafe { (side.api.deflate)(&raw mut *side.z, 4) }, 0)
        }),
    ];
    let data = Data::Random { seed: 5, len: 3000 }.bytes();
    for window in WRAPPERS {
        for (name, act) in acts {
            let outcome = [OURS, REAL].map(|api| {
                let mut side = begin(api, setup(6, window));
                side.give(&data);
                let first = side.call(4, 700);
                if api.name == OURS.name {
                    assert!(library::seen().contains(&Event::Taken));
                }
                let answers = act(&mut side);
                let last = side.deflate_nothing(4);
                let decoded = decode(&side.out, window, &[]).unwrap();
                assert!(decoded.ended && decoded.bytes == data, "{name}: {}", api.name);
                side.memory.check();
                let end = side.end();
                (first, answers, last, end, side.z.total_in, side.z.adler)
            });
            assert_eq!(outcome[0], outcome[1], "{name} {window}: ours, zlib's");
        }
    }
}

#[test]
fn a_reset_or_an_end_in_the_midst_of_the_output_leaves_nothing_of_it() {
    let (data, other) = (Data::Random { seed: 5, len: 3000 }.bytes(), text(5000));
    for window in WRAPPERS {
        for api in [OURS, REAL] {
            let mut side = begin(api, setup(6, window));
            side.give(&data);
            assert_eq!(side.call(4, 700), 0);
            assert_eq!(side.reset(false), 0);
            assert_eq!(side.drive(&other, 4, ONE_CALL), 1);
            let decoded = decode(&side.out, window, &[]).unwrap();
            assert!(decoded.ended && decoded.bytes == other);
            assert_eq!(side.reset(false), 0);
            side.give(&data);
            assert_eq!(side.call(4, 700), 0);
            assert_eq!(side.end(), 0);
            assert!(side.memory.is_empty());
        }
    }
}

#[test]
fn who_changes_his_mind_before_the_header_is_out_has_a_stream_like_any_other() {
    let data = text(7000);
    for (window, header) in [(15, 2), (31, 10)] {
        for room in 1..header {
            for (flush, at_once) in [(0, true), (0, false), (2, true), (3, false), (5, true)] {
                let outcome = [OURS, REAL].map(|api| {
                    let mut side = begin(api, setup(6, window));
                    side.give(&data);
                    let first = side.call(4, room);
                    assert_eq!(side.z.avail_in, 7000);
                    if api.name == OURS.name {
                        assert_eq!(library::seen(), [Event::Taken]);
                    }
                    // The rest of the header fills its room, or there is more.
                    let then = side.call(flush, if at_once { 9000 } else { header - room });
                    let flushed = side.drive(&data[..side.z.avail_in as usize], flush, ONE_CALL);
                    side.give(&[]);
                    let last = side.drive(&data, 4, ONE_CALL);
                    if api.name == OURS.name {
                        assert_eq!(in_pieces(), Some(Pieces::Changed));
                    }
                    let decoded = decode(&side.out, window, &[]).unwrap();
                    assert_eq!(decoded.bytes.len(), 14_000, "{} {window} {room}", api.name);
                    assert!(decoded.ended && decoded.bytes == [&data[..], &data].concat());
                    side.memory.check();
                    (first, then, flushed, last, side.z.total_in, side.z.adler, side.end())
                });
                assert_eq!(outcome[0], outcome[1], "{window} {room} {flush}: ours, zlib's");
            }
        }
    }
}

#[test]
fn who_goes_on_with_nothing_after_a_part_of_the_header_is_no_error() {
    let data = text(7000);
    for flush in [0, 1, 2, 5] {
        let outcome = [OURS, REAL].map(|api| {
            let mut side = begin(api, setup(6, 31));
            side.give(&data);
            let first = side.call(4, 4);
            side.give(&[]);
            let then = side.call(flush, 100);
            let again = side.call(flush, 100);
            let last = side.drive(&data, 4, ONE_CALL);
            let decoded = decode(&side.out, 31, &[]).unwrap();
            assert!(decoded.ended && decoded.bytes == data);
            (first, then, again, last, side.end())
        });
        assert_eq!(outcome[0], outcome[1], "{flush}: ours, zlib's");
    }
}

#[test]
fn a_long_header_may_fill_its_room_exactly_when_the_mind_is_changed() {
    // The header comes through a buffer of 1 KiB, and its last part ends where the room does.
    let (data, name) = (text(500), [vec![b'n'; 3000], vec![0]].concat());
    let narrow = Setup { level: 6, window: 26, memory: 2, strategy: 0 };
    for flush in [0, 2] {
        let outcome = [OURS, REAL].map(|api| {
            let mut name = name.clone();
            let mut side = begin(api, narrow);
            let mut header = Header::named(&mut name);
            assert_eq!(side.set_header(&mut header), 0);
            side.give(&data);
            let first = side.call(4, 1500);
            let then = side.call(flush, 10 + 3001 - 1500);
            let flushed = side.drive(&data[500 - side.z.avail_in as usize..], flush, ONE_CALL);
            let last = side.drive(&[], 4, ONE_CALL);
            let decoded = decode(&side.out, 31, &[]).unwrap();
            assert!(decoded.ended && decoded.bytes == data, "{}", api.name);
            (first, then, flushed, last, side.end())
        });
        assert_eq!(outcome[0], outcome[1], "{flush}: ours, zlib's");
    }
}

#[test]
fn what_is_no_whole_buffer_is_compressed_in_pieces_and_the_reason_is_told() {
    let one = |setup: Setup, len: usize, flush: i32, dictionary: &[u8]| {
        let data = text(len);
        let mut side = begin(OURS, setup);
        if !dictionary.is_empty() {
            assert_eq!(side.set_dictionary(dictionary), 0);
        }
        side.drive(&data, flush, ONE_CALL);
        if flush != 4 {
            side.drive(&[], 4, ONE_CALL);
        }
        let why = in_pieces();
        let decoded = decode(&side.out, setup.window, &side.dictionaries).unwrap();
        assert!(decoded.ended && decoded.bytes == data);
        why
    };
    let usual = setup(6, 15);
    assert_eq!(one(usual, 9000, 4, &[]), None);
    assert_eq!(one(usual, 9000, 0, &[]), Some(Pieces::Unfinished));
    assert_eq!(one(usual, 9000, 2, &[]), Some(Pieces::Unfinished));
    assert_eq!(one(usual, 65_518, 4, &[]), None);
    assert_eq!(one(usual, 65_519, 4, &[]), Some(Pieces::Long));
    assert_eq!(one(usual, 63, 4, &[]), Some(Pieces::Short));
    assert_eq!(one(usual, 64, 4, &[]), None);
    assert_eq!(one(usual, 9000, 4, &[7; 300]), Some(Pieces::History));
    // A window of 4 KiB, with memory for 64 KiB of output: nginx chooses it for pages that fit into it.
    let narrow = Setup { level: 6, window: 12, memory: 8, strategy: 0 };
    assert_eq!(one(narrow, 4096, 4, &[]), None);
    assert_eq!(one(narrow, 4097, 4, &[]), Some(Pieces::Window));
}

/// What libdeflate stores in several blocks: the lowest bit is now mostly 0, now mostly 1, which is reason
/// enough for another block, and saves less than its codes take.
fn costly(len: usize) -> Vec<u8> {
    let bytes = Data::Random { seed: 9, len }.bytes();
    let coins = Data::Random { seed: 77, len }.bytes();
    let all = bytes.into_iter().zip(coins).enumerate();
    all.map(|(i, (byte, coin))| {
        let bit = u8::from(coin < 180) ^ (i / 6000 % 2) as u8;
        byte & !1 | bit
    })
    .collect()
}

#[test]
fn what_libdeflate_has_no_room_for_is_stored() {
    for (len, window) in [(65_518, 15), (300, 31), (40_000, -15)] {
        let data = costly(len);
        let mut alone = vec![0; len + 5];
        let mut compressor = libdeflate::Compressor::new(7).unwrap();
        let fits = compressor.compress(&data, &mut alone).is_some();
        assert_eq!(fits, len == 300, "{len}");
        let mut side = begin(OURS, setup(6, window));
        assert_eq!(side.drive(&data, 4, ONE_CALL), 1);
        assert!(side.out.len() <= len + 5 + 18);
        assert!(decode(&side.out, window, &[]).unwrap().bytes == data);
    }
}

#[test]
fn a_stream_that_was_whole_asks_for_no_more_of_the_applications_memory() {
    let asked = [OURS, REAL].map(|api| {
        let mut side = begin(api, setup(9, 31));
        assert_eq!(side.drive(&text(60_000), 4, ONE_CALL), 1);
        side.memory.asked.clone()
    });
    assert_eq!(asked[0], asked[1]);
}

#[test]
fn what_a_trial_puts_out_is_what_a_stream_would() {
    let mut trial = Trial::open().unwrap();
    let all =
        [Compressor::Zlib, Compressor::Isal(0), Compressor::Isal(3), Compressor::Libdeflate(6)];
    for len in [0, 1, 5000, LONGEST_WHOLE, LONGEST_WHOLE + 1, 200_000] {
        let data = text(len);
        for compressor in all {
            let done = trial.compress(compressor, 6, &data).map(<[u8]>::to_vec);
            let is_libdeflate = matches!(compressor, Compressor::Libdeflate(_));
            assert_eq!(done.is_some(), !is_libdeflate || len <= LONGEST_WHOLE);
            let Some(done) = done else { continue };
            assert!(decode(&done, -15, &[]).unwrap().bytes == data, "{compressor:?} {len}");
            if compressor == Compressor::Zlib {
                let mut side = begin(REAL, setup(6, -15));
                assert_eq!(side.drive(&data, 4, ONE_CALL), 1);
                assert!(side.out == done);
            }
        }
    }
    assert_eq!(text(65_518).len(), LONGEST_WHOLE);
}
