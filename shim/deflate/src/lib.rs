//! zlib's `deflate` on ISA-L and libdeflate, exact in every detail of zlib's interface, and its `inflate` on
//! ISA-L ([`inflate`]).
//!
//! ```text
//!  application ── deflate() ──> entry ──┬── not ours: zlib
//!                                       └── taken ── piece ──┬── ISA-L
//!                                                            └── libdeflate: whole buffers
//!                       takeover: first call with input │ ▲ flush, reset, end
//!                                                       ▼ │
//!                          z_stream.state: zlib's own, masked (shadow)
//! ```
//!
//! libdeflate's own functions have a place here, too ([`buffer`]): whoever calls them has one whole buffer.
//!
//! A stream is initialised, configured, reset and ended by the loaded zlib itself, with the application's
//! allocator: whatever zlib allocates, refuses or reports there is what it is. Only its blocks are
//! others': from the first call of `deflate` with input on, in zlib's own memory for the stream. Whether a
//! stream is one whole buffer is known then: that call brings all of its input, and ends it.
//!
//! Must not: know the shim, jobs or settings; have a table of streams, or memory of a stream outside of it.
//!
//! What differs from zlib: the compressed bytes and so the counts that follow from their sizes; output
//! comes in pieces of up to 64 KiB of input, and a `Z_BLOCK` or `Z_PARTIAL_FLUSH` ends on a byte's boundary;
//! `deflateGetDictionary` gives all of the window, where zlib may give up to 262 bytes less.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod buffer;
pub mod entry;
mod event;
pub mod inflate;
pub mod isal;
pub mod libdeflate;
mod piece;
mod policy;
pub mod scan;
mod shadow;
mod state;
mod taken;
mod takeover;
pub mod trial;
mod unswept;
pub mod whole;
mod window;
mod zlib;

pub use entry::instead_of;
pub use event::{Buffer, Event, Left, Observer, Pieces, Reason};
pub use policy::{Choice, Compressor, Policy};
pub use state::State;
pub use zlib::{Find, ZStream};

/// Says where the loaded zlib's functions are, for [`whole`], where no stream is taken over. Only the first word
/// counts, of this and [`start`].
pub fn find_zlib(find: Find) {
    zlib::found_by(find);
}

/// Begins to take streams over, in this process. Only the first call counts.
pub fn start(policy: Policy, find: Find, observer: Observer) {
    zlib::found_by(find);
    event::observed_by(observer);
    takeover::start(policy);
}
