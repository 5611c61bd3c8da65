//! HKDF (RFC 5869).

use crate::Unfit;
use crate::hash::{Hash, MOST_RESULT};
use crate::hmac::Hmac;
use crate::wipe::Wiped;

/// 2.2: a key that is as long as a result, of a salt and what is known.
pub(crate) fn extract<H: Hash>(
    hash: &H,
    salt: &[u8],
    input: &[u8],
    out: &mut [u8],
) -> Result<(), Unfit> {
    if out.len() != hash.result_bytes() {
        return Err(Unfit);
    }
    let mut result = Wiped([0; MOST_RESULT]);
    let mut keyed = Hmac::new(hash);
    keyed.key(salt);
    keyed.of(&[input], &mut result.0);
    out.iter_mut().zip(&result.0).for_each(|(to, from)| *to = *from);
    Ok(())
}

/// 2.3: as many bytes as are wanted, 255 results at most.
pub(crate) fn expand<H: Hash>(
    hash: &H,
    key: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), Unfit> {
    let size = hash.result_bytes();
    if out.is_empty() || out.len() > 255 * size {
        return Err(Unfit);
    }
    let mut keyed = Hmac::new(hash);
    keyed.key(key);
    let mut result = Wiped([0; MOST_RESULT]);
    let mut known = Wiped([0; MOST_RESULT]);
    for (number, out) in (1..=255u8).zip(out.chunks_mut(size)) {
        let before = if number == 1 { 0 } else { size };
        let before = known.0.get(..before).unwrap_or(&[]);
        keyed.of(&[before, info, &[number]], &mut result.0);
        out.iter_mut().zip(&result.0).for_each(|(to, from)| *to = *from);
        known.0 = result.0;
    }
    Ok(())
}
