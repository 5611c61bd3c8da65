//! The window of a stream that was taken over: history, and behind it what is collected (`shadow` has the
//! drawing).
//!
//! What comes last is hardly ever asked for. So a last piece that is the application's, and the only one, is not copied
//! there: its blocks stay in `pending_buf`, and are decompressed for whoever asks (`recall`).
//!
//! Invariant: `history` and `collected` end before the shadow; between calls `history` is no longer than
//! the window that the stream was made for.

use crate::isal;
use crate::shadow::{Last, ROOM};
use crate::taken::Taken;

impl Taken<'_> {
    /// Takes input into the window, behind what is there.
    pub(crate) fn collect(&mut self) -> Option<()> {
        let (history, collected) = (self.shadow.history as usize, self.shadow.collected as usize);
        let room = (self.s.w_size as usize * 2).checked_sub(ROOM + history)?;
        let room = room.min(self.s.longest());
        let len = room.saturating_sub(collected).min(self.z.avail_in as usize);
        if len > 0 {
            let from = self.z.next_in;
            // SAFETY: `history + collected + len` is within the window, before the shadow.
            let to = unsafe { self.s.window.add(history + collected) };
            // SAFETY: `avail_in` bytes at `next_in` by the API's contract; the window is zlib's own.
            unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
            self.consume(len);
            self.shadow.collected += len as u32;
        }
        Some(())
    }

    /// The next `len` bytes of the application's become history.
    pub(crate) fn remember_callers(&mut self, len: usize) {
        let size = self.s.w_size as usize;
        let skipped = len.saturating_sub(size);
        if skipped > 0 {
            self.shadow.history = 0;
        }
        let kept = len - skipped;
        // What is there and what comes may be more than fits before the shadow.
        let most = (size * 2).saturating_sub(ROOM + kept);
        self.keep(most);
        // SAFETY: `len` bytes lie there, by the caller.
        let from = unsafe { self.z.next_in.add(skipped) };
        // SAFETY: within the window, before the shadow, by `keep`.
        let to = unsafe { self.s.window.add(self.shadow.history as usize) };
        // SAFETY: as above; the window is zlib's own.
        unsafe { std::ptr::copy_nonoverlapping(from, to, kept) };
        self.shadow.history += kept as u32;
        self.slide();
    }

    /// No more history than the window is long.
    pub(crate) fn slide(&mut self) {
        self.keep(self.s.w_size as usize);
    }

    /// Drops the oldest of the history, up to `most` bytes of it.
    fn keep(&mut self, most: usize) {
        let history = self.shadow.history as usize;
        let Some(dropped @ 1..) = history.checked_sub(most) else { return };
        // SAFETY: within the history.
        let from = unsafe { self.s.window.add(dropped) };
        // SAFETY: both within the window.
        unsafe { std::ptr::copy(from, self.s.window, most) };
        self.shadow.history = most as u32;
    }

    /// The stream's last piece becomes history, where only its blocks are left.
    pub(crate) fn recall(&mut self) {
        let last = std::mem::take(&mut self.shadow.last);
        if last == Last::default() {
            return;
        }
        // SAFETY: so many bytes of zlib's buffer were put out there, and nothing was since.
        let blocks =
            unsafe { std::slice::from_raw_parts(self.s.pending_buf, last.blocks as usize) };
        // What was compressed can be decompressed, or there is no history.
        let input = isal::decompress(blocks, last.input as usize);
        self.lower_pending(last.blocks as usize);
        let Some(input) = input else { return };
        let kept = input.len().min(self.s.w_size as usize);
        let input = input.get(input.len() - kept..).unwrap_or_default();
        // SAFETY: the window has twice as many bytes.
        unsafe { std::ptr::copy_nonoverlapping(input.as_ptr(), self.s.window, kept) };
        self.shadow.history = kept as u32;
    }

    /// What is pending behind so many bytes of blocks lies where zlib would have put it.
    fn lower_pending(&mut self, blocks: usize) {
        let (begun, len) = (self.s.pending_out.addr() - self.s.pending_buf.addr(), self.s.pending);
        let Some(place) = begun.checked_sub(blocks).filter(|_| len > 0) else { return };
        // SAFETY: within zlib's buffer, as what is pending there, and before it.
        let to = unsafe { self.s.pending_buf.add(place) };
        // SAFETY: as above.
        unsafe { std::ptr::copy(self.s.pending_out, to, len as usize) };
        self.s.pending_out = to;
    }

    /// What a decompressor has seen last, and what it will see next: up to the window's size.
    pub(crate) fn dictionary(&mut self) -> &[u8] {
        self.recall();
        let len = (self.shadow.history + self.shadow.collected) as usize;
        let skipped = len.saturating_sub(self.s.w_size as usize);
        // SAFETY: the window's first `len` bytes are history and what was collected.
        let all = unsafe { std::slice::from_raw_parts(self.s.window, len) };
        all.get(skipped..).unwrap_or_default()
    }
}
