//! What a thread has one of and every coroutine needs for itself: `errno` and the floating-point
//! control words. (OpenSSL's error queue and C++'s exception globals belong here by meaning, but
//! their libraries are not linked: the shim swaps them.)

use crate::arch::{FloatWords, load_float_words, save_float_words};

/// The floating-point control words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatControl(FloatWords);

/// Ambient state of a coroutine while another one runs.
#[derive(Debug, Clone, Copy)]
pub struct Ambient {
    errno: i32,
    float: FloatControl,
}

impl Ambient {
    /// Reads this thread's state.
    #[inline]
    #[must_use]
    pub fn save() -> Self {
        // SAFETY: glibc's own address of this thread's errno, always valid.
        let location = unsafe { libc::__errno_location() };
        // SAFETY: as above; nobody else writes this thread's errno.
        let errno = unsafe { location.read() };
        Self { errno, float: FloatControl(save_float_words()) }
    }

    /// Makes it this thread's state again. The control words are loaded only where they differ:
    /// that is dear, and servers hardly ever change them.
    #[inline]
    pub fn restore(self) {
        // SAFETY: as in `save`.
        let location = unsafe { libc::__errno_location() };
        // SAFETY: as in `save`.
        unsafe { location.write(self.errno) };
        if save_float_words() != self.float.0 {
            load_float_words(self.float.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_comes_back() {
        // SAFETY: this thread's errno.
        let location = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        unsafe { location.write(libc::EAGAIN) };
        let ambient = Ambient::save();
        // SAFETY: as above.
        unsafe { location.write(0) };
        ambient.restore();
        // SAFETY: as above.
        assert_eq!(unsafe { location.read() }, libc::EAGAIN);
    }
}
