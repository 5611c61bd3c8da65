//! What happens to streams, for whoever counts it: closed lists.

use std::sync::OnceLock;

/// What has become of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was taken over.
    Taken,
    /// All of it was compressed as one buffer, by libdeflate.
    Whole,
    /// The policy has libdeflate for a buffer of that level, and this is none.
    InPieces(Pieces),
    /// It stays zlib's from its first byte on.
    Left(Reason),
    /// It was taken over, and is zlib's again from a flush on, or from its header.
    HandedOver(Reason),
    /// ISA-L has decoded in this call of `inflate`.
    Decoded,
    /// A call of `inflate` is zlib's alone.
    NotDecoded(Left),
    /// A call of libdeflate's was done here.
    Buffer,
    /// A call of libdeflate's is the real library's.
    NotBuffer(Buffer),
}

/// Why a call of libdeflate's is left to the real library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffer {
    /// Which level its compressor has is not known.
    Unknown,
    /// By the policy, the real library does this level.
    Level,
    /// It is so short that it would be stored.
    Short,
    /// There is no room for what came of it here, or no memory for a compressor.
    Room,
}

/// Why a call of `inflate` is left to zlib.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The loaded zlib is not the version that is known.
    Unknown,
    /// It brings little input, or little room for output.
    Little,
    /// `Z_BLOCK` or `Z_TREES`: it is to end with each block.
    Blocks,
    /// The window is shorter than 32 KiB.
    Window,
    /// ISA-L refuses its first symbols.
    Refused,
    /// There is nothing in it for ISA-L: stored blocks, headers.
    Stored,
}

/// Why a stream is left to zlib.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The loaded zlib is not the version that is known.
    Version,
    /// By the policy, zlib does this level.
    Level,
    /// A strategy other than the default one.
    Strategy,
    /// The stream's memory is too small for its window (a low `memLevel`).
    Memory,
    /// It was prepared in a way that ISA-L knows nothing of: bits before it, tuned matching, a window kept
    /// over a reset.
    Prepared,
    /// Its first call brings no input.
    NoInput,
    /// It was given other parameters, bits or a dictionary in its midst.
    Changed,
    /// It flushes little pieces, over each of which its history would have to be looked through.
    Flushes,
    /// Its first call brought all of it, another came before it had begun, and by the policy zlib does
    /// this level in pieces.
    Pieces,
}

/// Why a stream is no whole buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// Its first call does not end it.
    Unfinished,
    /// It is longer than a piece, or than the stream's memory has room for.
    Long,
    /// It is so short that libdeflate would store it.
    Short,
    /// It is longer than its window: there might be matches from too far back.
    Window,
    /// It has a dictionary.
    History,
    /// There is no memory for a compressor.
    Memory,
    /// Its first call brought all of it, and another came before it had begun.
    Changed,
}

/// Told of each event; it must not panic.
pub type Observer = fn(Event);

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// The first observer counts.
pub(crate) fn observed_by(observer: Observer) {
    // A second one is ignored.
    let _ = OBSERVER.set(observer);
}

pub(crate) fn happened(event: Event) {
    if let Some(observer) = OBSERVER.get() {
        observer(event);
    }
}
