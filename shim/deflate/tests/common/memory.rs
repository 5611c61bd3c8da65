//! The application's allocator: what was asked for, and whether somebody wrote beside it.

use std::collections::HashMap;
use std::ffi::{c_uint, c_void};

const GUARD: usize = 64;
const MARK: u8 = 0xA5;

/// All memory of one stream. Freed when dropped, whether or not the stream was ended.
#[derive(Default)]
pub(crate) struct Memory {
    blocks: HashMap<usize, Block>,
    /// Items and size of each call.
    pub(crate) asked: Vec<(c_uint, c_uint)>,
}

struct Block {
    words: Box<[u64]>,
    items: c_uint,
    len: usize,
}

impl Memory {
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Blocks that are in use.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    fn take(&mut self, items: c_uint, size: c_uint) -> *mut c_void {
        self.asked.push((items, size));
        let len = items as usize * size as usize;
        // What lies there at first is whatever was there before: positions in a window, if zlib takes it for a
        // table of its own.
        let words = (len + 2 * GUARD).div_ceil(8);
        let mut all: Box<[u64]> = (0..words as u64).map(garbage).collect();
        let bytes = all.as_mut_ptr().cast::<u8>();
        // SAFETY: `GUARD` bytes on each side of `len`, within the block.
        unsafe { std::ptr::write_bytes(bytes, MARK, GUARD) };
        // SAFETY: as above.
        let start = unsafe { bytes.add(GUARD) };
        // SAFETY: as above.
        let end = unsafe { start.add(len) };
        // SAFETY: as above.
        unsafe { std::ptr::write_bytes(end, MARK, GUARD) };
        self.blocks.insert(start.addr(), Block { words: all, items, len });
        start.cast()
    }

    /// Is all of the only block of so many items of that size, but for its first `beginning` bytes, as it was at first?
    pub(crate) fn is_untouched(&self, items: usize, size: usize, beginning: usize) -> bool {
        let is_it = |block: &&Block| (block.items as usize, block.len) == (items, items * size);
        let mut blocks = self.blocks.values().filter(is_it);
        let (Some(block), None) = (blocks.next(), blocks.next()) else {
            panic!("not one block of {items} items of {size} bytes");
        };
        let words = (GUARD + beginning) / 8..(GUARD + block.len) / 8;
        words.into_iter().all(|at| block.words[at] == garbage(at as u64))
    }

    fn give(&mut self, address: usize) {
        let block = self.blocks.remove(&address).expect("freed what was not allocated");
        check(&block);
    }

    pub(crate) fn check(&self) {
        self.blocks.values().for_each(check);
    }
}

/// Four small numbers, none of them 0.
fn garbage(at: u64) -> u64 {
    at.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0x07FF_07FF_07FF_07FF | 0x0001_0001_0001_0001
}

fn check(Block { words, len, .. }: &Block) {
    let bytes = words.as_ptr().cast::<u8>();
    // SAFETY: as they were allocated.
    let all = unsafe { std::slice::from_raw_parts(bytes, len + 2 * GUARD) };
    let guards = all[..GUARD].iter().chain(&all[GUARD + len..]);
    assert!(guards.into_iter().all(|byte| *byte == MARK), "written beside {len} bytes");
}

/// `zalloc`.
pub(crate) unsafe extern "C" fn allocate(
    memory: *mut c_void,
    items: c_uint,
    size: c_uint,
) -> *mut c_void {
    // SAFETY: `opaque` is a `Memory` that outlives the stream.
    unsafe { &mut *memory.cast::<Memory>() }.take(items, size)
}

/// `zfree`.
pub(crate) unsafe extern "C" fn free(memory: *mut c_void, address: *mut c_void) {
    // SAFETY: as above.
    unsafe { &mut *memory.cast::<Memory>() }.give(address.addr());
}
