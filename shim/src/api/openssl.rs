//! The entry calls of libssl: an `SSL *` is busy while one is inside (C4). They drive the calls of
//! `evp`, which are the ones that park.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::OnceLock;

use interlude_core::Fd;

use crate::api::objects::Gone;
use crate::api::{io, objects};
use crate::bypass::Bypass;
use crate::context;
use crate::errors;
use crate::hook::{Call, Outcome, set_errno};
use crate::original::{self, Original};

type GetBio = unsafe extern "C" fn(*const c_void) -> *mut c_void;
type GetFd = unsafe extern "C" fn(*const c_void) -> c_int;

/// The fd that an `SSL` reads from; -1 where it has none.
fn fd_of(ssl: *mut c_void) -> Fd {
    static FUNCTIONS: OnceLock<Option<(GetBio, GetFd)>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(|| {
        let (bio, fd) = (original::find(c"SSL_get_rbio"), original::find(c"SSL_get_rfd"));
        if bio.is_null() || fd.is_null() {
            return None;
        }
        // SAFETY: the type of `SSL_get_rbio(3)`, which exists.
        let bio = unsafe { std::mem::transmute::<*mut c_void, GetBio>(bio) };
        // SAFETY: the type of `SSL_get_rfd(3)`, which exists.
        let fd = unsafe { std::mem::transmute::<*mut c_void, GetFd>(fd) };
        Some((bio, fd))
    });
    let Some((get_bio, get_fd)) = functions else { return Fd(-1) };
    // SAFETY: the caller's `SSL`.
    if ssl.is_null() || unsafe { get_bio(ssl) }.is_null() {
        // Asking for the fd would raise an error.
        return Fd(-1);
    }
    // SAFETY: as above.
    Fd(unsafe { get_fd(ssl) })
}

type GetProtocol = unsafe extern "C" fn(*const c_void, *mut *const u8, *mut c_uint);

/// Many requests at once come by a connection that has agreed on HTTP/2 (ALPN).
fn note_protocol(ssl: *mut c_void, fd: Fd) {
    static FUNCTION: OnceLock<Option<GetProtocol>> = OnceLock::new();
    let function = FUNCTION.get_or_init(|| {
        let address = original::find(c"SSL_get0_alpn_selected");
        // SAFETY: the type of `SSL_get0_alpn_selected(3)`, if that exists.
        (!address.is_null())
            .then(|| unsafe { std::mem::transmute::<*mut c_void, GetProtocol>(address) })
    });
    let (Some(thread), Some(function)) = (context::in_event(), function) else { return };
    // No request comes before the handshake is done, and others may be served meanwhile.
    let has_agreed = || thread.claims.borrow().links().has_agreed_to_multiplex(fd);
    if ssl.is_null() || has_agreed() || is_in_handshake(ssl) {
        return;
    }
    let (mut protocol, mut len) = (std::ptr::null(), 0);
    // SAFETY: the caller's `SSL`, and places for what it has.
    unsafe { function(ssl, &raw mut protocol, &raw mut len) };
    thread.claims.borrow_mut().links_mut().settled(fd);
    if protocol.is_null() || len == 0 {
        return;
    }
    // SAFETY: so many bytes, of the `SSL`'s own.
    if unsafe { std::slice::from_raw_parts(protocol, len as usize) } == b"h2" {
        thread.claims.borrow_mut().links_mut().multiplexes(fd);
    }
}

/// A call on an `SSL` that was freed, or whose connection was closed, while it waited: to the caller, as
/// if it had come after the close.
fn failed() -> Outcome<c_int> {
    set_errno(libc::EBADF);
    Outcome::Handled(-1)
}

/// A call on an `SSL` begins. Its connection belongs to the coroutine from here on, and not only
/// from libssl's own first read or write on: the call may have to wait before that.
fn enter(ssl: *mut c_void) -> Outcome<c_int> {
    enter_on(ssl, fd_of(ssl))
}

fn enter_on(ssl: *mut c_void, fd: Fd) -> Outcome<c_int> {
    errors::in_use();
    let is_there = io::touch(fd).and_then(|()| objects::enter_unless_freed(ssl.addr()));
    if is_there.is_err() {
        return failed();
    }
    note_protocol(ssl, fd);
    Outcome::PassThrough(Bypass::Observed)
}

/// As [`enter`], for a call that reads into a buffer which connections may share (C8). While the
/// handshake is being made, nothing of the connection is there yet: lighttpd takes the buffer from a
/// pool, and gives it back if nothing came, so others may well have been read into it before.
fn fill(ssl: *mut c_void, buffer: *mut c_void, len: usize) -> Outcome<c_int> {
    let fd = fd_of(ssl);
    if io::touch(fd).is_err() {
        return failed();
    }
    if is_in_handshake(ssl) {
        objects::expect(buffer.addr(), len, false);
    } else {
        objects::fill(fd, &[objects::piece(buffer, len)]);
    }
    enter_on(ssl, fd)
}

type InInit = unsafe extern "C" fn(*const c_void) -> c_int;

/// False where that cannot be told.
fn is_in_handshake(ssl: *mut c_void) -> bool {
    // SAFETY: libssl's function of that name has this type.
    static IN_INIT: Original<InInit> = unsafe { Original::new(c"SSL_in_init") };
    // SAFETY: the caller's `SSL`.
    !ssl.is_null() && IN_INIT.function().is_some_and(|in_init| unsafe { in_init(ssl) } != 0)
}

/// A call that reads has returned, with something or without.
fn has_read(read: usize, ssl: *mut c_void, buffer: *mut c_void, len: usize) {
    if read > 0 {
        objects::filled(fd_of(ssl), buffer.addr(), len);
    }
    if read > 0 && read >= len {
        // There may be more, of which no event tells. nginx goes on with it in its next turn.
        objects::puts_off();
    }
    left(ssl);
}

fn left(ssl: *mut c_void) {
    objects::leave(ssl.addr());
}

pub(crate) fn enter1<F>(_: &Call<F>, ssl: *mut c_void) -> Outcome<c_int> {
    enter(ssl)
}

pub(crate) fn left1(_: c_int, ssl: *mut c_void) {
    left(ssl);
}

/// `SSL_write`.
pub(crate) fn write<F>(
    _: &Call<F>,
    ssl: *mut c_void,
    data: *const c_void,
    len: c_int,
) -> Outcome<c_int> {
    send(ssl, data, usize::try_from(len).unwrap_or(0))
}

/// `SSL_write_ex` and `SSL_write_early_data`.
pub(crate) fn write_ex<F, A>(
    _: &Call<F>,
    ssl: *mut c_void,
    data: *const c_void,
    len: usize,
    _: A,
) -> Outcome<c_int> {
    send(ssl, data, len)
}

fn send(ssl: *mut c_void, data: *const c_void, len: usize) -> Outcome<c_int> {
    let fd = fd_of(ssl);
    match objects::wait_to_send(fd, Some(ssl.addr()), &[objects::piece(data, len)]) {
        Ok(()) => enter_on(ssl, fd),
        Err(Gone) => failed(),
    }
}

pub(crate) fn read3<F>(
    _: &Call<F>,
    ssl: *mut c_void,
    buffer: *mut c_void,
    len: c_int,
) -> Outcome<c_int> {
    fill(ssl, buffer, usize::try_from(len).unwrap_or(0))
}

pub(crate) fn read4<F, A>(
    _: &Call<F>,
    ssl: *mut c_void,
    buffer: *mut c_void,
    len: usize,
    _: A,
) -> Outcome<c_int> {
    fill(ssl, buffer, len)
}

/// `SSL_read`, `SSL_peek`.
pub(crate) fn has_read3(result: c_int, ssl: *mut c_void, buffer: *mut c_void, len: c_int) {
    let read = usize::try_from(result).unwrap_or(0);
    has_read(read, ssl, buffer, usize::try_from(len).unwrap_or(0));
}

/// Those with `_ex`, and `SSL_read_early_data`.
pub(crate) fn has_read4(
    result: c_int,
    ssl: *mut c_void,
    buffer: *mut c_void,
    len: usize,
    done: *mut usize,
) {
    // SAFETY: the caller's own arguments: a place for the number, or null.
    let read = unsafe { done.as_ref() }.copied().filter(|_| result > 0);
    has_read(read.unwrap_or(0), ssl, buffer, len);
}

pub(crate) fn left3<A, B>(_: c_int, ssl: *mut c_void, _: A, _: B) {
    left(ssl);
}

pub(crate) fn left4<A, B, C>(_: c_int, ssl: *mut c_void, _: A, _: B, _: C) {
    left(ssl);
}

pub(crate) fn free<F>(_: &Call<F>, ssl: *mut c_void) -> Outcome<()> {
    if objects::enter_unless_freed(ssl.addr()).is_err() {
        return Outcome::Handled(());
    }
    objects::leave(ssl.addr());
    objects::freed(ssl.addr());
    Outcome::PassThrough(Bypass::Observed)
}
