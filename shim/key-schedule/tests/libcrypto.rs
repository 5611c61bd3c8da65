//! Every result is compared with that of libcrypto's `TLS13-KDF`, over hash functions that are not
//! libcrypto's.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use std::ptr;

use interlude_key_schedule::{Block, Hash, Label, Unfit, expand_label, finished, next_secret};
use openssl_sys as ffi;
use sha2::Digest;

// SAFETY: libcrypto's functions of these names have these types (`OSSL_PARAM_int(3)`, `HMAC(3)`).
unsafe extern "C" {
    fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        text: *mut c_char,
        size: usize,
    ) -> ffi::OSSL_PARAM;
    fn HMAC(
        digest: *const ffi::EVP_MD,
        key: *const c_void,
        key_len: c_int,
        data: *const c_uchar,
        data_len: usize,
        mac: *mut c_uchar,
        len: *mut c_uint,
    ) -> *mut c_uchar;
}

struct Sha256;
struct Sha384;

macro_rules! hash {
    ($name:ident, $block:literal, $size:literal) => {
        impl Hash for $name {
            type State = sha2::$name;

            fn result_bytes(&self) -> usize {
                $size
            }

            fn block_bytes(&self) -> usize {
                $block
            }

            fn begin(&self, state: &mut Self::State) {
                state.reset();
            }

            fn update(&self, state: &mut Self::State, input: &[u8]) {
                state.update(input);
            }

            fn finish(&self, state: &mut Self::State, result: &mut Block) {
                result[..$size].copy_from_slice(&state.finalize_reset());
            }
        }
    };
}
hash!(Sha256, 64, 32);
hash!(Sha384, 128, 48);

/// What libcrypto makes of the same; `None` where it refuses.
fn theirs(digest: &CStr, mode: &CStr, parts: &[(&CStr, &[u8])], len: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; len];
    let text = |key: &CStr, text: &CStr| {
        // SAFETY: terminated texts that outlive the parameters.
        unsafe { OSSL_PARAM_construct_utf8_string(key.as_ptr(), text.as_ptr().cast_mut(), 0) }
    };
    let mut parameters = vec![text(c"digest", digest), text(c"mode", mode)];
    for (key, bytes) in parts {
        let start = bytes.as_ptr().cast_mut().cast();
        // SAFETY: a terminated name and bytes that outlive the parameters.
        let part =
            unsafe { ffi::OSSL_PARAM_construct_octet_string(key.as_ptr(), start, bytes.len()) };
        parameters.push(part);
    }
    // SAFETY: no preconditions.
    parameters.push(unsafe { ffi::OSSL_PARAM_construct_end() });
    // SAFETY: the default library, and a terminated name.
    let kdf = unsafe { ffi::EVP_KDF_fetch(ptr::null_mut(), c"TLS13-KDF".as_ptr(), ptr::null()) };
    assert!(!kdf.is_null());
    // SAFETY: just fetched.
    let context = unsafe { ffi::EVP_KDF_CTX_new(kdf) };
    // SAFETY: a context, a buffer of that length, and parameters with an end.
    let done = unsafe { ffi::EVP_KDF_derive(context, out.as_mut_ptr(), len, parameters.as_ptr()) };
    // SAFETY: made above.
    unsafe { ffi::EVP_KDF_CTX_free(context) };
    // SAFETY: as above.
    unsafe { ffi::EVP_KDF_free(kdf) };
    (done == 1).then_some(out)
}

/// Random numbers that are the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % below
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next(256) as u8).collect()
    }
}

const PREFIX: &[u8] = b"tls13 ";

/// All that libssl uses (`ssl/tls13_enc.c`), the longest that there can be, and none.
const NAMES: [&[u8]; 18] = [
    b"key",
    b"iv",
    b"finished",
    b"derived",
    b"ext binder",
    b"res binder",
    b"c e traffic",
    b"e exp master",
    b"c hs traffic",
    b"s hs traffic",
    b"c ap traffic",
    b"s ap traffic",
    b"exp master",
    b"res master",
    b"resumption",
    b"traffic upd",
    b"EXPORTER-Channel-Binding",
    b"",
];

fn expands_as_libcrypto<H: Hash>(hash: &H, digest: &CStr, random: &mut Random) {
    let mut cases: Vec<(Vec<u8>, Vec<u8>, usize, usize)> = Vec::new();
    for name in NAMES {
        for context in [0, hash.result_bytes()] {
            for len in [12, 16, 32, hash.result_bytes()] {
                cases.push((name.to_vec(), random.bytes(context), hash.result_bytes(), len));
            }
        }
    }
    for _ in 0..500 {
        let (name, context) = (random.next(250), random.next(256));
        let (key, len) = (1 + random.next(300), 1 + random.next(255 * hash.result_bytes()));
        cases.push((random.bytes(name), random.bytes(context), key, len));
    }
    cases.push((vec![7; 249], vec![9; 255], 48, 255 * hash.result_bytes()));
    for (name, context, key, len) in cases {
        let key = random.bytes(key);
        let label = Label { prefix: PREFIX, name: &name, context: &context };
        let mut ours = vec![0; len];
        expand_label(hash, &key, label, &mut ours).unwrap();
        let parts: [(&CStr, &[u8]); 4] =
            [(c"key", &key), (c"prefix", PREFIX), (c"label", &name), (c"data", &context)];
        assert_eq!(Some(ours), theirs(digest, c"EXPAND_ONLY", &parts, len));
    }
}

fn goes_on_as_libcrypto<H: Hash>(hash: &H, digest: &CStr, random: &mut Random) {
    let size = hash.result_bytes();
    for round in 0..400 {
        let before = random.bytes(size);
        let input = 1 + random.next(600);
        let input = random.bytes(if round % 2 == 0 { size } else { input });
        let before = (round % 4 < 2).then_some(&before[..]);
        let input = (round % 8 < 6).then_some(&input[..]);
        let label = Label { prefix: PREFIX, name: b"derived", context: &[] };
        let mut ours = vec![0; size];
        next_secret(hash, before, input, label, &mut ours).unwrap();
        let mut parts: Vec<(&CStr, &[u8])> = vec![(c"prefix", PREFIX), (c"label", b"derived")];
        parts.extend(before.map(|before| (c"salt", before)));
        parts.extend(input.map(|input| (c"key", input)));
        assert_eq!(Some(ours), theirs(digest, c"EXTRACT_ONLY", &parts, size));
    }
}

#[test]
fn secrets_are_expanded_as_libcrypto_does() {
    expands_as_libcrypto(&Sha256, c"SHA2-256", &mut Random(1));
    expands_as_libcrypto(&Sha384, c"SHA2-384", &mut Random(2));
}

#[test]
fn secrets_follow_one_another_as_libcrypto_has_them() {
    goes_on_as_libcrypto(&Sha256, c"SHA2-256", &mut Random(3));
    goes_on_as_libcrypto(&Sha384, c"SHA2-384", &mut Random(4));
}

/// libcrypto refuses the same, but where a length has no limit of its own.
#[test]
fn what_there_is_no_form_for_is_refused_and_nothing_written() {
    let long = [1; 256];
    let (fits, none): (&[u8], &[u8]) = (&[1; 249], &[]);
    for (name, context, len) in [
        (&long[..250], none, 32),
        (fits, &long[..], 32),
        (fits, none, 255 * 32 + 1),
        (fits, none, 0),
    ] {
        let mut out = vec![0x5a; len];
        let label = Label { prefix: PREFIX, name, context };
        assert_eq!(expand_label(&Sha256, &[1; 32], label, &mut out), Err(Unfit));
        assert!(out.iter().all(|byte| *byte == 0x5a));
        let parts: [(&CStr, &[u8]); 4] =
            [(c"key", &[1; 32]), (c"prefix", PREFIX), (c"label", name), (c"data", context)];
        if len > 0 {
            assert_eq!(theirs(c"SHA2-256", c"EXPAND_ONLY", &parts, len), None);
        }
    }
    let label = Label { prefix: PREFIX, name: b"derived", context: &[] };
    for len in [31, 33] {
        let mut out = vec![0x5a; len];
        assert_eq!(next_secret(&Sha256, None, None, label, &mut out), Err(Unfit));
        assert!(out.iter().all(|byte| *byte == 0x5a));
        let parts: [(&CStr, &[u8]); 2] = [(c"prefix", PREFIX), (c"label", b"derived")];
        assert_eq!(theirs(c"SHA2-256", c"EXTRACT_ONLY", &parts, len), None);
    }
}

/// Keys shorter and longer than a block, and any length of input.
#[test]
fn the_mac_of_finished_is_hmac() {
    fn compare(hash: &impl Hash, evp: *const ffi::EVP_MD, random: &mut Random) {
        let mut bytes = |most: usize| -> Vec<u8> {
            (0..random.next(most)).map(|index| index as u8 ^ 0x35).collect()
        };
        for _ in 0..200 {
            let (key, data) = (bytes(200), bytes(300));
            let mut expected = vec![0; hash.result_bytes()];
            let (key_len, mut len) = (key.len() as i32, 0);
            // SAFETY: a hash function, two texts of these lengths, and room for a result.
            let done = unsafe {
                HMAC(
                    evp,
                    key.as_ptr().cast(),
                    key_len,
                    data.as_ptr(),
                    data.len(),
                    expected.as_mut_ptr(),
                    &raw mut len,
                )
            };
            assert!(!done.is_null() && len as usize == expected.len());
            let mut out = vec![0; expected.len()];
            assert_eq!(finished(hash, &key, &data, &mut out), Ok(()));
            assert_eq!(out, expected);
        }
        let mut short = vec![0; hash.result_bytes() - 1];
        assert_eq!(finished(hash, b"key", b"data", &mut short), Err(Unfit));
    }
    let mut random = Random(4);
    // SAFETY: no preconditions.
    compare(&Sha256, unsafe { ffi::EVP_sha256() }, &mut random);
    // SAFETY: as above.
    compare(&Sha384, unsafe { ffi::EVP_sha384() }, &mut random);
}
