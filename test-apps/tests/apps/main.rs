//! The small servers of `c/` and `src/bin/mio-server.rs`, without the shim and under it in each of
//! its modes: the answers must be those of the plain server.
//!
//! Must not: depend on timing. What takes long is waited for, with a bound far above it.

mod app;
mod at_work;
mod backtraces;
mod batches;
mod children;
mod conversation;
mod crossed_locks;
mod echo;
mod ends;
mod epoll_held;
mod epoll_kernel;
mod exceptions;
mod given_up;
mod handlers;
mod hook_calls;
mod infer;
mod infer_bodies;
mod kept_one;
mod leaving;
mod meanwhile;
mod mio_server;
mod mutex_across;
mod objects;
mod orders;
mod panics;
mod policy;
mod pooled_peer;
mod posted;
mod relay;
mod renewed_loop;
mod reused_number;
mod shared_buffer;
mod shared_device;
mod stale_events;
mod successor;
mod swapped;
mod threads;
mod timers;
mod two_messages;
