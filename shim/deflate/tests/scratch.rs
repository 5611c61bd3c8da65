//! ISA-L's and libdeflate's memory goes from one stream to another: nothing of what was there may show.

use interlude_deflate::isal::{End, MAX_LEVEL, Scratch};
use interlude_deflate::libdeflate::{self, Compressor};

/// Pseudo-random text over `letters`.
fn text(seed: u32, len: usize, letters: &[u8]) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize >> 4
    };
    (0..len).map(|_| letters[next() % letters.len()]).collect()
}

fn compress(scratch: &mut Scratch, level: u8, history: &[u8], input: &[u8]) -> Vec<u8> {
    let mut output = vec![0; input.len() + 500];
    let len = scratch.compress(level, 15, history, input, End::Flush, &mut output).unwrap();
    output.truncate(len);
    output
}

#[test]
fn output_is_the_same_whatever_was_compressed_before() {
    let secret = text(7, 60_000, b"secretSECRET");
    let mut used = Scratch::new();
    for level in 0..=MAX_LEVEL {
        for (seed, len) in [(1, 1), (2, 100), (3, 5000), (4, 40_000), (5, 65_000)] {
            // Parts of the secret are in it: an old match would find them.
            let mut input = text(seed, len, b"abcdef \n");
            let part = input.len().min(3000);
            input[..part].copy_from_slice(&secret[1000..1000 + part]);
            let history = text(seed, 20_000, b"abcdef \n");
            for history in [&[][..], &history[..100], &history] {
                compress(&mut used, level, &[], &secret);
                compress(&mut used, MAX_LEVEL - level, &secret[..32_768], &secret[30_000..]);
                let after = compress(&mut used, level, history, &input);
                let alone = compress(&mut Scratch::new(), level, history, &input);
                assert!(after == alone, "level {level}, {len} bytes after {}", history.len());
            }
        }
    }
}

#[test]
fn output_of_libdeflate_is_the_same_whatever_was_compressed_before() {
    let secret = text(7, 60_000, b"secretSECRET");
    let compress = |compressor: &mut Compressor, input: &[u8]| {
        let mut output = vec![0; input.len() + 500];
        let len = compressor.compress(input, &mut output).unwrap();
        output.truncate(len);
        output
    };
    for level in 1..=libdeflate::MAX_LEVEL {
        let mut used = Compressor::new(level).unwrap();
        for (seed, len) in [(1, 1), (2, 100), (3, 5000), (4, 40_000), (5, 65_000)] {
            let mut input = text(seed, len, b"abcdef \n");
            let part = input.len().min(3000);
            input[..part].copy_from_slice(&secret[1000..1000 + part]);
            compress(&mut used, &secret);
            // One that ends in its midst, for want of room.
            assert!(used.compress(&secret[500..], &mut [0; 4000]).is_none());
            let after = compress(&mut used, &input);
            let alone = compress(&mut Compressor::new(level).unwrap(), &input);
            assert!(after == alone, "level {level}, {len} bytes");
        }
    }
    assert!(Compressor::new(0).is_none() && Compressor::new(13).is_none());
}

#[test]
fn checksums_are_those_of_zlib() {
    let bytes = text(9, 100_000, b"0123456789");
    assert_eq!(interlude_deflate::scan::crc32(0, b"123456789"), 0xCBF4_3926);
    assert_eq!(interlude_deflate::scan::adler32(1, b"Wikipedia"), 0x11E6_0398);
    let (head, tail) = bytes.split_at(12_345);
    let crc = interlude_deflate::scan::crc32;
    assert_eq!(crc(crc(0, head), tail), crc(0, &bytes));
    let adler = interlude_deflate::scan::adler32;
    assert_eq!(adler(adler(1, head), tail), adler(1, &bytes));
    assert_eq!(adler(1, &vec![0xff; 70_000]), {
        let (mut a, mut b) = (1u32, 0u32);
        for _ in 0..70_000 {
            a = (a + 255) % 65_521;
            b = (b + a) % 65_521;
        }
        b << 16 | a
    });
}
