//! What is found out of all bytes of an input, beside its blocks: the sum in the trailer, and the kind.
//!
//! The sums are libdeflate's. (On a CPU with AVX2 and VPCLMULQDQ, but without AVX-512, ISA-L's CRC takes twice
//! as long.)

use std::ffi::{c_int, c_void};

use crate::zlib;

unsafe extern "C" {
    fn interlude_libdeflate_crc32(before: u32, data: *const c_void, len: usize) -> u32;
    fn interlude_libdeflate_adler32(before: u32, data: *const c_void, len: usize) -> u32;
}

/// CRC-32 of gzip: `before` is that of what came before, 0 at first.
#[must_use]
pub fn crc32(before: u32, data: &[u8]) -> u32 {
    // SAFETY: so many bytes.
    unsafe { interlude_libdeflate_crc32(before, data.as_ptr().cast(), data.len()) }
}

/// Adler-32: `before` is that of what came before, 1 at first.
#[must_use]
pub fn adler32(before: u32, data: &[u8]) -> u32 {
    // SAFETY: so many bytes.
    unsafe { interlude_libdeflate_adler32(before, data.as_ptr().cast(), data.len()) }
}

/// zlib's `detect_data_type`, over the bytes of the first piece.
pub(crate) fn kind_of(input: &[u8]) -> c_int {
    let is_text = |byte: &u8| matches!(byte, 9 | 10 | 13 | 32..);
    if !has_binary(input) && input.iter().any(is_text) { zlib::TEXT } else { zlib::BINARY }
}

fn has_binary(input: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has it.
        return unsafe { has_binary_avx2(input) };
    }
    has_binary_by_chunks(input)
}

/// The same, compiled for vectors of twice the length.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn has_binary_avx2(input: &[u8]) -> bool {
    has_binary_by_chunks(input)
}

/// Bytes are looked at many at a time, by vector instructions, not one by one up to the first: there is none in
/// a page.
#[inline(always)]
fn has_binary_by_chunks(input: &[u8]) -> bool {
    const AT_A_TIME: usize = 512;
    let is_binary = |byte: u8| (byte <= 6) | (14..=25).contains(&byte) | (28..=31).contains(&byte);
    let is_in = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | is_binary(*byte));
    input.chunks(AT_A_TIME).any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_of_the_kind_that_zlib_finds_in_it() {
        // `detect_data_type` of 1.2.13: its mask of bytes that make it binary, and those that make it text.
        const BINARY: u32 = 0xf3ff_c07f;
        for byte in 0..=u8::MAX {
            let is_binary = byte < 32 && BINARY >> byte & 1 == 1;
            let is_text = matches!(byte, 9 | 10 | 13) || byte >= 32;
            let alone = if is_text { zlib::TEXT } else { zlib::BINARY };
            assert_eq!(kind_of(&[byte]), alone, "{byte}");
            let among = if is_binary { zlib::BINARY } else { zlib::TEXT };
            for at in [0, 1, 511, 512, 1499] {
                let page: [u8; 1500] = std::array::from_fn(|i| if i == at { byte } else { b'a' });
                assert_eq!(kind_of(&page), among, "{byte} at {at}");
                assert_eq!(has_binary_by_chunks(&page), is_binary, "{byte} at {at}");
            }
        }
        assert_eq!(kind_of(&[]), zlib::BINARY);
    }
}
