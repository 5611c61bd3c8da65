//! zlib's hash table, which is not cleared for a stream that is taken over, and has to be for one that is not.

use interlude_deflate::ZStream;

use crate::common::data::Data;
use crate::library::{self, Api, OURS, REAL, deflateInit2_};
use crate::plan::Setup;
use crate::side::Side;

/// With a window of 4 KiB the table is the only block of its shape.
const SETUP: Setup = Setup { level: 1, window: 12 + 16, memory: 8, strategy: 0 };
/// Its entries, of two bytes.
const TABLE: usize = 1 << 15;
/// What may be written at its beginning.
const MARK: usize = 16;

fn begin(api: Api, setup: Setup) -> Side {
    library::start();
    let (side, code) = Side::new(api, setup);
    assert_eq!(code, 0);
    side
}

fn is_left(side: &Side) -> bool {
    side.memory.is_untouched(TABLE, 2, MARK)
}

#[test]
fn it_is_left_as_it_is_where_the_stream_will_be_taken_over() {
    let mut side = begin(OURS, SETUP);
    assert!(is_left(&side));
    let data = Data::Text { seed: 9, len: 30_000 }.bytes();
    for _ in 0..3 {
        side.give(&data);
        assert_eq!(side.call(4, 100_000), 1);
        // SAFETY: a stream.
        assert_eq!(unsafe { (OURS.reset)(&raw mut *side.z) }, 0);
        assert!(is_left(&side));
    }
    assert_eq!(side.end(), 0);
}

#[test]
fn it_is_cleared_where_the_stream_will_not_be_taken_over() {
    let left = [Setup { level: 0, ..SETUP }, Setup { strategy: 2, ..SETUP }];
    for setup in left {
        assert!(!is_left(&begin(OURS, setup)), "{setup:?}");
    }
    assert!(!is_left(&begin(REAL, SETUP)));
}

#[test]
fn it_is_cleared_for_who_has_found_zlibs_functions_elsewhere() {
    // `deflateReset` comes through the hook, which nobody has called `deflateInit2_` of.
    let around = Api { init: deflateInit2_, ..OURS };
    let mut side = begin(around, SETUP);
    assert!(!is_left(&side));
    // SAFETY: a stream.
    assert_eq!(unsafe { (OURS.reset)(&raw mut *side.z) }, 0);
    assert!(!is_left(&side));
}

type Before = fn(&mut Side);

/// What makes a stream zlib's before it has begun.
const WAYS: [(&str, Before); 12] = [
    ("a flush without input", |side| _ = side.call(2, 100)),
    ("a header alone", |side| _ = side.call(0, 100)),
    ("bits", prime),
    ("another strategy", |side| params(side, 1, 1)),
    ("another level, and a header alone", |side| {
        params(side, 9, 0);
        side.call(0, 100);
    }),
    ("copied", |side| {
        copy(side);
        side.call(2, 100);
    }),
    ("kept", |side| {
        // SAFETY: a stream.
        unsafe { (side.api.reset_keep)(&raw mut *side.z) };
        side.call(2, 100);
    }),
    ("reset", |side| {
        // SAFETY: a stream.
        unsafe { (side.api.reset)(&raw mut *side.z) };
        side.call(2, 100);
    }),
    ("reset after use", |side| {
        used(side);
        side.call(2, 100);
    }),
    ("copied after use", |side| {
        used(side);
        copy(side);
        side.call(2, 100);
    }),
    ("bits in the header", |side| {
        in_header(side);
        prime(side);
    }),
    ("another strategy in the header", |side| {
        in_header(side);
        params(side, 1, 2);
    }),
];

fn prime(side: &mut Side) {
    // SAFETY: a stream.
    unsafe { (side.api.prime)(&raw mut *side.z, 3, 2) };
    // SAFETY: a stream.
    unsafe { (side.api.prime)(&raw mut *side.z, 7, 0) };
}

fn params(side: &mut Side, level: i32, strategy: i32) {
    // SAFETY: a stream.
    unsafe { (side.api.params)(&raw mut *side.z, level, strategy) };
}

fn copy(side: &mut Side) {
    let mut to = Box::new(ZStream::zeroed());
    // SAFETY: two streams.
    assert_eq!(unsafe { (side.api.copy)(&raw mut *to, &raw mut *side.z) }, 0);
    // SAFETY: a stream.
    unsafe { (side.api.end)(&raw mut *side.z) };
    side.z = to;
}

/// One use from beginning to end, which is not compared: it is another compressor's.
fn used(side: &mut Side) {
    let data = Data::Text { seed: 10, len: 9000 }.bytes();
    side.give(&data);
    assert_eq!(side.call(4, 100_000), 1);
    side.out.clear();
    // SAFETY: a stream.
    unsafe { (side.api.reset)(&raw mut *side.z) };
}

/// The stream is taken over, and a part of its header is out.
fn in_header(side: &mut Side) {
    side.give(&[b'a'; 50]);
    side.call(0, 3);
    side.give(&[]);
}

#[test]
fn a_stream_that_becomes_zlibs_after_all_is_zlibs_byte_for_byte() {
    let data = Data::Text { seed: 11, len: 60_000 }.bytes();
    for (name, before) in WAYS {
        let outputs = [OURS, REAL].map(|api| {
            let mut side = begin(api, SETUP);
            before(&mut side);
            side.give(&data);
            assert_eq!(side.call(4, 100_000), 1, "{name}");
            side.end();
            side.out
        });
        assert!(outputs[0] == outputs[1], "{name}");
    }
}
