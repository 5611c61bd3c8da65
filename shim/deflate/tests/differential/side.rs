//! One stream, at one of the two libraries.

use std::ffi::{c_int, c_uint, c_void};

use interlude_deflate::ZStream;

use crate::common::memory::{Memory, allocate, free};
use crate::common::zlib::{Header, SIZE, version};
use crate::library::Api;
use crate::plan::{Room, Setup};

pub(crate) struct Side {
    pub(crate) api: Api,
    pub(crate) z: Box<ZStream>,
    pub(crate) memory: Box<Memory>,
    /// Output since the stream's latest beginning.
    pub(crate) out: Vec<u8>,
    /// Dictionaries, and where in the output they were set.
    pub(crate) dictionaries: Vec<(usize, Vec<u8>)>,
}

impl Side {
    /// The library's answer, too.
    pub(crate) fn new(api: Api, setup: Setup) -> (Self, c_int) {
        let mut memory = Box::<Memory>::default();
        let mut z = Box::new(ZStream::zeroed());
        z.allocate = allocate as *mut c_void;
        z.free = free as *mut c_void;
        z.opaque = (&raw mut *memory).cast();
        let Setup { level, window, memory: size, strategy } = setup;
        let version = version();
        // SAFETY: a zeroed stream with an allocator.
        let code =
            unsafe { (api.init)(&raw mut *z, level, 8, window, size, strategy, version, SIZE) };
        (Self { api, z, memory, out: Vec::new(), dictionaries: Vec::new() }, code)
    }

    /// One call, with so much room.
    pub(crate) fn call(&mut self, flush: c_int, room: usize) -> c_int {
        let before = self.out.len();
        // Behind the room there is a byte that must stay.
        self.out.resize(before + room + 1, 0xEE);
        self.z.next_out = self.out[before..].as_mut_ptr();
        self.z.avail_out = room as c_uint;
        let (total_in, total_out) = (self.z.total_in, self.z.total_out);
        let (next_in, avail_in) = (self.z.next_in.addr(), self.z.avail_in);
        // SAFETY: a stream with both buffers.
        let code = unsafe { (self.api.deflate)(&raw mut *self.z, flush) };
        assert_eq!(self.out[before + room], 0xEE, "{}: more output than asked", self.api.name);
        let written = room - self.z.avail_out as usize;
        let read = avail_in - self.z.avail_in;
        assert_eq!(self.z.total_out - total_out, written as u64, "{}", self.api.name);
        assert_eq!(self.z.total_in - total_in, u64::from(read), "{}", self.api.name);
        assert_eq!(self.z.next_in.addr(), next_in + read as usize, "{}", self.api.name);
        assert_eq!(self.z.next_out.addr(), self.out[before..].as_ptr().addr() + written);
        self.out.truncate(before + written);
        code
    }

    pub(crate) fn give(&mut self, input: &[u8]) {
        self.z.next_in = input.as_ptr();
        self.z.avail_in = input.len() as c_uint;
    }

    /// Calls until everything is read and put out; the last answer.
    pub(crate) fn drive(&mut self, input: &[u8], flush: c_int, room: Room) -> c_int {
        self.give(input);
        let mut calls = 0;
        loop {
            let size = if calls < room.calls { room.first } else { room.then };
            calls += 1;
            let code = self.call(flush, size);
            let is_full = self.z.avail_out == 0;
            match code {
                0 if is_full || (flush == 4 && calls < 3) => {}
                0 => {
                    assert_eq!(self.z.avail_in, 0, "{}: input left, room left", self.api.name);
                    return code;
                }
                // A call too many, where the last one has just filled its room.
                -5 if calls > 1 => return 0,
                _ => return code,
            }
            assert!(calls < 2_000_000, "{}: does not end", self.api.name);
        }
    }

    pub(crate) fn deflate_nothing(&mut self, flush: c_int) -> c_int {
        self.drive(&[], flush, Room { calls: 0, first: 0, then: 300_000 })
    }

    pub(crate) fn pending(&mut self) -> (c_int, c_uint) {
        let (mut pending, mut bits) = (77, 77);
        // SAFETY: a stream, and two places.
        let code = unsafe { (self.api.pending)(&raw mut *self.z, &raw mut pending, &raw mut bits) };
        (code, pending)
    }

    pub(crate) fn set_dictionary(&mut self, bytes: &[u8]) -> c_int {
        let len = bytes.len() as c_uint;
        // SAFETY: a stream, and so many bytes.
        let code = unsafe { (self.api.set_dictionary)(&raw mut *self.z, bytes.as_ptr(), len) };
        if code == 0 {
            self.dictionaries.push((self.out.len(), bytes.to_vec()));
        }
        code
    }

    pub(crate) fn dictionary(&mut self) -> (c_int, Vec<u8>) {
        let mut bytes = vec![0u8; 32_768];
        let mut len = 0;
        // SAFETY: a stream, and as much room as there may be.
        let code = unsafe {
            (self.api.get_dictionary)(&raw mut *self.z, bytes.as_mut_ptr(), &raw mut len)
        };
        bytes.truncate(len as usize);
        (code, bytes)
    }

    pub(crate) fn set_header(&mut self, header: &mut Header) -> c_int {
        // SAFETY: a stream, and a header that outlives it.
        unsafe { (self.api.set_header)(&raw mut *self.z, std::ptr::from_mut(header).cast()) }
    }

    pub(crate) fn reset(&mut self, keep: bool) -> c_int {
        let reset = if keep { self.api.reset_keep } else { self.api.reset };
        // SAFETY: a stream.
        let code = unsafe { reset(&raw mut *self.z) };
        self.out.clear();
        self.dictionaries.clear();
        code
    }

    pub(crate) fn reset_code(&mut self) -> c_int {
        // SAFETY: a stream.
        unsafe { (self.api.reset)(&raw mut *self.z) }
    }

    /// With room for what it flushes.
    pub(crate) fn params(&mut self, level: c_int, strategy: c_int) -> c_int {
        let before = self.out.len();
        self.out.resize(before + 200_000, 0);
        self.z.next_out = self.out[before..].as_mut_ptr();
        self.z.avail_out = 200_000;
        // SAFETY: a stream with room.
        let code = unsafe { (self.api.params)(&raw mut *self.z, level, strategy) };
        self.out.truncate(before + 200_000 - self.z.avail_out as usize);
        code
    }

    /// Without room for what it might flush.
    pub(crate) fn api_params(&mut self, level: c_int, strategy: c_int) -> c_int {
        self.z.avail_out = 0;
        // SAFETY: a stream.
        unsafe { (self.api.params)(&raw mut *self.z, level, strategy) }
    }

    /// Goes on with a copy.
    pub(crate) fn copy(&mut self, end: bool) -> (c_int, c_int) {
        let mut to = Box::new(ZStream::zeroed());
        // SAFETY: a stream, and a place for another.
        let copied = unsafe { (self.api.copy)(&raw mut *to, &raw mut *self.z) };
        if copied != 0 {
            return (copied, 0);
        }
        let mut from = std::mem::replace(&mut self.z, to);
        // SAFETY: a stream that is ended once.
        let ended = if end { unsafe { (self.api.end)(&raw mut *from) } } else { 0 };
        (copied, ended)
    }

    pub(crate) fn end(&mut self) -> c_int {
        // SAFETY: a stream that is ended once.
        unsafe { (self.api.end)(&raw mut *self.z) }
    }
}
