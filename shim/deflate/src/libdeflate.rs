//! libdeflate: one whole buffer to one run of deflate blocks, the last of which ends the stream.
//!
//! A compressor of libdeflate's has 205 KB at level 1, 672 KB at 2 to 9, 9 MB from 10 on. None of that outlives a call in
//! content: what comes out depends on the input only (`tests/scratch.rs`). Each thread keeps one for each
//! level that it has used, from the process's own allocator, until it ends. A stream has nothing of it.
//!
//! Linked statically, from the source that the crate `libdeflate-sys` carries, as ISA-L is and for the same
//! reasons: a system's library may be missing, or be one whose sizes were never calibrated, and to load it
//! would open files within a server's worker. Its symbols have names of their own (`build.rs`), so no call
//! of ours can come back through a hook of libdeflate's.
//!
//! Must not: be given a history, or a part of a stream.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

/// The highest level of libdeflate.
pub const MAX_LEVEL: u8 = 12;

unsafe extern "C" {
    fn interlude_libdeflate_alloc_compressor(level: c_int) -> *mut c_void;
    fn interlude_libdeflate_free_compressor(compressor: *mut c_void);
    fn interlude_libdeflate_deflate_compress(
        compressor: *mut c_void,
        input: *const c_void,
        input_len: usize,
        output: *mut c_void,
        room: usize,
    ) -> usize;
}

/// A compressor of one level.
#[derive(Debug)]
pub struct Compressor(NonNull<c_void>);

// SAFETY: it is bound to no thread, and used through `&mut` only.
unsafe impl Send for Compressor {}

impl Compressor {
    /// One for `level` (1 to 12); `None` for another level, or where there is no memory.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        if !(1..=MAX_LEVEL).contains(&level) {
            return None;
        }
        // SAFETY: any level may be asked for.
        let compressor = unsafe { interlude_libdeflate_alloc_compressor(level.into()) };
        #[cfg(test)]
        tests::LIVE.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        NonNull::new(compressor).map(Self)
    }

    /// Compresses `input` into `output`: raw deflate, with matches up to 32 KiB back. Returns the bytes put
    /// out, `None` where there is not room enough.
    pub fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        // SAFETY: a compressor that nobody else uses, and both buffers of the sizes that are said.
        let len = unsafe {
            interlude_libdeflate_deflate_compress(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
            )
        };
        (1..=output.len()).contains(&len).then_some(len)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and freed once.
        unsafe { interlude_libdeflate_free_compressor(self.0.as_ptr()) };
        #[cfg(test)]
        tests::LIVE.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

type Kept = [Cell<Option<Compressor>>; MAX_LEVEL as usize + 1];

thread_local! {
    /// This thread's compressors, by their levels. One that is in use is not here.
    static KEPT: Kept = const { [const { Cell::new(None) }; MAX_LEVEL as usize + 1] };
}

/// Is there a compressor of that level for this thread? It is made where there is none.
pub(crate) fn is_ready(level: u8) -> bool {
    with_compressor(level, |_| ()).is_some()
}

/// Lends this thread's compressor of that level to `body`; `None` where none is to be had.
pub(crate) fn with_compressor<T>(level: u8, body: impl FnOnce(&mut Compressor) -> T) -> Option<T> {
    // A thread that is about to end has none any more.
    let kept = |act: &dyn Fn(&Cell<Option<Compressor>>) -> Option<Compressor>| {
        KEPT.try_with(|kept| kept.get(usize::from(level)).and_then(act)).ok().flatten()
    };
    let mut compressor = kept(&Cell::take).or_else(|| Compressor::new(level))?;
    let result = body(&mut compressor);
    let back = Cell::new(Some(compressor));
    // What a call within this one has put there meanwhile is one too many.
    drop(kept(&|place| place.replace(back.take())));
    // Where there is no place any more, it ends here.
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Compressors that there are: one test only makes any.
    pub(super) static LIVE: AtomicUsize = AtomicUsize::new(0);

    fn live() -> usize {
        LIVE.load(Ordering::SeqCst)
    }

    #[test]
    fn a_thread_keeps_one_for_each_level_that_it_has_used_until_it_ends() {
        let work = || {
            assert!(is_ready(6) && is_ready(6) && live() == 1);
            assert!(is_ready(7) && live() == 2);
            // Another call within, as a signal's handler might make one.
            let within = with_compressor(6, |_| with_compressor(6, |_| live()));
            assert_eq!((within, live()), (Some(Some(3)), 2));
            assert!(!is_ready(0) && !is_ready(13) && !is_ready(255));
        };
        for _ in 0..3 {
            assert!(std::thread::spawn(work).join().is_ok());
            assert_eq!(live(), 0);
        }
    }
}
