//! What a stream that was taken over has besides zlib's own fields.
//!
//! It lies in the last bytes of the stream's own window, which zlib has from the application's
//! allocator and does not look at before it has filled it. So it is copied where `deflateCopy` copies the
//! window, it is gone when the stream's memory is gone, and there is no table of streams.
//!
//! ```text
//!  window, 2 * w_size bytes:   [ history ][ collected, not compressed yet ] … free … [ Shadow ]
//!  pending_buf:                [ output that the application had no room for ]
//!                              or at the end: [ all blocks of the stream ][ its trailer ]
//! ```
//!
//! `internal_state.status` is [`MASK`] meanwhile: no function of zlib's accepts such a state, so one that
//! is called around our hooks answers `Z_STREAM_ERROR` and does no harm.

use std::ffi::c_int;

use crate::policy::Choice;
use crate::state::State;

/// The status of a state whose stream was taken over: none of deflate's, nor of inflate's modes.
pub(crate) const MASK: c_int = 0x1_4c_44_49;

/// No whole buffer.
pub(crate) const IN_PIECES: u8 = 0xfe;

const COOKIE: u64 = 0x736f_5f74_6e49_2d5a;

/// See the module's text. All of it is numbers: it may lie at any address.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shadow {
    cookie: u64,
    /// zlib's status, under the mask.
    pub(crate) status: c_int,
    /// Bytes of history at the window's beginning.
    pub(crate) history: u32,
    /// Bytes of input behind it that are not compressed yet.
    pub(crate) collected: u32,
    /// What compresses pieces (`Compressor::code`).
    pub(crate) pieces: u8,
    /// What compresses the whole buffer that is expected; [`IN_PIECES`]: none is.
    pub(crate) whole: u8,
    /// Is the header still to be written, by zlib?
    pub(crate) in_header: bool,
    /// Has the flush that is going on put out its empty stored block?
    pub(crate) is_marked: bool,
    /// Flushes of so little input that zlib would have done better.
    pub(crate) small_flushes: u8,
    /// The last piece, where only its blocks are left, at the beginning of `pending_buf` (`recall`).
    pub(crate) last: Last,
}

/// A stream's last piece, if it was its only one, and the application's.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Last {
    /// Bytes of its blocks; 0: there is no such piece.
    pub(crate) blocks: u32,
    /// Bytes of its input.
    pub(crate) input: u32,
}

/// Bytes at the window's end that are kept free for it.
pub(crate) const ROOM: usize = size_of::<Shadow>();

impl Shadow {
    /// That of a stream in this state, before its header.
    pub(crate) fn new(status: c_int, history: u32, choice: Choice, is_whole: bool) -> Self {
        Self {
            cookie: COOKIE,
            status,
            history,
            collected: 0,
            pieces: choice.pieces.code(),
            whole: if is_whole { choice.whole.code() } else { IN_PIECES },
            in_header: true,
            is_marked: false,
            small_flushes: 0,
            last: Last::default(),
        }
    }

    fn place(state: &State) -> Option<*mut Self> {
        let at = (state.w_size as usize * 2).checked_sub(ROOM)?;
        // SAFETY: the window has twice `w_size` bytes.
        Some(unsafe { state.window.add(at) }.cast())
    }

    /// Reads the shadow of a state that is masked.
    pub(crate) fn load(state: &State) -> Option<Self> {
        let place = Self::place(state)?;
        // SAFETY: within the window; written by `store`, or by zlib's copy of a window. The cookie comes
        // first: what is no shadow is not looked at any further.
        let cookie = unsafe { place.cast::<u64>().read_unaligned() };
        // SAFETY: as above.
        (cookie == COOKIE).then(|| unsafe { place.read_unaligned() })
    }

    /// Writes it.
    pub(crate) fn store(&self, state: &State) {
        if let Some(place) = Self::place(state) {
            // SAFETY: within the window, whose last bytes are kept free for it.
            unsafe { place.write_unaligned(*self) };
        }
    }
}
