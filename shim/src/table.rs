//! What is intercepted: one row a function, no bodies.
//!
//! A row gives the family, the export with its type, its handler, and where it needs one the
//! handler that runs after the original (`then`: it sees the result; `maps`: it replaces it), and
//! `or`: what the call comes to after a panic, where the original alone would not do; and `brief`: a
//! shorter way through for a call of which there are a thousand in a handshake. `@in_event`:
//! the row acts only while its thread processes an event that may park; `@everywhere`: also in a
//! process in which nothing else acts. `__libc_start_main` and `vfork` are not here: they are no
//! hooks in this sense (see `start`, `api::process`).

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

use libc::{
    clockid_t, epoll_event, fd_set, iovec, mmsghdr, msghdr, off_t, pid_t, pollfd, pthread_attr_t,
    pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, pthread_spinlock_t, pthread_t, sigset_t,
    size_t, sockaddr, socklen_t, ssize_t, time_t, timespec, timeval,
};

use crate::api::parameter::Parameter;
use crate::api::zlib::ZStream;
use crate::api::{
    clocks, descriptors, ec_keygen, ecdsa, epoll, evp, io, key_digests, key_names, key_schedule,
    libdeflate, locks, methods, onnx, openssl, process, rsa, session_encoding, zlib,
};
use crate::hook::{self, Outcome, When, hooks};
use crate::original::Original;

/// What `EVP_KEYMGMT_names_do_all` calls with each name.
pub(crate) type NameVisitor = unsafe extern "C" fn(*const c_char, *mut c_void);

/// A thread's first function.
pub(crate) type ThreadStart = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

hooks! {
exports {
    loop fn epoll_create(size: c_int) -> c_int => epoll::create, then epoll::created;
    loop fn epoll_create1(flags: c_int) -> c_int => epoll::create1, then epoll::created;
    loop fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int => epoll::control, or epoll::control_instead;
    loop fn epoll_wait(epfd: c_int, events: *mut epoll_event, max: c_int, timeout: c_int) -> c_int => @wait epoll::wait, maps epoll::waited, or epoll::interrupted4;
    loop fn epoll_pwait(epfd: c_int, events: *mut epoll_event, max: c_int, timeout: c_int, mask: *const sigset_t) -> c_int => @wait epoll::pwait, maps epoll::pwaited, or epoll::interrupted5;
    loop fn epoll_pwait2(epfd: c_int, events: *mut epoll_event, max: c_int, timeout: *const timespec, mask: *const sigset_t) -> c_int => @wait epoll::pwait2, maps epoll::pwaited2, or epoll::interrupted5;
    loop fn poll(fds: *mut pollfd, n: c_ulong, timeout: c_int) -> c_int => epoll::poll;
    loop fn ppoll(fds: *mut pollfd, n: c_ulong, timeout: *const timespec, mask: *const sigset_t) -> c_int => epoll::ppoll;
    loop fn select(n: c_int, r: *mut fd_set, w: *mut fd_set, e: *mut fd_set, timeout: *mut timeval) -> c_int => epoll::select;
    loop fn pselect(n: c_int, r: *mut fd_set, w: *mut fd_set, e: *mut fd_set, timeout: *const timespec, mask: *const sigset_t) -> c_int => epoll::pselect;

    io fn read(fd: c_int, buf: *mut c_void, n: size_t) -> ssize_t => @in_event io::fills3, then io::filled3;
    io fn __read_chk(fd: c_int, buf: *mut c_void, n: size_t, size: size_t) -> ssize_t => @in_event io::fills4;
    io fn readv(fd: c_int, vec: *const iovec, n: c_int) -> ssize_t => @in_event io::readv;
    io fn write(fd: c_int, buf: *const c_void, n: size_t) -> ssize_t => @in_event io::write;
    io fn writev(fd: c_int, vec: *const iovec, n: c_int) -> ssize_t => @in_event io::writev;
    io fn send(fd: c_int, buf: *const c_void, n: size_t, flags: c_int) -> ssize_t => @in_event io::send;
    io fn sendto(fd: c_int, buf: *const c_void, n: size_t, flags: c_int, to: *const sockaddr, len: socklen_t) -> ssize_t => @in_event io::send_to;
    io fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t => @in_event io::send_message;
    io fn sendmmsg(fd: c_int, messages: *mut mmsghdr, n: c_uint, flags: c_int) -> c_int => @in_event io::uses4;
    io fn recv(fd: c_int, buf: *mut c_void, n: size_t, flags: c_int) -> ssize_t => @in_event io::fills4, then io::filled4;
    io fn __recv_chk(fd: c_int, buf: *mut c_void, n: size_t, size: size_t, flags: c_int) -> ssize_t => @in_event io::fills5;
    io fn recvfrom(fd: c_int, buf: *mut c_void, n: size_t, flags: c_int, from: *mut sockaddr, len: *mut socklen_t) -> ssize_t => @in_event io::fills6;
    io fn __recvfrom_chk(fd: c_int, buf: *mut c_void, n: size_t, size: size_t, flags: c_int, from: *mut sockaddr, len: *mut socklen_t) -> ssize_t => @in_event io::fills7;
    io fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t => @in_event io::receive;
    io fn recvmmsg(fd: c_int, messages: *mut mmsghdr, n: c_uint, flags: c_int, timeout: *mut timespec) -> c_int => @in_event io::uses5;
    io fn sendfile(out: c_int, from: c_int, offset: *mut off_t, n: size_t) -> ssize_t => @in_event io::uses4;
    io fn sendfile64(out: c_int, from: c_int, offset: *mut off_t, n: size_t) -> ssize_t => @in_event io::uses4;
    io fn splice(from: c_int, from_offset: *mut off_t, to: c_int, to_offset: *mut off_t, n: size_t, flags: c_uint) -> ssize_t => @in_event io::splice;
    io fn accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int => io::uses3, then io::accepted;
    io fn accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int => io::uses4, then io::accepted4;
    io fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int => io::connect;
    io fn shutdown(fd: c_int, how: c_int) -> c_int => @in_event io::uses2;
    io fn close(fd: c_int) -> c_int => descriptors::close;
    io fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int => descriptors::close_range;
    io fn closefrom(first: c_int) -> () => descriptors::close_from;
    io fn dup(fd: c_int) -> c_int => descriptors::dup, then descriptors::duplicated;
    io fn dup2(from: c_int, to: c_int) -> c_int => descriptors::dup2, then descriptors::duplicated2;
    io fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int => descriptors::dup3, then descriptors::duplicated3;
    io fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int => descriptors::control, then descriptors::controlled;
    io fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int => descriptors::control, then descriptors::controlled;

    locks fn pthread_mutex_lock(lock: *mut pthread_mutex_t) -> c_int => @in_event locks::take, then locks::taken, brief locks::take_briefly;
    locks fn pthread_mutex_trylock(lock: *mut pthread_mutex_t) -> c_int => @in_event locks::try_take, then locks::taken;
    locks fn pthread_mutex_timedlock(lock: *mut pthread_mutex_t, until: *const timespec) -> c_int => @in_event locks::take_until, then locks::taken_until;
    locks fn pthread_mutex_clocklock(lock: *mut pthread_mutex_t, clock: c_int, until: *const timespec) -> c_int => @in_event locks::take_by_clock, then locks::taken_by_clock;
    locks fn pthread_mutex_unlock(lock: *mut pthread_mutex_t) -> c_int => @in_event locks::release, then locks::released, brief locks::release_briefly;
    locks fn pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t) -> c_int => @in_event locks::share, then locks::shared, brief locks::share_briefly;
    locks fn pthread_rwlock_tryrdlock(lock: *mut pthread_rwlock_t) -> c_int => @in_event locks::try_share, then locks::shared;
    locks fn pthread_rwlock_timedrdlock(lock: *mut pthread_rwlock_t, until: *const timespec) -> c_int => @in_event locks::share_until, then locks::shared_until;
    locks fn pthread_rwlock_clockrdlock(lock: *mut pthread_rwlock_t, clock: c_int, until: *const timespec) -> c_int => @in_event locks::share_by_clock, then locks::shared_by_clock;
    locks fn pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t) -> c_int => @in_event locks::take, then locks::taken, brief locks::take_briefly;
    locks fn pthread_rwlock_trywrlock(lock: *mut pthread_rwlock_t) -> c_int => @in_event locks::try_take, then locks::taken;
    locks fn pthread_rwlock_timedwrlock(lock: *mut pthread_rwlock_t, until: *const timespec) -> c_int => @in_event locks::take_until, then locks::taken_until;
    locks fn pthread_rwlock_clockwrlock(lock: *mut pthread_rwlock_t, clock: c_int, until: *const timespec) -> c_int => @in_event locks::take_by_clock, then locks::taken_by_clock;
    locks fn pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int => @in_event locks::release, then locks::released, brief locks::release_briefly;
    locks fn pthread_spin_lock(lock: *mut pthread_spinlock_t) -> c_int => @in_event locks::take, then locks::taken;
    locks fn pthread_spin_trylock(lock: *mut pthread_spinlock_t) -> c_int => @in_event locks::try_take, then locks::taken;
    locks fn pthread_spin_unlock(lock: *mut pthread_spinlock_t) -> c_int => @in_event locks::release, then locks::released;
    locks fn pthread_cond_wait(condition: *mut pthread_cond_t, lock: *mut pthread_mutex_t) -> c_int => @in_event locks::wait;
    locks fn pthread_cond_timedwait(condition: *mut pthread_cond_t, lock: *mut pthread_mutex_t, until: *const timespec) -> c_int => @in_event locks::wait_until;
    locks fn pthread_cond_clockwait(condition: *mut pthread_cond_t, lock: *mut pthread_mutex_t, clock: c_int, until: *const timespec) -> c_int => @in_event locks::wait_by_clock;

    tls fn EVP_DigestSign(ctx: *mut c_void, signature: *mut c_uchar, len: *mut size_t, data: *const c_uchar, data_len: size_t) -> c_int => evp::digest_sign;
    tls fn EVP_PKEY_derive(ctx: *mut c_void, secret: *mut c_uchar, len: *mut size_t) -> c_int => evp::derive;
    tls fn EVP_PKEY_keygen(ctx: *mut c_void, key: *mut *mut c_void) -> c_int => evp::keygen;
    tls fn EVP_PKEY_decrypt(ctx: *mut c_void, out: *mut c_uchar, len: *mut size_t, data: *const c_uchar, data_len: size_t) -> c_int => evp::decrypt;
    tls fn RSA_private_encrypt(len: c_int, from: *const c_uchar, to: *mut c_uchar, rsa: *mut c_void, padding: c_int) -> c_int => rsa::private_encrypt;
    tls fn RSA_private_decrypt(len: c_int, from: *const c_uchar, to: *mut c_uchar, rsa: *mut c_void, padding: c_int) -> c_int => rsa::private_decrypt;
    tls fn ECDSA_do_sign_ex(digest: *const c_uchar, len: c_int, inverse: *const c_void, r: *const c_void, key: *mut c_void) -> *mut c_void => ecdsa::do_sign_ex;
    tls fn EC_KEY_generate_key(key: *mut c_void) -> c_int => ec_keygen::generate;
    tls fn EVP_KDF_fetch(library: *mut c_void, name: *const c_char, properties: *const c_char) -> *mut c_void => @in_event key_schedule::fetch;
    tls fn EVP_KDF_derive(ctx: *mut c_void, out: *mut c_uchar, len: size_t, parameters: *const Parameter) -> c_int => @in_event key_schedule::derive;
    tls fn EVP_Q_mac(library: *mut c_void, name: *const c_char, properties: *const c_char, hash: *const c_char, parameters: *const Parameter, key: *const c_void, key_len: size_t, data: *const c_uchar, data_len: size_t, out: *mut c_uchar, room: size_t, len: *mut size_t) -> *mut c_void => @in_event key_schedule::mac;
    tls fn EVP_PKEY_digestsign_supports_digest(key: *mut c_void, library: *mut c_void, name: *const c_char, properties: *const c_char) -> c_int => @in_event key_digests::supports, then key_digests::answered;
    tls fn EVP_KEYMGMT_names_do_all(manager: *const c_void, visit: Option<NameVisitor>, data: *mut c_void) -> c_int => @in_event key_names::go_through;
    tls fn ASN1_item_i2d(value: *const c_void, out: *mut *mut c_uchar, item: *const c_void) -> c_int => @in_event session_encoding::encode;
    tls fn OSSL_PROVIDER_load(library: *mut c_void, name: *const c_char) -> *mut c_void => methods::change2;
    tls fn OSSL_PROVIDER_try_load(library: *mut c_void, name: *const c_char, keep: c_int) -> *mut c_void => methods::change3;
    tls fn OSSL_PROVIDER_load_ex(library: *mut c_void, name: *const c_char, parameters: *const Parameter) -> *mut c_void => methods::change3;
    tls fn OSSL_PROVIDER_try_load_ex(library: *mut c_void, name: *const c_char, parameters: *const Parameter, keep: c_int) -> *mut c_void => methods::change4;
    tls fn OSSL_PROVIDER_unload(provider: *mut c_void) -> c_int => methods::change1;
    tls fn OSSL_LIB_CTX_set0_default(library: *mut c_void) -> *mut c_void => methods::set_default;
    tls fn OSSL_LIB_CTX_load_config(library: *mut c_void, file: *const c_char) -> c_int => methods::change2;
    tls fn CONF_modules_load(configuration: *const c_void, name: *const c_char, flags: c_ulong) -> c_int => methods::change3;
    tls fn EVP_set_default_properties(library: *mut c_void, properties: *const c_char) -> c_int => methods::change2;
    tls fn EVP_default_properties_enable_fips(library: *mut c_void, enable: c_int) -> c_int => methods::change2;
    tls fn SSL_do_handshake(ssl: *mut c_void) -> c_int => @in_event openssl::enter1, then openssl::left1;
    tls fn SSL_accept(ssl: *mut c_void) -> c_int => @in_event openssl::enter1, then openssl::left1;
    tls fn SSL_connect(ssl: *mut c_void) -> c_int => @in_event openssl::enter1, then openssl::left1;
    tls fn SSL_shutdown(ssl: *mut c_void) -> c_int => @in_event openssl::enter1, then openssl::left1;
    tls fn SSL_read(ssl: *mut c_void, buf: *mut c_void, n: c_int) -> c_int => @in_event openssl::read3, then openssl::has_read3;
    tls fn SSL_peek(ssl: *mut c_void, buf: *mut c_void, n: c_int) -> c_int => @in_event openssl::read3, then openssl::has_read3;
    tls fn SSL_write(ssl: *mut c_void, buf: *const c_void, n: c_int) -> c_int => @in_event openssl::write, then openssl::left3;
    tls fn SSL_read_ex(ssl: *mut c_void, buf: *mut c_void, n: size_t, done: *mut size_t) -> c_int => @in_event openssl::read4, then openssl::has_read4;
    tls fn SSL_peek_ex(ssl: *mut c_void, buf: *mut c_void, n: size_t, done: *mut size_t) -> c_int => @in_event openssl::read4, then openssl::has_read4;
    tls fn SSL_write_ex(ssl: *mut c_void, buf: *const c_void, n: size_t, done: *mut size_t) -> c_int => @in_event openssl::write_ex, then openssl::left4;
    tls fn SSL_read_early_data(ssl: *mut c_void, buf: *mut c_void, n: size_t, done: *mut size_t) -> c_int => @in_event openssl::read4, then openssl::has_read4;
    tls fn SSL_write_early_data(ssl: *mut c_void, buf: *const c_void, n: size_t, done: *mut size_t) -> c_int => @in_event openssl::write_ex, then openssl::left4;
    tls fn SSL_free(ssl: *mut c_void) -> () => @in_event openssl::free;

    compression fn deflateInit_(stream: *mut ZStream, level: c_int, version: *const c_char, size: c_int) -> c_int => @in_event zlib::enter4, then zlib::left4;
    compression fn deflateInit2_(stream: *mut ZStream, level: c_int, method: c_int, window: c_int, memory: c_int, strategy: c_int, version: *const c_char, size: c_int) -> c_int => @in_event zlib::enter8, then zlib::left8;
    compression fn deflate(stream: *mut ZStream, flush: c_int) -> c_int => zlib::deflate;
    compression fn deflateEnd(stream: *mut ZStream) -> c_int => @in_event zlib::end, then zlib::left1;
    compression fn deflateReset(stream: *mut ZStream) -> c_int => @in_event zlib::enter1, then zlib::left1;
    compression fn deflateResetKeep(stream: *mut ZStream) -> c_int => @in_event zlib::enter1, then zlib::left1;
    compression fn deflateParams(stream: *mut ZStream, level: c_int, strategy: c_int) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn deflateTune(stream: *mut ZStream, good: c_int, lazy: c_int, nice: c_int, chain: c_int) -> c_int => @in_event zlib::enter5, then zlib::left5;
    compression fn deflateSetDictionary(stream: *mut ZStream, dictionary: *const c_uchar, len: c_uint) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn deflateGetDictionary(stream: *mut ZStream, dictionary: *mut c_uchar, len: *mut c_uint) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn deflateSetHeader(stream: *mut ZStream, header: *mut c_void) -> c_int => @in_event zlib::enter2, then zlib::left2;
    compression fn deflatePrime(stream: *mut ZStream, bits: c_int, value: c_int) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn deflatePending(stream: *mut ZStream, pending: *mut c_uint, bits: *mut c_int) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn deflateBound(stream: *mut ZStream, len: c_ulong) -> c_ulong => @in_event zlib::bound, then zlib::left2;
    compression fn deflateCopy(to: *mut ZStream, from: *mut ZStream) -> c_int => @in_event zlib::copy, then zlib::copied;
    compression fn inflateInit_(stream: *mut ZStream, version: *const c_char, size: c_int) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn inflateInit2_(stream: *mut ZStream, window: c_int, version: *const c_char, size: c_int) -> c_int => @in_event zlib::enter4, then zlib::left4;
    compression fn inflate(stream: *mut ZStream, flush: c_int) -> c_int => @in_event zlib::enter2, then zlib::left2;
    compression fn inflateEnd(stream: *mut ZStream) -> c_int => @in_event zlib::end, then zlib::left1;
    compression fn inflateReset(stream: *mut ZStream) -> c_int => @in_event zlib::enter1, then zlib::left1;
    compression fn inflateReset2(stream: *mut ZStream, window: c_int) -> c_int => @in_event zlib::enter2, then zlib::left2;
    compression fn inflateSetDictionary(stream: *mut ZStream, dictionary: *const c_uchar, len: c_uint) -> c_int => @in_event zlib::enter3, then zlib::left3;
    compression fn inflateSync(stream: *mut ZStream) -> c_int => @in_event zlib::enter1, then zlib::left1;
    compression fn inflateCopy(to: *mut ZStream, from: *mut ZStream) -> c_int => @in_event zlib::copy, then zlib::copied;
    compression fn libdeflate_alloc_compressor(level: c_int) -> *mut c_void => libdeflate::make, then libdeflate::made;
    compression fn libdeflate_free_compressor(compressor: *mut c_void) -> () => libdeflate::free;
    compression fn libdeflate_gzip_compress(compressor: *mut c_void, data: *const c_void, n: size_t, out: *mut c_void, available: size_t) -> size_t => libdeflate::gzip;
    compression fn libdeflate_zlib_compress(compressor: *mut c_void, data: *const c_void, n: size_t, out: *mut c_void, available: size_t) -> size_t => libdeflate::zlib;
    compression fn libdeflate_deflate_compress(compressor: *mut c_void, data: *const c_void, n: size_t, out: *mut c_void, available: size_t) -> size_t => libdeflate::raw;

    inference fn OrtGetApiBase() -> *mut c_void => onnx::base;

    clock fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int => @in_event clocks::get;
    clock fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int => @in_event clocks::get_day;
    clock fn __gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int => @in_event clocks::get_day;
    clock fn time(time: *mut time_t) -> time_t => @in_event clocks::get_seconds;
    clock fn timespec_get(time: *mut timespec, base: c_int) -> c_int => @in_event clocks::get_base;

    process fn fork() -> pid_t => process::fork;
    process fn exit(status: c_int) -> () => process::exit;
    process fn execve(path: *const c_char, argv: *const *const c_char, environment: *const *const c_char) -> c_int => @everywhere process::execve;
    process fn sigaction(signal: c_int, action: *const libc::sigaction, before: *mut libc::sigaction) -> c_int => process::signal_action;
    process fn signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t => process::signal;
    process fn bsd_signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t => process::signal;
    process fn ssignal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t => process::signal;
    process fn sysv_signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t => process::signal_once;
    process fn __sysv_signal(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t => process::signal_once;
    process fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int => process::interrupt, then process::interrupted;
    process fn pthread_create(thread: *mut pthread_t, attributes: *const pthread_attr_t, start: ThreadStart, argument: *mut c_void) -> c_int => process::create_thread;
    process fn pthread_join(thread: pthread_t, value: *mut *mut c_void) -> c_int => process::join_thread, then process::joined_thread;
    process fn pthread_exit(value: *mut c_void) -> () => process::exit_thread;
    process fn pthread_cancel(thread: pthread_t) -> c_int => process::cancel_thread;
}
members {
    fn OrtApiBase_GetApi(version: u32) -> *mut c_void => onnx::get_api;
    fn OrtApi_Run(session: *mut c_void, options: *const c_void, input_names: *const *const c_char, inputs: *const *const c_void, n_inputs: size_t, output_names: *const *const c_char, n_outputs: size_t, outputs: *mut *mut c_void) -> *mut c_void => onnx::run;
    fn OrtApi_ReleaseSession(session: *mut c_void) -> () => onnx::release_session;
    fn OrtApi_ReleaseValue(value: *mut c_void) -> () => onnx::release_object;
    fn OrtApi_ReleaseRunOptions(options: *mut c_void) -> () => onnx::release_object;
}
}
