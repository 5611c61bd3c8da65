//! What the tests of `deflate` and of `inflate` share.

pub(crate) mod data;
pub(crate) mod fuzz;
pub(crate) mod memory;
pub(crate) mod zlib;
