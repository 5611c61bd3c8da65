//! The two derivations that RFC 8446, 7.1, makes everything of, and the MAC that it makes of one.

use crate::Unfit;
use crate::hash::{Hash, MOST_RESULT, fits};
use crate::hkdf;
use crate::hmac::Hmac;
use crate::wipe::Wiped;

/// What a secret is derived for.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// `"tls13 "`.
    pub prefix: &'a [u8],
    /// `"key"`, `"c hs traffic"`, ...
    pub name: &'a [u8],
    /// The hash of a transcript, or nothing.
    pub context: &'a [u8],
}

/// Two bytes of length, and two texts that each come with one.
const MOST_INFO: usize = 2 + 1 + 255 + 1 + 255;

impl Label<'_> {
    /// `HkdfLabel` for `len` bytes; returns how long it is.
    fn write(&self, len: usize, into: &mut [u8; MOST_INFO]) -> Result<usize, Unfit> {
        let len = u16::try_from(len).map_err(|_| Unfit)?.to_be_bytes();
        let name = u8::try_from(self.prefix.len() + self.name.len()).map_err(|_| Unfit)?;
        let context = u8::try_from(self.context.len()).map_err(|_| Unfit)?;
        let pieces: [&[u8]; 6] = [&len, &[name], self.prefix, self.name, &[context], self.context];
        let mut end = 0;
        for piece in pieces {
            let place = into.get_mut(end..end + piece.len()).ok_or(Unfit)?;
            place.copy_from_slice(piece);
            end += piece.len();
        }
        Ok(end)
    }
}

/// `HKDF-Expand-Label(secret, label, context, out.len())`.
///
/// # Errors
/// [`Unfit`], for no output at all or one that is too long, and for a label or context of more than 255
/// bytes.
pub fn expand_label<H: Hash>(
    hash: &H,
    secret: &[u8],
    label: Label<'_>,
    out: &mut [u8],
) -> Result<(), Unfit> {
    if !fits(hash) {
        return Err(Unfit);
    }
    let mut info = [0; MOST_INFO];
    let len = label.write(out.len(), &mut info)?;
    hkdf::expand(hash, secret, info.get(..len).ok_or(Unfit)?, out)
}

/// The MAC of a `Finished` message (RFC 8446, 4.4.4): of the hash of a transcript, under the key for it.
///
/// # Errors
/// [`Unfit`], where `out` is not as long as a result.
pub fn finished<H: Hash>(
    hash: &H,
    key: &[u8],
    transcript: &[u8],
    out: &mut [u8],
) -> Result<(), Unfit> {
    let size = hash.result_bytes();
    if !fits(hash) || out.len() != size {
        return Err(Unfit);
    }
    let mut mac = Hmac::new(hash);
    mac.key(key);
    let mut result = Wiped([0; MOST_RESULT]);
    mac.of(&[transcript], &mut result.0);
    out.copy_from_slice(result.0.get(..size).ok_or(Unfit)?);
    Ok(())
}

/// The early, handshake or master secret: what `before` becomes with `input`. Where there is no input, it
/// is as many zeros as a result has bytes. `label` is that of the step between (`"derived"`), its context
/// the hash of nothing.
///
/// # Errors
/// As [`expand_label`], and where `out` is not as long as a result.
pub fn next_secret<H: Hash>(
    hash: &H,
    before: Option<&[u8]>,
    input: Option<&[u8]>,
    label: Label<'_>,
    out: &mut [u8],
) -> Result<(), Unfit> {
    let size = hash.result_bytes();
    if !fits(hash) || out.len() != size {
        return Err(Unfit);
    }
    let zeros = [0; MOST_RESULT];
    let input = input.or(zeros.get(..size)).ok_or(Unfit)?;
    let mut salt = Wiped([0; MOST_RESULT]);
    let Some(before) = before else { return hkdf::extract(hash, &[], input, out) };
    let mut nothing = [0; MOST_RESULT];
    let mut state = H::State::default();
    hash.begin(&mut state);
    hash.finish(&mut state, &mut nothing);
    let context = nothing.get(..size).ok_or(Unfit)?;
    let salt = salt.0.get_mut(..size).ok_or(Unfit)?;
    expand_label(hash, before, Label { context, ..label }, salt)?;
    hkdf::extract(hash, salt, input, out)
}
