//! What a device may be able to do.

use serde::Deserialize;

/// A class of operations, each with its own costs; in a description, its name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Compression; its size is that of the input, as of all others.
    Compress,
    /// Decompression.
    Decompress,
    /// A signature.
    Sign,
    /// A key agreement.
    Derive,
    /// A new key pair.
    Keygen,
    /// A decryption with a private key.
    Decrypt,
    /// A run of a neural network.
    Infer,
}
