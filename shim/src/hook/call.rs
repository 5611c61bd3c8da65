//! A call of the server's, as a handler sees it: its original, and whether it has been made.
//!
//! Invariant: a call that has been made is not made again, whatever becomes of its handler.

use std::cell::Cell;
use std::ffi::c_void;

use super::{errno, set_errno};

/// A handler's view of its hook.
pub(crate) struct Call<F> {
    /// The original.
    pub(crate) original: F,
    /// The result and `errno` of the call, once it has been made.
    made: Cell<Option<(u64, i32)>>,
}

impl<F> Call<F> {
    pub(super) fn new(original: F) -> Self {
        Self { original, made: Cell::new(None) }
    }

    /// The handler has made the call, with this result, and the server's memory is as the call leaves
    /// it. Whatever becomes of the handler from here on, the call is not made again.
    pub(crate) fn made<T: Word>(&self, result: T) -> T {
        self.made.set(Some((result.into_word(), errno())));
        result
    }

    /// The result, with its `errno`, if the call has been made.
    pub(super) fn result<T: Word>(&self) -> Option<T> {
        let (word, errno) = self.made.get()?;
        set_errno(errno);
        Some(T::from_word(word))
    }
}

/// A result of a hook, as a word.
pub(crate) trait Word: Copy {
    fn into_word(self) -> u64;
    fn from_word(word: u64) -> Self;
}

macro_rules! words {
    ($($type:ty)*) => {$(
        impl Word for $type {
            fn into_word(self) -> u64 {
                self as u64
            }

            fn from_word(word: u64) -> Self {
                word as Self
            }
        }
    )*};
}

words! { i32 i64 isize usize u64 }

impl Word for *mut c_void {
    fn into_word(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn from_word(word: u64) -> Self {
        std::ptr::with_exposed_provenance_mut(word as usize)
    }
}

impl Word for () {
    fn into_word(self) -> u64 {
        0
    }

    fn from_word(_: u64) -> Self {}
}
