//! HMAC (RFC 2104): the states after both padded keys are kept, for as many messages as are wanted.

use crate::hash::{Block, Hash, MOST_BLOCK, MOST_RESULT};
use crate::wipe::Wiped;

/// A key, as its two states. It is not moved once it has one.
pub(crate) struct Hmac<'a, H: Hash> {
    hash: &'a H,
    inner: H::State,
    outer: H::State,
}

impl<'a, H: Hash> Hmac<'a, H> {
    /// `hash` is one that fits (`hash::fits`).
    pub(crate) fn new(hash: &'a H) -> Self {
        Self { hash, inner: H::State::default(), outer: H::State::default() }
    }

    /// Takes a key, before any message.
    pub(crate) fn key(&mut self, key: &[u8]) {
        let mut short = Wiped([0; MOST_RESULT]);
        let key = if key.len() > self.hash.block_bytes() {
            self.hash.begin(&mut self.inner);
            self.hash.update(&mut self.inner, key);
            self.hash.finish(&mut self.inner, &mut short.0);
            short.0.get(..self.hash.result_bytes()).unwrap_or(&[])
        } else {
            key
        };
        let mut block = Wiped([0; MOST_BLOCK]);
        block.0.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        self.hash.begin(&mut self.inner);
        self.hash.begin(&mut self.outer);
        let block = block.0.get_mut(..self.hash.block_bytes()).unwrap_or(&mut []);
        block.iter_mut().for_each(|byte| *byte ^= 0x36);
        self.hash.update(&mut self.inner, block);
        block.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        self.hash.update(&mut self.outer, block);
    }

    /// Of the pieces one after the other.
    pub(crate) fn of(&self, pieces: &[&[u8]], result: &mut Block) {
        let mut state = H::State::default();
        state.clone_from(&self.inner);
        for piece in pieces {
            self.hash.update(&mut state, piece);
        }
        self.hash.finish(&mut state, result);
        state.clone_from(&self.outer);
        self.hash.update(&mut state, result.get(..self.hash.result_bytes()).unwrap_or(&[]));
        self.hash.finish(&mut state, result);
    }
}
