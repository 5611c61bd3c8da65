//! The harness: starts real, unmodified servers with and without the shim, for the end-to-end
//! tests here and for `interlude bench`.
//!
//! Must not: know anything of the shim's insides. It sees what an operator sees: the library's
//! path, the `INTERLUDE_*` variables and the statistics page.

pub mod stats;
