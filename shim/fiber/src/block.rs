//! A few bytes of each thread's own, found without a call.

use crate::arch;

/// Size of a thread's block, in bytes: a cache line, aligned as one.
pub(crate) const SIZE: usize = 64;

/// What may live in a thread's block.
///
/// # Safety
/// The type is valid when all its bytes are zero (that is what a new thread finds), has no
/// destructor, and there is one such type in the program.
pub unsafe trait OfThread: Sized + 'static {}

/// The calling thread's `T`. Its address stays the same for the thread's life.
#[inline(always)]
#[must_use]
pub fn of_thread<T: OfThread>() -> *const T {
    const {
        assert!(size_of::<T>() <= SIZE && align_of::<T>() <= SIZE);
        assert!(!std::mem::needs_drop::<T>());
    }
    arch::block_of_thread().cast()
}

/// Where the stack ends by now, in a frame of the caller's: for a function that jumps on to another one. (Of one that
/// has the address of a local taken, the compiler makes a call, and saves the registers of its caller.)
#[inline(always)]
#[must_use]
pub fn stack_pointer() -> usize {
    arch::stack_pointer()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Number(Cell<u64>);

    // SAFETY: zero is a number; the only type in this program.
    unsafe impl OfThread for Number {}

    fn number() -> &'static Number {
        // SAFETY: the thread's own, as long as it lives; `Number` is not `Sync`.
        unsafe { &*of_thread::<Number>() }
    }

    #[test]
    fn each_thread_has_its_own_which_begins_as_zero() {
        number().0.set(7);
        let of_another = std::thread::spawn(|| {
            let first = number().0.replace(9);
            (first, number().0.get(), std::ptr::from_ref(number()).addr())
        });
        let (first, second, address) = of_another.join().unwrap();
        assert_eq!((first, second, number().0.get()), (0, 9, 7));
        assert_ne!(address, std::ptr::from_ref(number()).addr());
        assert_eq!(address % SIZE, 0);
    }
}
