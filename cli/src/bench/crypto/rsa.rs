//! RSA's private operation on a padded block.

use super::operation::{Operation, Problem, all_well, fill};
use crate::lane_key;
use interlude_simd::{LANES, RsaKey, RsaLane, Unit};
use openssl::pkey::Private;
use openssl::rsa::Padding;

pub(super) struct Rsa {
    name: &'static str,
    openssl: openssl::rsa::Rsa<Private>,
    key: RsaKey,
    block: Vec<u8>,
    results: [Vec<u8>; LANES],
}

impl Rsa {
    pub(super) fn new(name: &'static str, bits: u32) -> Result<Self, Problem> {
        let openssl = openssl::rsa::Rsa::generate(bits)?;
        let key = lane_key::rsa(&openssl)?;
        let bytes = bits as usize / 8;
        // As PKCS#1 pads: 0, 1, ones.
        let mut block = vec![0xff; bytes];
        block.splice(..2, [0, 1]);
        let results = std::array::from_fn(|_| vec![0; bytes]);
        Ok(Self { name, openssl, key, block, results })
    }
}

impl Operation for Rsa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn openssl(&mut self) -> Result<(), Problem> {
        let [result, ..] = &mut self.results;
        self.openssl.private_encrypt(&self.block, result, Padding::NONE)?;
        Ok(())
    }

    fn simd(&mut self, unit: &mut Unit, lanes: usize) -> Result<(), Problem> {
        let (key, input) = (&self.key, &self.block);
        let mut lanes = fill(lanes, &mut self.results, |output| RsaLane { key, input, output });
        all_well(&unit.rsa_private(&mut lanes))
    }
}
