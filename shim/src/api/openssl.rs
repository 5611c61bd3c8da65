//! The entry calls of libssl: an `SSL *` is busy while one is inside (C4). They drive the calls of
//! `evp`, which are the ones that park.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use interlude_core::Fd;

use crate::api::objects;
use crate::bypass::Bypass;
use crate::errors;
use crate::hook::{Call, Outcome};
use crate::original;

fn enter(ssl: *mut c_void) -> Outcome<c_int> {
    errors::in_use();
    objects::enter(ssl.addr());
    Outcome::PassThrough(Bypass::Observed)
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

pub(crate) fn enter3<F, A, B>(_: &Call<F>, ssl: *mut c_void, _: A, _: B) -> Outcome<c_int> {
    enter(ssl)
}

type GetFd = unsafe extern "C" fn(*const c_void) -> c_int;

/// The call reads into a buffer that the server may share between connections (C8).
fn fill(ssl: *mut c_void, buffer: *mut c_void, len: usize) {
    static GET_FD: OnceLock<usize> = OnceLock::new();
    let get_fd = *GET_FD.get_or_init(|| original::find(c"SSL_get_rfd").expose_provenance());
    let fd = if get_fd == 0 {
        -1
    } else {
        // SAFETY: the type of `SSL_get_rfd(3)`, which exists.
        let get_fd = unsafe { std::mem::transmute::<usize, GetFd>(get_fd) };
        // It raises an error where the `SSL` has no socket; that is nothing to the server.
        let before = errors::take();
        // SAFETY: the caller's `SSL`.
        let fd = unsafe { get_fd(ssl) };
        errors::put(before);
        fd
    };
    objects::fill(Fd(fd), buffer.addr(), len);
}

pub(crate) fn read3<F>(
    _: &Call<F>,
    ssl: *mut c_void,
    buffer: *mut c_void,
    len: c_int,
) -> Outcome<c_int> {
    fill(ssl, buffer, usize::try_from(len).unwrap_or(0));
    enter(ssl)
}

pub(crate) fn read4<F, A>(
    _: &Call<F>,
    ssl: *mut c_void,
    buffer: *mut c_void,
    len: usize,
    _: A,
) -> Outcome<c_int> {
    fill(ssl, buffer, len);
    enter(ssl)
}

pub(crate) fn left3<A, B>(_: c_int, ssl: *mut c_void, _: A, _: B) {
    left(ssl);
}

pub(crate) fn enter4<F, A, B, C>(
    _: &Call<F>,
    ssl: *mut c_void,
    _: A,
    _: B,
    _: C,
) -> Outcome<c_int> {
    enter(ssl)
}

pub(crate) fn left4<A, B, C>(_: c_int, ssl: *mut c_void, _: A, _: B, _: C) {
    left(ssl);
}

pub(crate) fn free<F>(_: &Call<F>, ssl: *mut c_void) -> Outcome<()> {
    objects::enter(ssl.addr());
    objects::leave(ssl.addr());
    Outcome::PassThrough(Bypass::Observed)
}
