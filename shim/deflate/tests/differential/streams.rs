//! What plans do not come to: counters beyond 4 GB, many abandoned streams, addresses used again, calls
//! around us.

use interlude_deflate::ZStream;

use crate::common::data::Data;
use crate::decode::decode;
use crate::library::{self, OURS, REAL};
use crate::plan::Setup;
use crate::side::Side;

const GZIP: Setup = Setup { level: 1, window: 31, memory: 8, strategy: 0 };

fn begin(setup: Setup) -> Side {
    library::start();
    let (side, code) = Side::new(OURS, setup);
    assert_eq!(code, 0);
    side
}

/// Is the stream taken over? Then zlib itself refuses it.
fn is_taken(side: &mut Side) -> bool {
    let (mut pending, mut bits) = (0, 0);
    // SAFETY: a stream, and two places.
    unsafe { (REAL.pending)(&raw mut *side.z, &raw mut pending, &raw mut bits) == -2 }
}

#[test]
fn counters_go_on_beyond_four_gigabytes() {
    let mut side = begin(GZIP);
    let data = Data::Text { seed: 5, len: 100_000 }.bytes();
    side.give(&data[..1000]);
    assert_eq!(side.call(0, 100), 0);
    assert!(is_taken(&mut side));
    let begun = (1u64 << 32) - 50_000;
    side.z.total_in = begun;
    side.z.total_out = begun;
    side.give(&data[1000..]);
    assert_eq!(side.call(4, 100_000), 1);
    assert_eq!(side.z.total_in, begun + 99_000);
    assert!(side.z.total_out > begun + 1000);
    // The trailer's length is that of the input modulo 4 GB.
    assert!(side.out.ends_with(&((begun + 99_000) as u32).to_le_bytes()));
    assert_eq!(side.end(), 0);
}

#[test]
fn a_stream_that_is_ended_in_its_midst_says_so() {
    let mut side = begin(GZIP);
    side.give(&[7; 5000]);
    assert_eq!(side.call(0, 100), 0);
    assert!(is_taken(&mut side));
    assert_eq!(side.end(), -3);
    assert!(side.memory.is_empty());
    assert!(side.z.state.is_null());
    assert_eq!(side.end(), -2);
}

#[test]
fn abandoned_streams_leave_nothing_and_their_addresses_are_used_again() {
    let data = Data::Text { seed: 3, len: 30_000 }.bytes();
    for round in 0..200usize {
        let mut side = begin(GZIP);
        side.give(&data);
        assert_eq!(side.call(if round % 2 == 0 { 0 } else { 2 }, 50), 0);
        // Dropped without `deflateEnd`: so is all of its memory.
    }
    let mut side = begin(GZIP);
    side.give(&data);
    assert_eq!(side.call(4, 100_000), 1);
    assert_eq!(decode(&side.out, 31, &[]).unwrap().bytes, data);
}

#[test]
fn a_z_stream_that_was_copied_by_its_bytes_is_refused() {
    let mut side = begin(GZIP);
    side.give(&[7; 5000]);
    assert_eq!(side.call(0, 100), 0);
    let original = std::mem::replace(&mut side.z, Box::new(ZStream::zeroed()));
    *side.z = *original;
    side.give(&[7; 10]);
    assert_eq!(side.call(4, 100), -2);
    side.z = original;
    side.give(&[]);
    assert_eq!(side.call(4, 100), 1);
    assert_eq!(decode(&side.out, 31, &[]).unwrap().bytes, [7; 5000]);
}

#[test]
fn zlib_called_around_us_refuses_a_stream_and_does_no_harm() {
    let data = Data::Text { seed: 8, len: 9000 }.bytes();
    let mut side = begin(GZIP);
    side.give(&data);
    assert_eq!(side.call(0, 100), 0);
    side.api = REAL;
    assert_eq!(side.call(4, 100), -2);
    assert_eq!(side.reset_code(), -2);
    side.api = OURS;
    assert_eq!(side.call(4, 9000), 1);
    assert_eq!(decode(&side.out, 31, &[]).unwrap().bytes, data);
}

#[test]
fn a_stream_that_flushes_little_pieces_is_zlibs_again() {
    let data = Data::Text { seed: 4, len: 40_000 }.bytes();
    let mut side = begin(GZIP);
    side.give(&data);
    assert_eq!(side.call(2, 50_000), 0);
    let mut fed = data.clone();
    for i in 0..40usize {
        let piece = &data[i * 50..i * 50 + 20];
        side.give(piece);
        assert_eq!(side.call(2, 1000), 0);
        fed.extend_from_slice(piece);
        assert_eq!(is_taken(&mut side), i < 7, "after {} flushes", i + 1);
    }
    side.give(&[]);
    assert_eq!(side.call(4, 1000), 1);
    let decoded = decode(&side.out, 31, &[]).unwrap();
    assert!(decoded.ended && decoded.bytes == fed);
    // zlib has gone on with the history: pieces of it cost next to nothing.
    assert!(side.out.len() < 40_000);
}

#[test]
fn what_is_left_to_zlib_is_zlibs_byte_for_byte() {
    let data = Data::Text { seed: 6, len: 50_000 }.bytes();
    let settings = [(0, 15, 8, 0), (5, 31, 8, 2), (5, -15, 8, 1), (6, 15, 1, 0), (9, 31, 8, 4)];
    for (level, window, memory, strategy) in settings {
        let setup = Setup { level, window, memory, strategy };
        library::start();
        let outputs = [OURS, REAL].map(|api| {
            let (mut side, _) = Side::new(api, setup);
            side.give(&data);
            assert_eq!(side.call(4, 100_000), 1);
            side.out.clone()
        });
        assert!(outputs[0] == outputs[1], "{setup:?}");
    }
}
