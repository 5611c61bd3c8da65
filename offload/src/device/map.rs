//! A device's board in memory that a process shares with its children.

use std::io;
use std::sync::atomic::AtomicU64;
use std::{ptr, slice};

use interlude_device::{Board, Description};

/// The board of a device that has nothing to do, for all threads of this process and of those that it forks from now
/// on. It needs no fd, and lies there until the last of them has ended.
///
/// # Errors
/// The system has no memory for it.
pub fn map_board(description: &Description) -> io::Result<Board> {
    let words = Board::len(description);
    let (bytes, access) = (words * size_of::<AtomicU64>(), libc::PROT_READ | libc::PROT_WRITE);
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: so many words lie there, zeroed and aligned to a page, and are never unmapped; nothing but such
    // atomics is made of them, in any process.
    let words = unsafe { slice::from_raw_parts(start.cast::<AtomicU64>(), words) };
    Board::on(words, description).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
