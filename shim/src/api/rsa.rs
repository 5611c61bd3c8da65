//! RSA's private operation, on a padded block: `RSA_private_encrypt` is what every signature comes to,
//! `RSA_private_decrypt` every decryption.
//!
//! Followed: `RSA_private_encrypt(3)`, `RSA_get0_key(3)`.
//!
//! **A key is read once,** and what was read hangs on it (`attached`): it goes with the key, and is wiped
//! then; a copy of the key has none. Should the key be given other numbers, its modulus tells. One with a wrong component is found by its first result, and left
//! to libcrypto from then on, which does without the component.

use std::ffi::{c_int, c_uchar, c_void};
use std::sync::Arc;

use interlude_offload::{JobKind, Operation, RsaKey, RsaParts};

use crate::api::attached::{self, Attached};
use crate::api::lanes::{self, libcrypto};
use crate::bypass::Bypass;
use crate::hook::{Call, Outcome};
use crate::original::Original;

/// `RSA_private_encrypt` and `RSA_private_decrypt`: `(len, from, to, rsa, padding)`.
type Private =
    unsafe extern "C-unwind" fn(c_int, *const c_uchar, *mut c_uchar, *mut c_void, c_int) -> c_int;

/// `RSA_PKCS1_PADDING`.
const PKCS1: c_int = 1;
/// `RSA_NO_PADDING`.
const NONE: c_int = 3;

type Get3 =
    unsafe extern "C" fn(*const c_void, *mut *const c_void, *mut *const c_void, *mut *const c_void);
type Get2 = unsafe extern "C" fn(*const c_void, *mut *const c_void, *mut *const c_void);
type Number = unsafe extern "C" fn(*const c_void) -> c_int;
type Flags = unsafe extern "C" fn(*const c_void, c_int) -> c_int;
type Method = unsafe extern "C" fn(*const c_void) -> *const c_void;
type OwnMethod = unsafe extern "C" fn() -> *const c_void;
type Pad = unsafe extern "C" fn(*mut c_uchar, c_int, *const c_uchar, c_int) -> c_int;

libcrypto! {
    KEY: Get3 = c"RSA_get0_key";
    FACTORS: Get2 = c"RSA_get0_factors";
    REMAINDERS: Get3 = c"RSA_get0_crt_params";
    MORE_PRIMES: Number = c"RSA_get_multi_prime_extra_count";
    HAS_FLAGS: Flags = c"RSA_test_flags";
    METHOD: Method = c"RSA_get_method";
    OWN_METHOD: OwnMethod = c"RSA_PKCS1_OpenSSL";
    PAD: Pad = c"RSA_padding_add_PKCS1_type_1";
}

/// `RSA_FLAG_EXT_PKEY`: the key itself lies elsewhere.
const ELSEWHERE: c_int = 0x20;

/// What was read of a key; nothing where it is not one for a lane.
struct Read {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    key: Option<Arc<RsaKey>>,
}

/// `RSA_private_encrypt`.
pub(crate) fn private_encrypt(
    call: &Call<Private>,
    len: c_int,
    from: *const c_uchar,
    to: *mut c_uchar,
    rsa: *mut c_void,
    padding: c_int,
) -> Outcome<c_int> {
    private(call, JobKind::Sign, len, from, to, rsa, padding)
}

/// `RSA_private_decrypt`. Only without a padding, which libcrypto takes off in constant time.
pub(crate) fn private_decrypt(
    call: &Call<Private>,
    len: c_int,
    from: *const c_uchar,
    to: *mut c_uchar,
    rsa: *mut c_void,
    padding: c_int,
) -> Outcome<c_int> {
    private(call, JobKind::Decrypt, len, from, to, rsa, padding)
}

fn private(
    call: &Call<Private>,
    kind: JobKind,
    len: c_int,
    from: *const c_uchar,
    to: *mut c_uchar,
    rsa: *mut c_void,
    padding: c_int,
) -> Outcome<c_int> {
    let is_known = padding == NONE || (padding == PKCS1 && kind == JobKind::Sign);
    if !lanes::are_open() || !is_known || from.is_null() || to.is_null() || rsa.is_null() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let Some([n, e]) = public(rsa) else { return Outcome::PassThrough(Bypass::Foreign) };
    let size = lanes::number_len(n);
    let operation = || {
        let key = key(rsa, n, e)?;
        let input = block(kind, len, from, size, padding)?;
        Some(Operation::Rsa { key, input, output: vec![0; size] })
    };
    let Some(Operation::Rsa { mut output, .. }) = lanes::computed(kind, size, operation) else {
        // SAFETY: the caller's own arguments.
        let result = unsafe { (call.original)(len, from, to, rsa, padding) };
        return Outcome::Handled(call.made(result));
    };
    // SAFETY: the API's contract: `to` has room for as many bytes as the modulus has.
    unsafe { std::ptr::copy_nonoverlapping(output.as_ptr(), to, output.len()) };
    // Of a decryption, it is a secret.
    interlude_offload::wipe_bytes(&mut output);
    Outcome::Handled(call.made(c_int::try_from(output.len()).unwrap_or(-1)))
}

/// The padded block. What is to be signed without padding is one; what is to be decrypted may be shorter.
fn block(
    kind: JobKind,
    len: c_int,
    from: *const c_uchar,
    size: usize,
    padding: c_int,
) -> Option<Vec<u8>> {
    let least = if (kind, padding) == (JobKind::Sign, NONE) { size } else { 1 };
    let bytes = usize::try_from(len).ok().filter(|len| (least..=size).contains(len))?;
    let mut block = vec![0; size];
    if padding == PKCS1 {
        let (start, size) = (block.as_mut_ptr(), c_int::try_from(size).ok()?);
        // SAFETY: a block of `size` bytes, and the caller's `len` bytes.
        return (unsafe { PAD.function()?(start, size, from, len) } == 1).then_some(block);
    }
    // SAFETY: the API's contract: `len` bytes at `from`.
    let given = unsafe { std::slice::from_raw_parts(from, bytes) };
    block.get_mut(size - bytes..)?.copy_from_slice(given);
    Some(block)
}

/// The key as a lane takes it: one of libcrypto's own, with two primes.
fn key(rsa: *mut c_void, n: *const c_void, e: *const c_void) -> Option<Arc<RsaKey>> {
    static READ: Attached<Read> = Attached::new(attached::RSA);
    if !is_own(rsa)? {
        return None;
    }
    let make = || {
        let key = read(rsa, n, e).map(Arc::new);
        let (mut modulus, mut exponent) =
            (vec![0; lanes::number_len(n)], vec![0; lanes::number_len(e)]);
        lanes::write_number(n, &mut modulus);
        lanes::write_number(e, &mut exponent);
        Read { modulus, exponent, key }
    };
    let look = |read: &Read| {
        let is_same = is_number(n, &read.modulus) && is_number(e, &read.exponent);
        read.key.clone().filter(|key| is_same && key.is_fit())
    };
    READ.with(rsa, make, look).flatten()
}

fn public(rsa: *mut c_void) -> Option<[*const c_void; 2]> {
    let [mut n, mut e, mut d] = [std::ptr::null(); 3];
    // SAFETY: the caller's key, and places for three numbers that stay its own.
    unsafe { KEY.function()?(rsa, &raw mut n, &raw mut e, &raw mut d) };
    (!n.is_null() && !e.is_null()).then_some([n, e])
}

fn is_number(number: *const c_void, bytes: &[u8]) -> bool {
    let mut now = vec![0; bytes.len()];
    lanes::write_number(number, &mut now) && now == bytes
}

/// Is it computed by libcrypto's own code, with two primes that are here?
fn is_own(rsa: *const c_void) -> Option<bool> {
    // SAFETY: the caller's key.
    let method = unsafe { METHOD.function()?(rsa) };
    // SAFETY: no preconditions.
    let has_own_method = method == unsafe { OWN_METHOD.function()?() };
    // SAFETY: the caller's key.
    let is_elsewhere = unsafe { HAS_FLAGS.function()?(rsa, ELSEWHERE) } != 0;
    // SAFETY: the caller's key.
    let has_more_primes = unsafe { MORE_PRIMES.function()?(rsa) } > 0;
    Some(has_own_method && !is_elsewhere && !has_more_primes)
}

/// All numbers of a key.
fn read(rsa: *mut c_void, n: *const c_void, e: *const c_void) -> Option<RsaKey> {
    let [mut p, mut q, mut dp, mut dq, mut qinv] = [std::ptr::null(); 5];
    // SAFETY: the caller's key, and places for numbers that stay its own.
    unsafe { FACTORS.function()?(rsa, &raw mut p, &raw mut q) };
    // SAFETY: as above.
    unsafe { REMAINDERS.function()?(rsa, &raw mut dp, &raw mut dq, &raw mut qinv) };
    let numbers = [n, e, p, q, dp, dq, qinv];
    let mut bytes = numbers.map(|number| Wiped(vec![0; lanes::number_len(number)]));
    let all = numbers
        .iter()
        .zip(&mut bytes)
        .all(|(number, into)| !into.0.is_empty() && lanes::write_number(*number, &mut into.0));
    let [n, e, p, q, dp, dq, qinv] = &bytes;
    let parts =
        RsaParts { n: &n.0, e: &e.0, p: &p.0, q: &q.0, dp: &dp.0, dq: &dq.0, qinv: &qinv.0 };
    all.then(|| RsaKey::new(&parts).ok()).flatten()
}

/// Bytes of a key on their way.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        interlude_offload::wipe_bytes(&mut self.0);
    }
}
