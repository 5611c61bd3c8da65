//! RSA keys, their numbers apart. Making one takes long: each is made once.

use interlude_simd::{RsaKey, RsaParts};
use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::Private;
use openssl::rsa::{Padding, Rsa};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// A key's numbers, big-endian, and OpenSSL's key of them.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    pub(crate) p: Vec<u8>,
    pub(crate) q: Vec<u8>,
    pub(crate) dp: Vec<u8>,
    pub(crate) dq: Vec<u8>,
    pub(crate) qinv: Vec<u8>,
    pub(crate) openssl: Rsa<Private>,
}

impl Numbers {
    fn of(rsa: Rsa<Private>) -> Self {
        Self {
            n: rsa.n().to_vec(),
            e: rsa.e().to_vec(),
            p: rsa.p().unwrap().to_vec(),
            q: rsa.q().unwrap().to_vec(),
            dp: rsa.dmp1().unwrap().to_vec(),
            dq: rsa.dmq1().unwrap().to_vec(),
            qinv: rsa.iqmp().unwrap().to_vec(),
            openssl: rsa,
        }
    }

    /// The same primes with another public exponent; `None` if there is no private one for it.
    pub(crate) fn with_exponent(&self, e: &BigNum) -> Option<Self> {
        let context = &mut BigNumContext::new().unwrap();
        let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
        let (n, p, q) = (number(&self.n), number(&self.p), number(&self.q));
        let one = BigNum::from_u32(1).unwrap();
        let (p_less, q_less) = (&p - &one, &q - &one);
        let mut d = BigNum::new().unwrap();
        d.mod_inverse(e, &(&p_less * &q_less), context).ok()?;
        let (dp, dq) = (&d % &p_less, &d % &q_less);
        let e = number(&e.to_vec());
        let rsa = Rsa::from_private_components(n, e, d, p, q, dp, dq, number(&self.qinv));
        Some(Self::of(rsa.unwrap()))
    }

    pub(crate) fn parts(&self) -> RsaParts<'_> {
        RsaParts {
            n: &self.n,
            e: &self.e,
            p: &self.p,
            q: &self.q,
            dp: &self.dp,
            dq: &self.dq,
            qinv: &self.qinv,
        }
    }

    pub(crate) fn key(&self) -> RsaKey {
        RsaKey::new(&self.parts()).unwrap()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.n.len()
    }

    /// What OpenSSL makes of a block.
    pub(crate) fn private(&self, input: &[u8]) -> Vec<u8> {
        let mut output = vec![0; self.bytes()];
        self.openssl.private_encrypt(input, &mut output, Padding::NONE).unwrap();
        output
    }

    /// A block below the modulus, of a random number.
    pub(crate) fn block(&self, random: &[u8]) -> Vec<u8> {
        let number = BigNum::from_slice(random).unwrap();
        let block = &number % &BigNum::from_slice(&self.n).unwrap();
        block.to_vec_padded(self.bytes() as i32).unwrap()
    }
}

/// The key of that size and exponent with that number.
pub(crate) fn made(bits: u32, e: u32, number: usize) -> Arc<Numbers> {
    type Made = HashMap<(u32, u32, usize), Arc<OnceLock<Arc<Numbers>>>>;
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    let slot = {
        let mut made = MADE.get_or_init(Mutex::default).lock().unwrap();
        Arc::clone(made.entry((bits, e, number)).or_default())
    };
    let make = || {
        let e = BigNum::from_u32(e).unwrap();
        Arc::new(Numbers::of(Rsa::generate_with_e(bits, &e).unwrap()))
    };
    Arc::clone(slot.get_or_init(make))
}
