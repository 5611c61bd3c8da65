//! The application's allocator: what was asked for, and whether somebody wrote beside it.

use std::collections::HashMap;
use std::ffi::{c_uint, c_void};

const GUARD: usize = 64;
const MARK: u8 = 0xA5;

/// All memory of one stream. Freed when dropped, whether or not the stream was ended.
#[derive(Default)]
pub(crate) struct Memory {
    blocks: HashMap<usize, (Box<[u64]>, usize)>,
    /// Items and size of each call.
    pub(crate) asked: Vec<(c_uint, c_uint)>,
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
        // What lies there at first is whatever was there before.
        let words = (len + 2 * GUARD).div_ceil(8);
        let mut block = vec![0xDDDD_DDDD_DDDD_DDDDu64; words].into_boxed_slice();
        let bytes = block.as_mut_ptr().cast::<u8>();
        // SAFETY: `GUARD` bytes on each side of `len`, within the block.
        unsafe { std::ptr::write_bytes(bytes, MARK, GUARD) };
        // SAFETY: as above.
        let start = unsafe { bytes.add(GUARD) };
        // SAFETY: as above.
        let end = unsafe { start.add(len) };
        // SAFETY: as above.
        unsafe { std::ptr::write_bytes(end, MARK, GUARD) };
        self.blocks.insert(start.addr(), (block, len));
        start.cast()
    }

    fn give(&mut self, address: usize) {
        let block = self.blocks.remove(&address).expect("freed what was not allocated");
        check(&block);
    }

    pub(crate) fn check(&self) {
        self.blocks.values().for_each(check);
    }
}

fn check((block, len): &(Box<[u64]>, usize)) {
    let bytes = block.as_ptr().cast::<u8>();
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
