//! One of two streams that are given the same calls.

use std::ffi::{CString, c_int, c_long, c_uint, c_ulong};

use interlude_deflate::ZStream;

use crate::common::memory::{Memory, allocate, free};
use crate::common::zlib::{self, Header, SIZE};
use crate::library::{self, Inflate};
use crate::plan::{Step, dictionary};

pub(crate) struct Side {
    pub(crate) inflate: Inflate,
    pub(crate) z: Box<ZStream>,
    pub(crate) memory: Box<Memory>,
    pub(crate) header: Option<Box<Header>>,
}

/// All that an application can see of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    code: c_long,
    avail: (c_uint, c_uint),
    total: (c_ulong, c_ulong),
    message: Option<CString>,
    data_type: c_int,
    adler: c_ulong,
    mark: c_long,
    codes_used: c_ulong,
    sync_point: c_int,
    header: Option<(c_int, c_ulong)>,
}

impl Side {
    pub(crate) fn new(inflate: Inflate, window: c_int) -> Self {
        library::start();
        let mut memory = Box::<Memory>::default();
        let mut z = Box::new(ZStream::zeroed());
        z.allocate = allocate as *mut _;
        z.free = free as *mut _;
        z.opaque = (&raw mut *memory).cast();
        // SAFETY: a stream with an allocator that outlives it.
        let code = unsafe { library::inflateInit2_(&raw mut *z, window, zlib::version(), SIZE) };
        assert_eq!(code, 0);
        Self { inflate, z, memory, header: None }
    }

    pub(crate) fn raw(&mut self) -> *mut ZStream {
        &raw mut *self.z
    }

    /// Input from `at` on, room for `room` bytes. Returns the code and *all* of the room, as it is afterwards.
    pub(crate) fn call(&mut self, input: &[u8], room: usize, flush: c_int) -> (c_int, Vec<u8>) {
        let mut out = vec![0xEE; room + 64];
        self.z.next_in = input.as_ptr();
        self.z.avail_in = input.len() as c_uint;
        self.z.next_out = out.as_mut_ptr();
        self.z.avail_out = room as c_uint;
        let (total_in, total_out) = (self.z.total_in, self.z.total_out);
        // SAFETY: a stream with both buffers.
        let code = unsafe { (self.inflate)(self.raw(), flush) };
        // zlib may give back bytes from before the input, where `inflatePrime` has put as many bits.
        let read = (input.len() as u32).wrapping_sub(self.z.avail_in);
        let put = room - self.z.avail_out as usize;
        assert_eq!(
            self.z.next_in.addr(),
            input.as_ptr().addr().wrapping_add_signed(read as i32 as isize)
        );
        assert_eq!(self.z.next_out.addr(), out.as_ptr().addr() + put);
        // zlib itself does not count what it has read where it asks for a dictionary.
        if code != 2 {
            assert_eq!(self.z.total_in.wrapping_sub(total_in) as u32, read);
            assert_eq!(self.z.total_out - total_out, put as u64);
        }
        (code, out)
    }

    pub(crate) fn seen(&mut self, code: c_long) -> Seen {
        let raw = self.raw();
        // SAFETY: a stream.
        let mark = unsafe { library::inflateMark(raw) };
        // SAFETY: as above.
        let codes_used = unsafe { library::inflateCodesUsed(raw) };
        // SAFETY: as above.
        let sync_point = unsafe { library::inflateSyncPoint(raw) };
        Seen {
            code,
            avail: (self.z.avail_in, self.z.avail_out),
            total: (self.z.total_in, self.z.total_out),
            message: zlib::message(&self.z),
            data_type: self.z.data_type,
            adler: self.z.adler,
            mark,
            codes_used,
            sync_point,
            header: self.header.as_ref().map(|header| (header.done, header.time)),
        }
    }

    pub(crate) fn dictionary(&mut self) -> (c_int, Vec<u8>) {
        let mut bytes = vec![0u8; 32_768];
        let mut len = 0;
        // SAFETY: a stream, and as much room as there may be.
        let code =
            unsafe { library::inflateGetDictionary(self.raw(), bytes.as_mut_ptr(), &raw mut len) };
        bytes.truncate(len as usize);
        (code, bytes)
    }

    /// Goes on with a copy.
    pub(crate) fn copy(&mut self) -> c_int {
        let mut to = Box::new(ZStream::zeroed());
        // SAFETY: a stream, and a place for another.
        let code = unsafe { library::inflateCopy(&raw mut *to, self.raw()) };
        if code == 0 {
            let mut from = std::mem::replace(&mut self.z, to);
            // SAFETY: a stream that is ended once.
            assert_eq!(unsafe { library::inflateEnd(&raw mut *from) }, 0);
        }
        code
    }

    /// What is no call of `inflate`; `rest` is the input.
    pub(crate) fn other(&mut self, step: Step, rest: &[u8]) -> c_int {
        let raw = self.raw();
        match step {
            Step::Inflate { .. } | Step::Dictionary => 0,
            Step::SetDictionary { len } => {
                let words = dictionary(len);
                // SAFETY: a stream, and so many bytes.
                unsafe { library::inflateSetDictionary(raw, words.as_ptr(), len as c_uint) }
            }
            Step::Sync => {
                (self.z.next_in, self.z.avail_in) = (rest.as_ptr(), rest.len() as c_uint);
                // SAFETY: a stream with input.
                unsafe { library::inflateSync(raw) }
            }
            Step::Copy => self.copy(),
            // SAFETY: a stream, as in all that follow.
            Step::Reset => unsafe { library::inflateReset(raw) },
            // SAFETY: as above.
            Step::ResetKeep => unsafe { library::inflateResetKeep(raw) },
            // SAFETY: as above.
            Step::Reset2 { window } => unsafe { library::inflateReset2(raw, window) },
            // SAFETY: as above.
            Step::Prime { bits, value } => unsafe { library::inflatePrime(raw, bits, value) },
            Step::Header => self.header(),
            // SAFETY: as above.
            Step::Undermine { subvert } => unsafe { library::inflateUndermine(raw, subvert) },
            // SAFETY: as above.
            Step::Validate { check } => unsafe { library::inflateValidate(raw, check) },
        }
    }

    fn header(&mut self) -> c_int {
        // SAFETY: numbers and pointers.
        let header = self.header.insert(Box::new(unsafe { std::mem::zeroed() }));
        let header = (&raw mut **header).cast();
        // SAFETY: a stream, and a header that outlives it.
        unsafe { library::inflateGetHeader(self.raw(), header) }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.memory.check();
        // Ended or not, all of its memory goes with it.
    }
}
