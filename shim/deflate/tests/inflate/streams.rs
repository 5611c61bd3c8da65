//! What plans do not come to, or seldom.

use crate::common::data::{Data, Rng};
use crate::library::{self, OURS};
use crate::plan::{Packing, Step};
use crate::play::Pair;
use crate::side::Side;

const GZIP: Packing = Packing {
    data: Data::Noisy { seed: 5, len: 60_000 },
    level: 6,
    window: 31,
    memory: 8,
    strategy: 0,
    flush: None,
    has_dictionary: false,
};

#[test]
fn any_split_of_input_and_output_down_to_one_byte() {
    let data = Data::Noisy { seed: 5, len: 24_000 };
    let bytes = Packing { data, ..GZIP }.bytes();
    let sizes = [1, 7, 255, 256, 1023, 1024, 1300, 2048, 4095, 4096, 4097, 33_000];
    for input in sizes {
        for room in sizes {
            let before = library::counts().decoded;
            let mut pair = Pair::new(bytes.clone(), 31);
            while pair.inflate(input, room, 0).0 != 1 {}
            pair.ends();
            assert!(input < 4000 || room < 4096 || library::counts().decoded > before);
        }
    }
}

/// Where the room ends just before, at or behind the end of the data, with and without `Z_FINISH`.
#[test]
fn room_for_just_as_much_as_there_is() {
    for (seed, len) in [(1, 8000), (2, 20_000), (3, 66_000), (4, 131_072)] {
        for level in [1, 6] {
            let bytes = Packing { data: Data::Noisy { seed, len }, level, ..GZIP }.bytes();
            for flush in [0, 2, 4] {
                for room in (len - 320..len + 3).step_by(7).chain(len - 5..len + 3) {
                    let mut pair = Pair::new(bytes.clone(), 31);
                    pair.inflate(bytes.len(), room, flush);
                    pair.play_out();
                    pair.ends();
                }
            }
        }
    }
}

/// Codes of the fixed block at random, behind a window that is full: symbols and distances that there are not.
#[test]
fn noise_is_refused_where_zlib_refuses_it() {
    let refused = library::counts().refused;
    for seed in 0..3000 {
        let mut bytes = Rng::bytes(seed * 2 + 1, 6000);
        // A fixed block, the last or not.
        bytes[0] = bytes[0] & !7 | 2 | (seed & 1) as u8;
        let mut pair = Pair::new(bytes, -15);
        pair.step(Step::SetDictionary { len: 20_000 + 20 * (seed as usize % 700) });
        pair.inflate(6000, [4096, 5000, 300_000][seed as usize % 3], 0);
        pair.play_out();
        pair.ends();
    }
    assert!(library::counts().refused > refused + 100, "{:?}", library::counts());
}

/// Behind what there is of a window lie bytes of another stream, in memory that is lent to one after the other: no
/// distance reaches them.
#[test]
fn no_byte_of_another_stream_is_reached() {
    let (data, other) = (Data::Noisy { seed: 9, len: 60_000 }, GZIP.bytes());
    let mut refused = 0;
    for kept in [0, 300, 5000, 20_000] {
        for part in [5000, 25_000, 30_000] {
            // The stream's beginning is missing, and the dictionary in its stead is too short.
            let packed = Packing { data, window: -15, flush: Some((part, 2)), ..GZIP }.bytes();
            let marker = packed.windows(4).position(|four| four == [0, 0, 0xff, 0xff]).unwrap() + 4;
            assert_eq!(Side::new(OURS, 31).call(&other, 60_000, 4).0, 1);
            let before = library::counts().refused;
            let mut pair = Pair::new(packed[marker..].to_vec(), -15);
            pair.step(Step::SetDictionary { len: kept });
            // Output of zlib's and of ours is compared.
            pair.inflate(packed.len(), 60_000, 0);
            pair.play_out();
            pair.ends();
            refused += library::counts().refused - before;
        }
    }
    // ISA-L was asked, and saw that there is no such byte.
    assert!(refused > 0, "{:?}", library::counts());
}

/// A distance is compared with what there is of a window: none, some, all.
#[test]
fn distances_reach_as_far_back_as_zlibs() {
    let data = Data::Matches { seed: 9, len: 40_000 };
    for kept in [0, 1, 100, 3000, 20_000, 32_768] {
        // A stream whose beginning is missing goes on behind a dictionary that is too short.
        for part in [3000, 30_000] {
            let packed = Packing { data, window: -15, flush: Some((part, 2)), ..GZIP }.bytes();
            let marker = packed.windows(4).position(|four| four == [0, 0, 0xff, 0xff]).unwrap() + 4;
            let mut pair = Pair::new(packed[marker..].to_vec(), -15);
            pair.step(Step::SetDictionary { len: kept });
            pair.play_out();
            pair.ends();
        }
    }
}

/// Blocks that end where the input does: between them, zlib says so.
#[test]
fn the_end_of_a_block_is_shown_until_the_next_call() {
    let mut shown = 0;
    for (data, level) in [(Data::Random { seed: 3, len: 20_000 }, 1), (GZIP.data, 6)] {
        let bytes = Packing { data, level, memory: 4, flush: Some((5000, 2)), ..GZIP }.bytes();
        for first in 300..bytes.len().min(9000) {
            let mut pair = Pair::new(bytes.clone(), 31);
            pair.inflate(first, 30_000, 0);
            shown += usize::from(pair.is_between_blocks());
        }
    }
    assert!(shown > 2, "{shown}");
}

/// Passed over by `inflateSync`, a header does not say how long the window is.
#[test]
fn a_window_of_no_length_is_zlibs() {
    let data = Data::Matches { seed: 2724, len: 40_000 };
    let bytes = Packing { data, window: -15, flush: Some((2049, 3)), ..GZIP }.bytes();
    let left = library::counts().window;
    let mut pair = Pair::new(bytes, 0);
    pair.step(Step::Sync);
    pair.play_out();
    pair.ends();
    assert!(library::counts().window > left);
}

#[test]
fn counters_go_on_beyond_four_gigabytes() {
    let data = Data::Noisy { seed: 6, len: 50_000 };
    let bytes = Packing { data, window: 15, ..GZIP }.bytes();
    let mut side = Side::new(OURS, 15);
    assert_eq!(side.call(&bytes[..10], 100, 0).0, 0);
    let begun = (1u64 << 32) - 20_000;
    (side.z.total_in, side.z.total_out) = (begun, begun);
    let decoded = library::counts().decoded;
    let (code, out) = side.call(&bytes[10..], 50_000, 0);
    assert_eq!(code, 1);
    assert!(library::counts().decoded > decoded);
    assert_eq!(side.z.total_in, begun + bytes.len() as u64 - 10);
    assert_eq!(side.z.total_out, begun + 50_000);
    assert!(out[..50_000] == data.bytes());
}

#[test]
fn streams_are_abandoned_and_others_go_on() {
    let bytes = GZIP.bytes();
    let plain = GZIP.data.bytes();
    for room in [4096, 5000, 60_000] {
        let mut abandoned = Side::new(OURS, 31);
        assert_eq!(abandoned.call(&bytes, room, 0).0, i32::from(room == 60_000));
        drop(abandoned);
        let mut side = Side::new(OURS, 31);
        assert_eq!(side.call(&bytes, 60_000, 4).0, 1);
    }
    // Many at once, by turns, each with tables of its own.
    let packed: Vec<_> = (0..12)
        .map(|seed| Packing { data: Data::Noisy { seed, len: 50_000 }, ..GZIP }.bytes())
        .collect();
    let mut pairs: Vec<_> = packed.into_iter().map(|bytes| Pair::new(bytes, 31)).collect();
    let mut left = pairs.len();
    while left > 0 {
        left = pairs
            .iter_mut()
            .filter_map(|pair| (pair.inflate(9000, 4096, 0).0 == 0).then_some(()))
            .count();
    }
    assert_eq!(plain.len(), 60_000);
}

#[test]
fn threads_decode_at_once() {
    let streams: Vec<_> =
        (0..4).map(|seed| Packing { data: Data::Noisy { seed, len: 70_000 }, ..GZIP }).collect();
    std::thread::scope(|scope| {
        for packing in &streams {
            scope.spawn(|| {
                let (bytes, plain) = (packing.bytes(), packing.data.bytes());
                for _ in 0..50 {
                    let (code, out) = Side::new(OURS, 31).call(&bytes, 70_000, 0);
                    assert!(code == 1 && out[..70_000] == plain);
                }
            });
        }
    });
}
