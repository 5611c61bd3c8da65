//! What is asked of a hash function.

/// Bytes of the longest block (SHA-384).
pub(crate) const MOST_BLOCK: usize = 128;
/// Bytes of the longest result.
pub(crate) const MOST_RESULT: usize = 64;

/// A hash function that is computed step by step.
pub trait Hash {
    /// What it knows after some input. It is not moved, and dropped, it leaves nothing behind.
    type State: Clone + Default;

    /// Bytes of a result, 64 at most.
    fn result_bytes(&self) -> usize;

    /// Bytes of a block, 128 at most.
    fn block_bytes(&self) -> usize;

    /// Begins anew.
    fn begin(&self, state: &mut Self::State);

    /// Takes more input.
    fn update(&self, state: &mut Self::State, input: &[u8]);

    /// Puts the result, as many bytes as it has, at the start of `result`. That is the end of `state`,
    /// unless it begins anew.
    fn finish(&self, state: &mut Self::State, result: &mut Block);
}

/// Room for any result.
pub type Block = [u8; MOST_RESULT];

/// Is it one that there is room for?
pub(crate) fn fits(hash: &impl Hash) -> bool {
    (1..=MOST_RESULT).contains(&hash.result_bytes()) && hash.block_bytes() <= MOST_BLOCK
}
