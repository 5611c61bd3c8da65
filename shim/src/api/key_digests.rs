//! `EVP_PKEY_digestsign_supports_digest`: may a key sign over a hash function? libssl asks anew in each
//! handshake, when it looks for an algorithm that the certificate's key can sign by, and each time
//! libcrypto sets a whole signature up to see: 56,000 instructions.
//!
//! That it may is remembered on the key (`attached`), by the name of the hash function: for keys of the
//! default provider, in the default library context, and only until methods may change ([`methods`]). A
//! *no* is not remembered: libcrypto has its reasons, and they are asked for each time. The first answer
//! and every 256th, of each that is remembered, is compared with libcrypto's; one difference, and libcrypto gives them all. Should the answer be wrong
//! for a while, the signature itself fails, with libcrypto's own error.
//!
//! Followed: `EVP_PKEY_digestsign_supports_digest(3)`, `check_cert_usable` in ssl/t1_lib.c.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::api::attached::{self, Attached};
use crate::api::{lanes, methods};
use crate::bypass::Bypass;
use crate::counters::{Counter, count};
use crate::errors::{self, Errors};
use crate::hook::{Call, Outcome};
use crate::table::originals::EVP_PKEY_digestsign_supports_digest::Function as Supports;
use crate::{context, fail, log, start};

/// Hash functions that are remembered of a key. TLS has three for each kind of keys.
const ROOM: usize = 8;
/// Longest name of one that is remembered.
const LONGEST: usize = 32;
/// One answer of so many is compared, of each that is remembered, beginning with the first.
const LOOK: u32 = 256;

/// Over what a key may sign, as far as it was asked.
#[derive(Default)]
struct Digests(Mutex<Vec<Digest>>);

struct Digest {
    name: CString,
    /// How often that was answered.
    answers: u32,
}

static DIGESTS: Attached<Digests> = Attached::new(attached::KEY);
/// [`methods::changes`], when the first was learnt.
static SINCE: OnceLock<u32> = OnceLock::new();
static DISTRUSTED: AtomicBool = AtomicBool::new(false);

/// `EVP_PKEY_digestsign_supports_digest`.
pub(crate) fn supports(
    call: &Call<Supports>,
    key: *mut c_void,
    library: *mut c_void,
    name: *const c_char,
    properties: *const c_char,
) -> Outcome<c_int> {
    let Some(digest) = asked(key, library, name, properties) else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    let known = Errors::of(|| DIGESTS.with(key, Digests::default, |known| known.answer(digest))).0;
    let Some(answers) = known.flatten() else { return Outcome::PassThrough(Bypass::Observed) };
    if !answers.is_multiple_of(LOOK) {
        return Outcome::Handled(call.made(1));
    }
    // SAFETY: the caller's own arguments.
    let answer = call.made(unsafe { (call.original)(key, library, name, properties) });
    judge(answer == 1);
    Outcome::Handled(answer)
}

/// libcrypto has answered.
pub(crate) fn answered(
    answer: c_int,
    key: *mut c_void,
    library: *mut c_void,
    name: *const c_char,
    properties: *const c_char,
) {
    let Some(digest) = asked(key, library, name, properties) else { return };
    if answer == 1 || fail::spoils("key_digests.learnt") {
        SINCE.get_or_init(methods::changes);
        Errors::of(|| DIGESTS.with(key, Digests::default, |known| known.learn(digest)));
    }
}

/// The hash function, if it is asked for as libssl does, of a key that lies with libcrypto's own provider.
fn asked<'a>(
    key: *mut c_void,
    library: *mut c_void,
    name: *const c_char,
    properties: *const c_char,
) -> Option<&'a CStr> {
    let is_usual = library.is_null() && properties.is_null();
    if !is_usual || key.is_null() || name.is_null() || !is_on() || !lanes::is_own(key) {
        return None;
    }
    errors::in_use();
    // SAFETY: the API's contract: a terminated name, which is there as long as the call.
    Some(unsafe { CStr::from_ptr(name) })
}

fn is_on() -> bool {
    !context::is_stopped()
        && start::settings().is_some_and(|settings| settings.openssl.key_names)
        && SINCE.get().is_none_or(|since| *since == methods::changes())
        && !DISTRUSTED.load(Ordering::Relaxed)
}

impl Digests {
    /// How often it was answered before that the key may sign over it; `None`: that is not known.
    fn answer(&self, name: &CStr) -> Option<u32> {
        let mut known = self.0.try_lock().ok()?;
        let digest = known.iter_mut().find(|digest| digest.name.as_c_str() == name)?;
        let before = digest.answers;
        digest.answers = before.wrapping_add(1);
        Some(before)
    }

    fn learn(&self, name: &CStr) {
        let Ok(mut known) = self.0.try_lock() else { return };
        let is_new = !known.iter().any(|digest| digest.name.as_c_str() == name);
        if is_new && known.len() < ROOM && name.count_bytes() <= LONGEST {
            known.push(Digest { name: name.to_owned(), answers: 0 });
        }
    }
}

/// An answer was compared with libcrypto's. If it is another, that is the end of it.
#[cold]
fn judge(is_same: bool) {
    count(Counter::KeyDigestsCompared);
    if is_same {
        return;
    }
    count(Counter::KeyDigestsWrong);
    if !DISTRUSTED.swap(true, Ordering::Relaxed) {
        log::line(format_args!(
            "over what a key may sign has changed: libcrypto is asked each time from now on"
        ));
    }
}
