//! `ASN1_item_i2d`, where libssl encodes a session by it: eight times in a full handshake of TLS 1.3 with
//! two tickets, and four times more where nginx keeps sessions. libcrypto goes through libssl's description
//! of a session by recursion, twice for each field: 13,000 instructions each time.
//!
//! Here the same description is read once (`layout`), and the numbers and strings that a session has are
//! written as it says (`der`). What the description or a session has beyond those (a client's certificate)
//! is libcrypto's. The first encodings and every 256th are libcrypto's, and compared, and so are lengths that
//! are asked for; one difference, and libcrypto does them all.
//!
//! Must not: keep anything of a session. An encoding has its secret, and goes where the caller wants it.
//!
//! Followed: `ASN1_item_i2d(3)`, `i2d_SSL_SESSION` in ssl/ssl_asn1.c, crypto/asn1/tasn_enc.c.

mod der;
mod layout;

use std::ffi::{c_int, c_uchar, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::bypass::Bypass;
use crate::counters::{Counter, count};
use crate::hook::{Call, Outcome};
use crate::table::originals::ASN1_item_i2d::Function as Encode;
use crate::{context, fail, log, start};
use der::Element;
use layout::Elements;

/// One call of so many is compared, of those that ask for a length, and of those that encode.
const LOOK: u32 = 256;
static LENGTHS: Compared = Compared::new();
static ENCODINGS: Compared = Compared::new();
static DISTRUSTED: AtomicBool = AtomicBool::new(false);

/// Calls of one sort.
struct Compared {
    calls: AtomicU32,
    /// Was one as libcrypto's?
    is_proved: AtomicBool,
}

impl Compared {
    const fn new() -> Self {
        Self { calls: AtomicU32::new(0), is_proved: AtomicBool::new(false) }
    }

    /// Is this one libcrypto's? All of them are until one of each sort was compared.
    fn is_libcryptos(&self) -> bool {
        let is_chosen = self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK);
        let is_proved = |of: &Self| of.is_proved.load(Ordering::Relaxed);
        is_chosen || !is_proved(&LENGTHS) || !is_proved(&ENCODINGS)
    }
}

/// `ASN1_item_i2d`.
pub(crate) fn encode(
    call: &Call<Encode>,
    value: *const c_void,
    out: *mut *mut c_uchar,
    item: *const c_void,
) -> Outcome<c_int> {
    if value.is_null() || !is_on() {
        return Outcome::PassThrough(Bypass::Observed);
    }
    let Some(layout) = layout::of(item) else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    let mut elements: Elements<'_> = [const { None }; _];
    // SAFETY: the API's contract: a value of the kind that `item` describes, which `layout` was read from.
    let Some(elements) = (unsafe { layout.elements(value, &mut elements) }) else {
        return Outcome::PassThrough(Bypass::Foreign);
    };
    let len = der::sequence_len(elements);
    let Ok(result) = c_int::try_from(len) else {
        return Outcome::PassThrough(Bypass::Foreign);
    };
    if out.is_null() {
        if LENGTHS.is_libcryptos() {
            // SAFETY: the caller's own arguments.
            let theirs = call.made(unsafe { (call.original)(value, out, item) });
            judge(&LENGTHS, theirs == result && !fail::spoils("session_encoding.length"));
            return Outcome::Handled(theirs);
        }
        return Outcome::Handled(call.made(result));
    }
    // SAFETY: the API's contract: null, or a place for a pointer.
    let place = unsafe { *out };
    if place.is_null() {
        // Where it is to be allocated, by libcrypto's allocator.
        return Outcome::PassThrough(Bypass::Observed);
    }
    if ENCODINGS.is_libcryptos() {
        // SAFETY: the caller's own arguments.
        let theirs = call.made(unsafe { (call.original)(value, out, item) });
        let written = usize::try_from(theirs).unwrap_or(0);
        // SAFETY: so many bytes have just been written there.
        let theirs_written = unsafe { std::slice::from_raw_parts(place, written) };
        judge(&ENCODINGS, is_same(elements, len, theirs_written));
        return Outcome::Handled(theirs);
    }
    // SAFETY: the API's contract: as much room as the encoding takes, which is what it was compared for.
    let room = unsafe { std::slice::from_raw_parts_mut(place, len) };
    if der::write_sequence(elements, room).is_none() {
        return Outcome::PassThrough(Bypass::Foreign);
    }
    // SAFETY: the caller's place for a pointer, to move behind what was written.
    unsafe { *out = place.wrapping_add(len) };
    Outcome::Handled(call.made(result))
}

fn is_on() -> bool {
    !context::is_stopped()
        && start::settings().is_some_and(|settings| settings.openssl.session_encoding)
        && !DISTRUSTED.load(Ordering::Relaxed)
}

/// Is what libcrypto has written what would have been written here?
#[cold]
fn is_same(elements: &[Option<Element<'_>>], len: usize, theirs: &[u8]) -> bool {
    let mut ours = vec![0; len];
    let is_whole = der::write_sequence(elements, &mut ours).is_some();
    if fail::spoils("session_encoding.encoded")
        && let Some(last) = ours.last_mut()
    {
        *last = !*last;
    }
    let is_same = is_whole && ours == theirs;
    interlude_offload::wipe_bytes(&mut ours);
    is_same
}

/// An encoding or its length was compared with libcrypto's. If it is another, that is the end of it.
#[cold]
fn judge(sort: &Compared, is_same: bool) {
    count(Counter::SessionEncodingCompared);
    if is_same {
        sort.is_proved.store(true, Ordering::Relaxed);
        return;
    }
    count(Counter::SessionEncodingWrong);
    if !DISTRUSTED.swap(true, Ordering::Relaxed) {
        log::line(format_args!(
            "sessions are encoded otherwise by this libcrypto: it does all of them from now on"
        ));
    }
}
