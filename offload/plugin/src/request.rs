//! What a plugin is asked to do, on memory of its own, and what it says of it.

/// A whole buffer to be compressed: raw deflate.
#[derive(Debug)]
pub struct Request {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) level: u8,
    pub(crate) window_bits: u8,
}

impl Request {
    /// `input` is to be compressed to `capacity` bytes at most, at zlib's `level` (0: it is not known), with
    /// matches up to `1 << window_bits` bytes back.
    #[must_use]
    pub fn compress(input: Vec<u8>, capacity: usize, level: u8, window_bits: u8) -> Self {
        Self { input, output: vec![0; capacity], level, window_bits }
    }

    /// The input.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// The first `len` bytes of its output; fewer, if there are not so many.
    #[must_use]
    pub fn output(&self, len: usize) -> &[u8] {
        self.output.get(..len).unwrap_or(&self.output)
    }
}

/// What was put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Bytes of output: at least one, and no more than there is room for.
    pub len: usize,
    /// CRC-32 of the input, as the plugin has it.
    pub crc32: Option<u32>,
    /// Adler-32 of the input, as the plugin has it.
    pub adler32: Option<u32>,
}

/// Why nothing was put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is better done in place.
    Declined,
    /// The plugin has failed; its status.
    Status(i32),
    /// The plugin says that it has put out so many bytes, which cannot be.
    Length(u64),
}

/// A request that is the submitter's again.
#[derive(Debug)]
pub struct Answer {
    /// Its ticket.
    pub ticket: u64,
    /// The request.
    pub request: Request,
    /// What became of it.
    pub result: Result<Produced, Failed>,
}
