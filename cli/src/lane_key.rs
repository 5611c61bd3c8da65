//! Keys of OpenSSL's as the engine with lanes takes them: for `bench crypto` and `calibrate`, which compare the two.

use interlude_simd::{RsaKey, RsaParts};
use openssl::bn::BigNumRef;
use openssl::pkey::Private;
use openssl::rsa::Rsa;
use std::error::Error;

/// # Errors
/// For a key without its primes, or of a size that has no lanes.
pub(crate) fn rsa(openssl: &Rsa<Private>) -> Result<RsaKey, Box<dyn Error + Send + Sync>> {
    let part = |number: Option<&BigNumRef>| number.map(BigNumRef::to_vec);
    let missing = "an RSA key without its primes";
    Ok(RsaKey::new(&RsaParts {
        n: &openssl.n().to_vec(),
        e: &openssl.e().to_vec(),
        p: &part(openssl.p()).ok_or(missing)?,
        q: &part(openssl.q()).ok_or(missing)?,
        dp: &part(openssl.dmp1()).ok_or(missing)?,
        dq: &part(openssl.dmq1()).ok_or(missing)?,
        qinv: &part(openssl.iqmp()).ok_or(missing)?,
    })?)
}
