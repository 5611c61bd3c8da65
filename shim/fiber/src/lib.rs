//! The only crate that switches stacks.
//!
//! A server thread runs on the stack that it always had. The scheduler of that thread is a
//! corosensei coroutine beside it, on a small stack of its own. When the server calls a hook that
//! may have to wait, the hook *enters* the scheduler; the scheduler lets the server go on by
//! *continuing* it. Between the two, the server's stack is at rest, and the scheduler may take
//! slices off it and lay others back **at the same addresses**.
//!
//! ```text
//!  server's own stack                 scheduler's stack (256 KiB, guard page)
//!  +----------------------+ <- base   +----------------------+
//!  | main                 |  \        | parent link ---------|--> rsp of the server at rest;
//!  | worker cycle         |   |       +----------------------+    Seat reads it when a slice is
//!  | process events       |   | loop  | scheduler loop       |    taken, and writes it when
//!  | epoll_wait (hook)    |   | slice +----------------------+    another slice is laid back
//!  | Fiber::enter         |  /
//!  +----------------------+ <- rsp
//! ```
//!
//! All that a suspended side consists of is its bytes from `rsp` up to `base` and the value of
//! `rsp` itself: corosensei pushes the registers that matter before it switches. So a slice is
//! those bytes and one word.
//!
//! Must not: know about events, jobs or hooks; allocate while a slice is being laid back.
//!
//! Why the *scheduler* is the coroutine, and not the server: the server's stack stays the one that
//! the kernel and glibc made. Its size, guard page, growth, `pthread_getattr_np`, signal handling,
//! thread exit and cancellation need nothing of ours, and a debugger sees `main` below
//! `epoll_wait` because corosensei's unwind information continues through the parent link.

mod ambient;
mod arch;
mod block;
mod fiber;
mod measure;
mod roomy;
mod slice;

pub use ambient::{Ambient, FloatControl};
pub use block::{OfThread, of_thread, stack_pointer};
pub use fiber::{Fiber, Seat};
pub use measure::{bare_pair, park_resume_pair};
pub use roomy::on_roomy_stack;
pub use slice::Slice;
