//! One thread's queue of a plugin's, and the requests that are out.
//!
//! Whatever the plugin is through with comes by a ticket. One that is not out is dropped, and counted: the
//! request was answered before, or never made.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};

use crate::abi::{self, RawCompletion, RawQueue, RawRequest};
use crate::{Answer, Failed, Library, Produced, Request, Unusable};

/// Completions that are asked for at once, at most.
const AT_ONCE: usize = 32;

/// Why a plugin has not taken a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Its queue is full.
    Full,
    /// Not this one; the error.
    Refused(i32),
}

/// A queue. It belongs to the thread that has opened it: it is not `Send`.
pub struct Queue {
    library: Library,
    raw: NonNull<RawQueue>,
    fd: Option<RawFd>,
    /// Their memory is the plugin's to use, whoever still wants the results.
    out: ManuallyDrop<HashMap<u64, Request>>,
    dropped: u64,
}

impl Queue {
    /// Opens a queue. Threads that the plugin starts have the caller's mask of signals.
    ///
    /// # Errors
    /// The plugin does not want to.
    pub fn open(library: &Library, arguments: &str) -> Result<Self, Unusable> {
        let not_opened = |error| Unusable::NotOpened(library.path.clone(), error);
        let arguments = CString::new(arguments).map_err(|_| not_opened(libc::EINVAL))?;
        let mut raw = ptr::null_mut();
        // SAFETY: a function of the plugin's, a terminated text and a place for the queue.
        let error = unsafe { (library.functions.open)(arguments.as_ptr(), &raw mut raw) };
        if error != 0 {
            return Err(not_opened(error));
        }
        let raw = NonNull::new(raw).ok_or_else(|| not_opened(libc::EINVAL))?;
        // SAFETY: a queue that was just opened, by its own thread, as in all calls below.
        let fd = unsafe { (library.functions.fd)(raw.as_ptr()) };
        let can_arm = library.functions.arm.is_some() && library.functions.disarm.is_some();
        let fd = Some(fd).filter(|fd| *fd >= 0 && can_arm);
        let out = ManuallyDrop::new(HashMap::new());
        Ok(Self { library: library.clone(), raw, fd, out, dropped: 0 })
    }

    /// Why it cannot be used, where the host has failed.
    #[must_use]
    pub fn unusable(&self, error: &io::Error) -> Unusable {
        let error = error.raw_os_error().unwrap_or(libc::EIO);
        Unusable::NotOpened(self.library.path.clone(), error)
    }

    /// The plugin.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Might the plugin compress a buffer of so many bytes?
    #[must_use]
    pub fn accepts(&self, bytes: usize) -> bool {
        // SAFETY: the queue is open, by this type's invariant.
        unsafe {
            (self.library.functions.accepts)(self.raw.as_ptr(), abi::COMPRESS, bytes as u64) != 0
        }
    }

    /// Hands a request over, under a ticket that was not used before.
    ///
    /// # Errors
    /// The plugin does not take it; it comes back.
    pub fn submit(&mut self, ticket: u64, mut request: Request) -> Result<(), (Turned, Request)> {
        if self.out.contains_key(&ticket) {
            return Err((Turned::Refused(libc::EEXIST), request));
        }
        let raw = RawRequest {
            ticket,
            operation: abi::COMPRESS,
            level: request.level.into(),
            window_bits: request.window_bits.into(),
            reserved: 0,
            input: request.input.as_ptr(),
            input_len: request.input.len() as u64,
            output: request.output.as_mut_ptr(),
            capacity: request.output.len() as u64,
        };
        // SAFETY: the queue is open. The memory stays where it is, and nobody uses it, as long as the request is
        // among those that are out; where it was not taken, the plugin has no business with it.
        let error = unsafe { (self.library.functions.submit)(self.raw.as_ptr(), &raw const raw) };
        match error {
            0 => {
                self.out.insert(ticket, request);
                Ok(())
            }
            libc::EAGAIN => Err((Turned::Full, request)),
            error => Err((Turned::Refused(error), request)),
        }
    }

    /// Takes what the plugin is through with, `max` requests at most.
    pub fn poll(&mut self, max: usize, into: &mut Vec<Answer>) {
        let mut left = max;
        while left > 0 {
            let mut completions = [RawCompletion::default(); AT_ONCE];
            let asked = left.min(AT_ONCE);
            // SAFETY: the queue is open, and there is room for as many as are asked for.
            let given = unsafe {
                (self.library.functions.poll)(
                    self.raw.as_ptr(),
                    completions.as_mut_ptr(),
                    asked as u32,
                )
            };
            let given = asked.min(given as usize);
            for completion in completions.iter().take(given) {
                self.answer(completion, into);
            }
            left -= given;
            if given < asked {
                return;
            }
        }
    }

    fn answer(&mut self, completion: &RawCompletion, into: &mut Vec<Answer>) {
        let ticket = completion.ticket;
        let Some(request) = self.out.remove(&ticket) else {
            self.dropped += 1;
            return;
        };
        let result = match completion.status {
            abi::DONE => produced(completion, request.output.len()),
            abi::DECLINED => Err(Failed::Declined),
            status => Err(Failed::Status(status)),
        };
        into.push(Answer { ticket, request, result });
    }

    /// How many requests are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.out.len()
    }

    /// How many answers came for nobody since this was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// What becomes readable after [`Queue::arm`]; `None`: the plugin has to be polled.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.fd
    }

    /// The submitter is about to sleep. False if there is a completion already, or no fd to sleep on.
    pub fn arm(&mut self) -> bool {
        let Some(arm) = self.library.functions.arm.filter(|_| self.fd.is_some()) else {
            return false;
        };
        // SAFETY: the queue is open.
        unsafe { arm(self.raw.as_ptr()) != 0 }
    }

    /// The sleep is over.
    pub fn disarm(&mut self) {
        if let Some(disarm) = self.library.functions.disarm.filter(|_| self.fd.is_some()) {
            // SAFETY: the queue is open.
            unsafe { disarm(self.raw.as_ptr()) };
        }
    }
}

fn produced(completion: &RawCompletion, room: usize) -> Result<Produced, Failed> {
    let wrong = Failed::Length(completion.produced);
    let len = usize::try_from(completion.produced).map_err(|_| wrong)?;
    if len == 0 || len > room {
        return Err(wrong);
    }
    let has = |flag| completion.has & flag != 0;
    Ok(Produced {
        len,
        crc32: has(abi::HAS_CRC32).then_some(completion.crc32),
        adler32: has(abi::HAS_ADLER32).then_some(completion.adler32),
    })
}

impl Drop for Queue {
    /// A queue that still has requests stays open, and their memory where it is: the plugin may be at them.
    fn drop(&mut self) {
        // Nobody may have asked since the last ones were given up.
        self.poll(self.out.len(), &mut Vec::new());
        if self.out.is_empty() {
            // SAFETY: open, and nothing is out; it is not used any more.
            unsafe { (self.library.functions.close)(self.raw.as_ptr()) };
            // SAFETY: this is the end of its owner.
            unsafe { ManuallyDrop::drop(&mut self.out) };
        }
    }
}
