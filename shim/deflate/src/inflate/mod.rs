//! zlib's `inflate`, with the symbols of its blocks decoded by ISA-L.
//!
//! ```text
//!  a call of inflate():
//!   zlib ── wrapper, block's header, its tables (Z_TREES) ──┐
//!    ▲                                                      ▼
//!    │            history, bits, code lengths ──> [ decoder: ISA-L's loop ] ──> output, then zlib's fields
//!    └── the block's end, more blocks <─────────────────────┘
//!   zlib ── the last bytes of the call: with the application's own `flush`
//! ```
//!
//! The stream is zlib's own before, between and after these steps: its state says all there is to say,
//! in zlib's terms. So there is nothing to be masked, given back or copied, and no other function of the
//! family is concerned. zlib parses every header and finds every error: where ISA-L refuses, what it has decoded since
//! is forgotten, and zlib goes on from there. zlib ends every call: how far it reads beyond the last byte that
//! there is room for, what it says of it, and all that [`state::State`] has of it are its own.
//!
//! Must not: keep anything of a stream (a decoder's tables are found again by the code lengths that they
//! were made from); write where zlib would not.

mod call;
mod decoder;
mod probe;
mod run;
mod state;
mod tables;

pub use call::inflate;
