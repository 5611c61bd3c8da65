//! The small servers of `c/` and `src/bin/mio-server.rs`, without the shim and under it in each of
//! its modes: the answers must be those of the plain server.
//!
//! Must not: depend on timing. What takes long is waited for, with a bound far above it.

mod app;
mod conversation;
mod echo;
mod epoll_held;
mod epoll_kernel;
mod hook_calls;
mod meanwhile;
mod mio_server;
mod mutex_across;
mod relay;
mod threads;
mod timers;
mod two_messages;
