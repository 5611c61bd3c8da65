//! Bytes on the stack that are wiped when they go.

/// Not to be moved once it holds a secret: a move copies.
pub(crate) struct Wiped<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        self.0.fill(0);
        // As far as the compiler knows, somebody looks at them.
        std::hint::black_box(&mut self.0);
    }
}
