//! A call of which only its request matters: a whole buffer to be compressed, by other means than the
//! library's.
//!
//! ```text
//! Compression ──lend──> the engine has the request ──> it is done: request and result come back
//!                        \── given up: the engine has it still, until nobody writes to it any more
//! ```
//!
//! Must not: share memory with whoever has the request.

use interlude_plugin::{Produced, Request};

use crate::Call;

/// A buffer to be compressed. Run as a call, it stays without results.
#[derive(Debug)]
pub struct Compression {
    /// `None`: an engine has it.
    request: Option<Request>,
    result: Option<Produced>,
}

/// One that was compressed.
#[derive(Debug)]
pub struct Compressed {
    request: Request,
    produced: Produced,
}

impl Compression {
    /// Raw deflate of `input`, in `capacity` bytes at most, at zlib's `level` (0: it is not known), with matches
    /// up to `1 << window_bits` bytes back.
    #[must_use]
    pub fn new(input: Vec<u8>, capacity: usize, level: u8, window_bits: u8) -> Self {
        let request = Some(Request::compress(input, capacity, level, window_bits));
        Self { request, result: None }
    }

    /// What is to be done, for an engine that does it.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// The engine did not begin with it.
    pub(crate) fn give_back(&mut self, request: Request) {
        self.request = Some(request);
    }

    /// The engine has done it.
    pub(crate) fn done(&mut self, request: Request, produced: Produced) {
        self.request = Some(request);
        self.result = Some(produced);
    }

    /// The results, if it was done.
    #[must_use]
    pub fn compressed(self) -> Option<Compressed> {
        Some(Compressed { request: self.request?, produced: self.result? })
    }
}

impl Compressed {
    /// What was compressed.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        self.request.input()
    }

    /// What came out: deflate, if the engine is right.
    #[must_use]
    pub fn blocks(&self) -> &[u8] {
        self.request.output(self.produced.len)
    }

    /// CRC-32 of the input, as far as the engine has said it.
    #[must_use]
    pub fn crc32(&self) -> Option<u32> {
        self.produced.crc32
    }

    /// Adler-32 of the input, likewise.
    #[must_use]
    pub fn adler32(&self) -> Option<u32> {
        self.produced.adler32
    }
}

impl Call for Compression {
    fn run(&mut self) {}
}
