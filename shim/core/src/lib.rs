//! What Interlude decides, without doing any of it: no unsafe code, no system call, no clock.
//!
//! The shim asks (which event next, who owns this fd, may this coroutine have that lock) and acts
//! on the answer. Everything here can be driven by a test with made-up events.
#![forbid(unsafe_code)]

pub mod page;
