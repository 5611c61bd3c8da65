//! Calls on fds: which coroutine uses which (C1), and with what memory (C8).
//!
//! The calls themselves are never changed. An arity has a handler, not a call: all that matters
//! is the fd, which comes first.

use std::ffi::{c_int, c_void};

use interlude_core::Fd;
use libc::{iovec, msghdr};

use crate::api::objects::{self, Gone};
use crate::bypass::Bypass;
use crate::clocks;
use crate::context;
use crate::counters::{Counter, count};
use crate::epolls;
use crate::hook::{Call, Outcome, set_errno};
use crate::original::Failure;
use crate::policy;
use crate::thread::Thread;

/// The running coroutine uses `fd`. If a parked one is in the middle of the same connection (a
/// server may come to it by a queue of its own), it waits for that.
#[inline]
pub(crate) fn touch(fd: Fd) -> Result<(), Gone> {
    let Some(thread) = context::in_event().filter(|_| fd.0 >= 0) else { return Ok(()) };
    thread.fence.borrow_mut().acts();
    if is_anothers(thread, fd) {
        objects::wait_for_fd(thread, fd)?;
    }
    let is_peer = thread.claims.borrow().links().is_connected(fd);
    if is_peer {
        note_doubt(thread);
        meets_a_peer(thread);
    }
    thread.claims.borrow_mut().touch(fd);
    Ok(())
}

/// Is a parked coroutine in the middle of this connection?
pub(super) fn is_anothers(thread: &Thread, fd: Fd) -> bool {
    let claims = thread.claims.borrow();
    claims.is_owned(fd) && claims.links().is_connection(fd)
}

/// Where a timer of the server's may run in this turn, it is not known whom a peer is taken for.
fn note_doubt(thread: &Thread) {
    if context::local().in_event() && clocks::may_run_timers(thread) {
        thread.claims.borrow_mut().doubt();
    }
}

/// In a batch of events, it would not be known which of them it is for.
#[cold]
fn meets_a_peer(thread: &Thread) {
    let events = thread.delivery.borrow();
    if events.len() > 1 {
        let mut habits = thread.habits.borrow_mut();
        events.iter().for_each(|event| habits.prefers_alone(event.fd));
    }
}

pub(super) fn observe<T: Failure>(fd: c_int) -> Outcome<T> {
    match touch(Fd(fd)) {
        Ok(()) => Outcome::PassThrough(Bypass::Observed),
        Err(Gone) => gone(),
    }
}

/// To the caller, as if it had come after the close.
pub(super) fn gone<T: Failure>() -> Outcome<T> {
    set_errno(libc::EBADF);
    Outcome::Handled(T::failure())
}

/// A call that reads into memory: a server may have one buffer for all connections (nginx has, for
/// HTTP/2), and a coroutine may park with something of its own in it (C8).
fn fill<T: Failure>(fd: c_int, pieces: &[iovec]) -> Outcome<T> {
    if touch(Fd(fd)).is_err() {
        return gone();
    }
    if let Some(thread) = context::in_event() {
        if is_put_off(thread, fd) {
            set_errno(libc::EAGAIN);
            return Outcome::Handled(T::failure());
        }
        thread.claims.borrow_mut().links_mut().answered(Fd(fd));
    }
    // What libssl reads for a connection goes to that connection's own buffer.
    if !objects::is_inside() {
        objects::fill(Fd(fd), pieces);
    }
    Outcome::PassThrough(Bypass::Observed)
}

/// The pieces of memory that a call names.
///
/// # Safety
/// `vector` has so many, or is null.
unsafe fn pieces<'a>(vector: *const iovec, count: usize) -> &'a [iovec] {
    // More than the kernel takes is an error of its own.
    if vector.is_null() || count > libc::UIO_MAXIOV as usize {
        return &[];
    }
    // SAFETY: the caller's contract.
    unsafe { std::slice::from_raw_parts(vector, count) }
}

/// The pieces of memory of a message; none, if it is null.
///
/// # Safety
/// The message and its vector are those of a caller of `recvmsg(2)` or `sendmsg(2)`.
unsafe fn pieces_of<'a>(message: *const msghdr) -> &'a [iovec] {
    // SAFETY: the caller's contract.
    let Some(message) = (unsafe { message.as_ref() }) else { return &[] };
    // SAFETY: as above.
    unsafe { pieces(message.msg_iov, message.msg_iovlen) }
}

/// A server may read from a connection as soon as it has accepted it (lighttpd does). If that led to
/// a park, the listener would belong to the parked coroutine, and nobody else would be accepted
/// meanwhile. So where connections of this listener park, the first read finds nothing yet, as if
/// the client had been a little slower: the connection gets an event of its own.
fn is_put_off(thread: &Thread, fd: c_int) -> bool {
    let is_put_off = thread.claims.borrow_mut().is_first_of_newcomer(Fd(fd))
        && thread.is_armed()
        && thread.habits.borrow().is_parker(Fd(fd))
        && is_nonblocking(fd);
    if is_put_off {
        count(Counter::EventPutOff);
    }
    is_put_off
}

fn is_nonblocking(fd: c_int) -> bool {
    // SAFETY: asks for the flags of an fd; touches no memory.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

pub(crate) fn fills3<F, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    b: *mut c_void,
    n: usize,
) -> Outcome<T> {
    fill(fd, &[objects::piece(b, n)])
}

/// How a connection may begin by which something else comes after: a TLS handshake, the preface, both versions of what
/// proxies tell of a client.
const UNSETTLED: [&[u8]; 4] = [&[0x16], b"PRI", b"PROXY", b"\r\n"];

/// May bytes that begin so have that beginning?
fn is_beginning(bytes: &[u8], beginning: &[u8]) -> bool {
    let len = bytes.len().min(beginning.len());
    bytes.get(..len) == beginning.get(..len)
}

/// How an HTTP/2 client begins, if it has not said so before by ALPN.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Something was read. The first bytes of a connection may tell that many requests will come by it.
pub(crate) fn filled3(result: isize, fd: c_int, buffer: *mut c_void, room: usize) {
    let Some(thread) = context::in_event() else { return };
    let len = usize::try_from(result).unwrap_or(0).min(room);
    if len == 0 || buffer.is_null() || !thread.claims.borrow_mut().links_mut().is_first_read(Fd(fd))
    {
        return;
    }
    // SAFETY: the original has just written so many bytes there.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len) };
    let mut claims = thread.claims.borrow_mut();
    if bytes.starts_with(PREFACE) {
        claims.links_mut().multiplexes(Fd(fd));
    } else if !UNSETTLED.iter().any(|beginning| is_beginning(bytes, beginning)) {
        claims.links_mut().settled(Fd(fd));
    }
}

/// `recv`. With flags it may have written nothing (`MSG_TRUNC` takes a null buffer, too), or what is read again.
pub(crate) fn filled4(result: isize, fd: c_int, buffer: *mut c_void, room: usize, flags: c_int) {
    if flags & (libc::MSG_TRUNC | libc::MSG_PEEK) == 0 {
        filled3(result, fd, buffer, room);
    }
}

pub(crate) fn fills4<F, A, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    buffer: *mut c_void,
    len: usize,
    _: A,
) -> Outcome<T> {
    fill(fd, &[objects::piece(buffer, len)])
}

pub(crate) fn fills5<F, A, B, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    buffer: *mut c_void,
    len: usize,
    _: A,
    _: B,
) -> Outcome<T> {
    fill(fd, &[objects::piece(buffer, len)])
}

pub(crate) fn fills6<F, A, B, C, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    buffer: *mut c_void,
    len: usize,
    _: A,
    _: B,
    _: C,
) -> Outcome<T> {
    fill(fd, &[objects::piece(buffer, len)])
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn fills7<F, A, B, C, D, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    buffer: *mut c_void,
    len: usize,
    _: A,
    _: B,
    _: C,
    _: D,
) -> Outcome<T> {
    fill(fd, &[objects::piece(buffer, len)])
}

pub(crate) fn readv<F>(
    _: &Call<F>,
    fd: c_int,
    vector: *const iovec,
    count: c_int,
) -> Outcome<isize> {
    // SAFETY: the caller's own arguments.
    fill(fd, unsafe { pieces(vector, usize::try_from(count).unwrap_or(0)) })
}

pub(crate) fn receive<F, A>(_: &Call<F>, fd: c_int, message: *mut msghdr, _: A) -> Outcome<isize> {
    // SAFETY: the caller's own arguments.
    fill(fd, unsafe { pieces_of(message) })
}

fn send_pieces(fd: c_int, pieces: &[iovec]) -> Outcome<isize> {
    match objects::wait_to_send(Fd(fd), None, pieces) {
        Ok(()) => observe(fd),
        Err(Gone) => gone(),
    }
}

pub(crate) fn write<F>(_: &Call<F>, fd: c_int, data: *const c_void, n: usize) -> Outcome<isize> {
    send_pieces(fd, &[objects::piece(data, n)])
}

pub(crate) fn send<F, A>(
    call: &Call<F>,
    fd: c_int,
    data: *const c_void,
    len: usize,
    _: A,
) -> Outcome<isize> {
    write(call, fd, data, len)
}

pub(crate) fn send_to<F, A, B, C>(
    call: &Call<F>,
    fd: c_int,
    data: *const c_void,
    len: usize,
    _: A,
    _: B,
    _: C,
) -> Outcome<isize> {
    write(call, fd, data, len)
}

pub(crate) fn writev<F>(
    _: &Call<F>,
    fd: c_int,
    vector: *const iovec,
    count: c_int,
) -> Outcome<isize> {
    // SAFETY: the caller's own arguments.
    send_pieces(fd, unsafe { pieces(vector, usize::try_from(count).unwrap_or(0)) })
}

pub(crate) fn send_message<F, A>(
    _: &Call<F>,
    fd: c_int,
    message: *const msghdr,
    _: A,
) -> Outcome<isize> {
    // SAFETY: the caller's own arguments.
    send_pieces(fd, unsafe { pieces_of(message) })
}

pub(crate) fn uses2<F, A, T: Failure>(_: &Call<F>, fd: c_int, _: A) -> Outcome<T> {
    observe(fd)
}

pub(crate) fn uses3<F, A, B, T: Failure>(_: &Call<F>, fd: c_int, _: A, _: B) -> Outcome<T> {
    observe(fd)
}

pub(crate) fn uses4<F, A, B, C, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    _: A,
    _: B,
    _: C,
) -> Outcome<T> {
    observe(fd)
}

pub(crate) fn uses5<F, A, B, C, D, T: Failure>(
    _: &Call<F>,
    fd: c_int,
    _: A,
    _: B,
    _: C,
    _: D,
) -> Outcome<T> {
    observe(fd)
}

pub(crate) fn splice<F, A, B, C, D, T: Failure>(
    _: &Call<F>,
    from: c_int,
    _: A,
    to: c_int,
    _: B,
    _: C,
    _: D,
) -> Outcome<T> {
    if touch(Fd(from)).is_err() {
        return gone();
    }
    observe(to)
}

pub(crate) fn accepted<A, B>(fd: c_int, listener: c_int, _: A, _: B) {
    // A server may accept before its first wait.
    let Some(thread) = Thread::of_this() else { return };
    if fd >= 0 {
        thread.stir(Some(Fd(listener)));
        // A number that came back by a close which no hook saw.
        thread.claims.borrow_mut().closed(Fd(fd));
        note_class(thread, listener);
        thread.claims.borrow_mut().accepted(Fd(listener), Fd(fd));
        epolls::mark(fd);
        thread.winding_down.accepted();
        thread.habits.borrow_mut().accepted(Fd(listener), Fd(fd));
        if context::local().in_event() {
            thread.claims.borrow_mut().touch(Fd(fd));
        }
    }
}

/// What matters of calls for connections that come by this listener, the first time that one does.
fn note_class(thread: &Thread, listener: c_int) {
    let set = &thread.settings.policy;
    let mut claims = thread.claims.borrow_mut();
    if set.ports.is_empty() || claims.links().is_listener(Fd(listener)) {
        return;
    }
    let class = port(listener).and_then(|port| set.of_port(port)).map(policy::class);
    claims.links_mut().serves(Fd(listener), class);
}

/// The port that a socket of the internet's is bound to.
fn port(fd: c_int) -> Option<u16> {
    // SAFETY: any bytes are an address, of no family at first.
    let mut address: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    let mut len = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or(0);
    // SAFETY: a place for an address of that length.
    let result = unsafe { libc::getsockname(fd, (&raw mut address).cast(), &raw mut len) };
    let is_internet = matches!(address.sin6_family.into(), libc::AF_INET | libc::AF_INET6);
    // The port has the same place in both kinds (`ip(7)`, `ipv6(7)`).
    (result == 0 && is_internet).then(|| u16::from_be(address.sin6_port))
}

pub(crate) fn accepted4<A, B, C>(fd: c_int, listener: c_int, a: A, b: B, _: C) {
    accepted(fd, listener, a, b);
}

pub(crate) fn connect<F, A, B>(call: &Call<F>, fd: c_int, a: A, b: B) -> Outcome<c_int> {
    if let Some(thread) = context::thread() {
        epolls::mark(fd);
        // A datagram socket (a resolver's, a log's) has no conversation.
        if is_stream(fd) {
            thread.stir(None);
            note_doubt(thread);
            thread.claims.borrow_mut().connected(Fd(fd));
        }
    }
    uses3(call, fd, a, b)
}

fn is_stream(fd: c_int) -> bool {
    option(fd, libc::SO_TYPE) == Some(libc::SOCK_STREAM)
}

/// A number that `getsockopt(2)` tells of a socket.
pub(super) fn option(fd: c_int, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of::<c_int>()).unwrap_or(0);
    // SAFETY: a place for an option of that length.
    let result = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut len)
    };
    (result == 0).then_some(value)
}
